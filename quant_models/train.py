"""Joint training of all exits: L = sum over exits of weight * cross-entropy (BranchyNet). Seeded and resumable.

Everything random is drawn from generators seeded by (seed, epoch), and the learning rate is a function of the step, so a
checkpoint needs only weights and optimiser state for an interrupted run to end exactly as an uninterrupted one. (Exactly: on
the same machine and number of threads; PyTorch adds in another order with another number.)
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from quant_models.checkpoint import Checkpoint, load_checkpoint, restore, save_checkpoint
from quant_models.data import Dataset, split
from quant_models.errors import QuantModelError
from quant_models.integers import frozen
from quant_models.net import MultiExitNet, NetSpec

__all__ = ["Progress", "TrainSettings", "data_digest", "evaluate", "train"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How to train. Raises :class:`QuantModelError` on a value out of range."""

    epochs: int
    """Passes over the training data, at least 1."""
    batch: int = 128
    """Images per step, at least 2 (batch norm needs a spread)."""
    learning_rate: float = 4e-3
    """Adam's, after warm-up; falls to zero along a cosine."""
    warmup: float = 0.05
    """Share of all steps over which the learning rate rises from zero, 0 to 1."""
    weight_decay: float = 1e-4
    """Decoupled, on weights only, at least 0."""
    exit_weights: tuple[float, ...] | None = None
    """Weight of each exit's loss, one per exit, not negative, not all zero; None: all 1."""
    shift: int = 0
    """Augmentation: shift each image by up to so many pixels each way, at least 0."""
    flip: bool = False
    """Augmentation: mirror each image left to right half of the time."""
    validation: float = 0.1
    """Share of the training set kept for validation and calibration."""
    seed: int = 0
    """Of initialisation, order, augmentation and the validation split."""

    def __post_init__(self) -> None:
        for key, good, allowed in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch", self.batch >= 2, "at least 2"),
            ("learning_rate", 0 < self.learning_rate < 1, "between 0 and 1"),
            ("warmup", 0 <= self.warmup <= 1, "0 to 1"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("shift", self.shift >= 0, "at least 0"),
        ):
            if not good:
                raise QuantModelError(f"{key} must be {allowed}, not {getattr(self, key)}")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a callback is told after each step: ``loss`` of this step; ``accuracy`` per exit over the validation split, with the
    last step of an epoch."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: tuple[float, ...] | None = None


