"""How to train, whatever network and scheme; and what a training tells while it runs."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import torch

from quant_models.errors import QuantModelError
from quant_models.training.optimiser import SCHEDULES, Schedule
from quant_models.training.perturb import check_names
from quant_models.training.schemes import Scheme

__all__ = ["Progress", "TrainSettings", "device", "told"]

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How to train, whatever the scheme. Raises :class:`QuantModelError` on a value out of range."""

    epochs: int
    """Passes over the training data, at least 1."""
    batch: int = 128
    """Images per step, at least 2 (batch norm needs a spread)."""
    learning_rate: float = 4e-3
    """Adam's, after warm-up."""
    warmup: float = 0.05
    """Share of all steps over which the learning rate rises from zero, 0 to 1."""
    schedule: Schedule = "cosine"
    """How the learning rate goes after that (:func:`quant_models.training.optimiser.rate`)."""
    weight_decay: float = 1e-4
    """Decoupled, on weights only, at least 0."""
    clip: float | None = None
    """Greatest norm of the gradients of a step, above 0; None: as they are."""
    shift: int = 0
    """Augmentation: shift each image by up to so many pixels each way, at least 0."""
    flip: bool = False
    """Augmentation: mirror each image left to right half of the time."""
    perturb: tuple[str, ...] = ()
    """Augmentation: half of the images, drawn anew in every epoch, are changed by one of these perturbations, drawn too
    (:mod:`quant_models.training.perturb`); none: no image is."""
    perturb_strength: float = 0.5
    """Their strength, 0 to 1."""
    validation: float = 0.1
    """Share of the training set kept for validation and calibration."""
    early_stop: int | None = None
    """Epochs without a better mean accuracy of the exits after which training ends, at least 1; the best weights are kept. It looks at a
    sixth of the validation split, which proves no thresholds (:func:`quant_models.exits.promise.parted`), and so does the history. None:
    all epochs are trained, and the last weights are kept."""
    seed: int = 0
    """Of initialisation, order, augmentation and the validation split."""
    device: Device = "auto"
    """Where steps are computed; ``auto``: on a GPU where torch sees one."""

    def __post_init__(self) -> None:
        for key, good, allowed in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch", self.batch >= 2, "at least 2"),
            ("learning_rate", 0 < self.learning_rate < 1, "between 0 and 1"),
            ("warmup", 0 <= self.warmup <= 1, "0 to 1"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("clip", self.clip is None or self.clip > 0, "above 0"),
            ("shift", self.shift >= 0, "at least 0"),
            ("perturb_strength", 0 <= self.perturb_strength <= 1, "0 to 1"),
            ("early_stop", self.early_stop is None or self.early_stop >= 1, "at least 1"),
            ("device", self.device in ("auto", "cpu", "cuda"), "auto, cpu or cuda"),
        ):
            if not good:
                raise QuantModelError(f"{key} must be {allowed}, not {getattr(self, key)}")
        if self.perturb:
            check_names(self.perturb)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a callback is told after each step: ``loss`` of this step; ``accuracy`` per exit over the validation split, with the
    last step of an epoch. ``epochs`` are those of all phases of the scheme."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: tuple[float, ...] | None = None


def device(name: Device) -> torch.device:
    """The device called ``name``; raises :class:`QuantModelError` for ``cuda`` where torch sees none."""
    seen = torch.cuda.is_available()
    if name == "cuda" and not seen:
        raise QuantModelError("device must be cpu or auto, not cuda: torch sees no GPU")
    return torch.device("cuda" if seen and name != "cpu" else "cpu")


def told(settings: TrainSettings, scheme: Scheme) -> dict[str, Any]:
    """``settings`` and ``scheme`` as the JSON data that a checkpoint and ``metrics.json`` hold: ``{"settings", "scheme"}``."""
    described, chosen = scheme.describe(), dataclasses.asdict(settings)
    if not settings.perturb:
        # Checkpoints made before there was this augmentation say nothing of it, and are those of trainings without it.
        del chosen["perturb"], chosen["perturb_strength"]
    return {"settings": {**chosen, "exit_weights": described.get("exit_weights")}, "scheme": described}
