"""``exits.json`` (docs/interfaces.md, section 3): where samples leave, and how the thresholds were found."""

from typing import Any, Literal

from pydantic import Field

from quant_models.records import Artefact, Record

__all__ = ["Calibration", "ExitRecord", "ExitsFile", "ScaledRecord", "Wanted"]


class ExitRecord(Record):
    """One exit: its ``policy`` with the integer ``threshold`` that the hardware compares with and the integer constants ``params`` (those
    of each policy are its own), the real value ``scale`` of one unit of its logits; of the validation samples the shares that ``reach`` it
    and ``leave`` there, 0 to 1, and the ``accuracy`` of those that leave, None when none does. ``gate_scale`` is one unit of a gate head's
    logit; ``temperature`` is what softmax and entropy divide logits by."""

    index: int
    policy: str
    threshold: int
    enabled: bool
    scale: float
    params: dict[str, Any]
    reach: float = 1.0
    leave: float = 0.0
    accuracy: float | None = None
    gate_scale: float = 1.0
    temperature: float = 1.0

    @property
    def scaled(self) -> bool:
        """Whether softmax and entropy compare logits over a temperature of this exit's own."""
        return "temperature" in self.model_fields_set


class Wanted(Record):
    """What calibration was asked for: one of the four."""

    accuracy_loss: float | None = None
    shares: list[float] = Field(default_factory=list)
    mean_cost: float = 1.0
    cost: str = ""
    thresholds: list[float | None] = Field(default_factory=list)


class ScaledRecord(Record):
    """A temperature, and what it does to log loss (nats) and calibration error over the validation split."""

    temperature: float
    log_loss: float
    ece: float
    log_loss_scaled: float
    ece_scaled: float


class Calibration(Record):
    """How the thresholds were found: what was ``wanted``; of the ``samples`` of the validation split the ``accuracy`` with exits, of the
    last exit alone, and of every exit alone; by exit (its number as text) the real thresholds, a list by class for ``class_threshold``, and
    the bound that integer constants keep to (``epsilon``).

    What is promised of the accuracy lost to exits: that it is within what was wanted with ``confidence``, or on ``average`` over all draws
    of the samples, or nothing (``none``). Of the ``proof_samples``, which found nothing, so many had ``harms`` (the last exit is right, the
    answer given wrong); with ``confidence`` the mean harm of new samples, and so the loss, is within ``bound`` (None: no sample was kept
    for that), if they are independent draws of what comes later."""

    wanted: Wanted
    samples: int
    accuracy: float
    last_exit_accuracy: float
    exit_accuracy: list[float]
    real_thresholds: dict[str, float | list[float]]
    epsilon: dict[str, float]
    mean_cost: float = 1.0
    temperature: list[ScaledRecord] = Field(default_factory=list)
    promise: Literal["confidence", "average", "none"] = "none"
    confidence: float | None = None
    proof_samples: int = 0
    harms: int = 0
    bound: float | None = None


class ExitsFile(Artefact):
    """The whole file: ``exits`` first exit first, the last one of policy ``always``."""

    exits: list[ExitRecord]
    calibration: Calibration