def _images(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def evaluate(model: MultiExitNet, images: np.ndarray, labels: np.ndarray, batch: int = 512) -> list[dict[str, float]]:
    """``accuracy`` (0 to 1) and ``loss`` (cross-entropy) of each exit alone over uint8 ``images`` ``[n, height, width, channels]``."""
    x, y = _images(images), torch.from_numpy(labels)
    right, loss = [0] * model.spec.exits, [0.0] * model.spec.exits
    with frozen(model):
        for start in range(0, len(x), batch):
            target = y[start : start + batch]
            for k, logits in enumerate(model(x[start : start + batch].to(torch.float32) / 256)):
                right[k] += int((logits.argmax(1) == target).sum())
                loss[k] += float(functional.cross_entropy(logits, target, reduction="sum"))
    return [{"accuracy": r / len(x), "loss": total / len(x)} for r, total in zip(right, loss, strict=True)]


def _augment(x: Tensor, settings: TrainSettings, generator: torch.Generator) -> Tensor:
    if settings.shift:
        reach, (height, width) = settings.shift, x.shape[2:]
        padded = functional.pad(x, (reach,) * 4)
        corner = torch.randint(0, 2 * reach + 1, (2, len(x)), generator=generator)
        out = torch.empty_like(x)
        for top in range(2 * reach + 1):
            for left in range(2 * reach + 1):
                here = (corner[0] == top) & (corner[1] == left)
                out[here] = padded[here, :, top : top + height, left : left + width]
        x = out
    if settings.flip:
        mirrored = torch.rand(len(x), generator=generator) < 0.5
        x = torch.where(mirrored.reshape(-1, 1, 1, 1), x.flip(3), x)
    return x


def data_digest(data: Dataset) -> str:
    """SHA-256 of the training images and labels, in hexadecimal."""
    digest = hashlib.sha256(np.ascontiguousarray(data.x_train).data)
    digest.update(np.ascontiguousarray(data.y_train).data)
    return digest.hexdigest()


def _identity(settings: TrainSettings, data: Dataset) -> dict[str, Any]:
    """What a partial checkpoint must have in common with a run to be its beginning."""
    raw = dataclasses.asdict(settings)
    raw["exit_weights"] = None if settings.exit_weights is None else list(settings.exit_weights)
    return {"settings": raw, "data": data_digest(data)}


def _optimizer(model: MultiExitNet, settings: TrainSettings) -> torch.optim.Optimizer:
    # Decay pulls weights; on gammas, biases and activation ranges it would only fight the quantisers.
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _rate(settings: TrainSettings, step: int, total: int) -> float:
    warmup = settings.warmup * total
    if step < warmup:
        return settings.learning_rate * (step + 1) / (warmup + 1)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _flatten(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {f"{index}.{key}": value for index, state in optimizer.state_dict()["state"].items() for key, value in state.items()}


def _unflatten(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def train(
    spec: NetSpec, data: Dataset, settings: TrainSettings, path: Path, progress: Callable[[Progress], None] | None = None
) -> dict[str, Any]:
    """Train ``spec`` on the training part of ``data`` and write the checkpoint ``path``; the test part is not looked at.

    After each epoch the state goes to ``<path>.partial``; when that holds the beginning of this very run (network, data,
    settings), it goes on from there. ``path`` itself is replaced only when training is done. Returns ``{"exits": [{"accuracy",
    "loss"} per exit over the validation split], "history": [those of each epoch], "train_samples", "validation_samples"}``,
    which the checkpoint holds as ``progress["metrics"]`` too, beside the identity of the run, ``progress["run"]``.
    """
    if data.shape != (spec.height, spec.width, spec.channels):
        takes = (spec.height, spec.width, spec.channels)
        raise QuantModelError(f"images of {data.name} are {data.shape}, the network {spec.name} takes {takes}")
    if data.classes > spec.classes:
        raise QuantModelError(f"{data.name} has {data.classes} classes, the network {spec.name} has {spec.classes}")
    weights = settings.exit_weights or (1.0,) * spec.exits
    if len(weights) != spec.exits or min(weights) < 0 or max(weights) == 0:
        raise QuantModelError(f"exit_weights must be {spec.exits} numbers, not negative and not all zero, not {weights}")

    kept, held = split(data, settings.validation, settings.seed)
    if settings.batch > len(kept):
        raise QuantModelError(f"batch must be at most the {len(kept)} training samples, not {settings.batch}")
    x, y = _images(data.x_train[kept]), torch.from_numpy(data.y_train[kept])
    x_held, y_held = data.x_train[held], data.y_train[held]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = MultiExitNet(spec)

    identity = _identity(settings, data)
    partial = path.with_name(path.name + ".partial")
    history: list[list[dict[str, float]]] = []
    moments: dict[str, Tensor] = {}
    if partial.is_file():
        found = load_checkpoint(partial)
        if found.spec == spec and found.progress["run"] == identity:
            restore(model, found.model, partial)
            moments, history = found.optimizer, found.progress["history"]
    # Not before: loading replaces the parameters that hold Brevitas' learned ranges, and the optimiser would keep the old ones.
    optimizer = _optimizer(model, settings)
    if moments:
        _unflatten(optimizer, moments)

    steps = len(x) // settings.batch
    for epoch in range(len(history), settings.epochs):
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
        order = torch.randperm(len(x), generator=generator)
        model.train()
        for step in range(steps):
            chosen = order[step * settings.batch : (step + 1) * settings.batch]
            images = _augment(x[chosen], settings, generator).to(torch.float32) / 256
            for group in optimizer.param_groups:
                group["lr"] = _rate(settings, epoch * steps + step, settings.epochs * steps)
            optimizer.zero_grad(set_to_none=True)
            losses = [functional.cross_entropy(logits, y[chosen]) for logits in model(images)]
            loss = torch.stack([weight * item for weight, item in zip(weights, losses, strict=True)]).sum()
            loss.backward()
            optimizer.step()
            model.clamp()
            if progress and step < steps - 1:
                progress(Progress(epoch=epoch, epochs=settings.epochs, step=step, steps=steps, loss=float(loss.detach())))
        history.append(evaluate(model, x_held, y_held))
        state = {"run": identity, "history": history}
        save_checkpoint(partial, Checkpoint(spec=spec, model=model.state_dict(), optimizer=_flatten(optimizer), progress=state))
        if progress:
            accuracy = tuple(item["accuracy"] for item in history[-1])
            last = float(loss.detach())
            progress(Progress(epoch=epoch, epochs=settings.epochs, step=steps - 1, steps=steps, loss=last, accuracy=accuracy))

    metrics = {"exits": history[-1], "history": history, "train_samples": len(kept), "validation_samples": len(held)}
    save_checkpoint(path, Checkpoint(spec=spec, model=model.state_dict(), progress={"run": identity, "metrics": metrics}))
    partial.unlink(missing_ok=True)
    return metrics
