"""The training loop of any network that gives logits by exit: order, schedule, optimiser, validation, early stop, resuming. What a step
minimises is a scheme's (:mod:`quant_models.training.schemes`).

Everything random is drawn from generators seeded by (seed, epoch), and the learning rate is a function of the step, so a
checkpoint needs only weights and optimiser state for an interrupted run to end exactly as an uninterrupted one. (Exactly: on
the same machine, device and number of threads; PyTorch adds in another order with another number.)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from quant_models.datasets.load import Dataset, split
from quant_models.errors import Diverged, QuantModelError
from quant_models.exits.promise import parted, seen_by_training
from quant_models.training.augment import augment, order, perturbed
from quant_models.training.evaluate import evaluate, images_of
from quant_models.training.optimiser import flatten, optimiser, rate, unflatten
from quant_models.training.schemes import UNLABELLED, Batch, Part, Scheme
from quant_models.training.settings import Progress, TrainSettings, device

__all__ = ["Kept", "Store", "fit"]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An unfinished training as it lies on disk: ``model`` weights, what else it goes on from (``optimizer``), and ``progress``, JSON data,
    with the identity of the run, ``run``."""

    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    progress: dict[str, Any]


class Store(ABC):
    """Where the state of a training of one kind of network goes after every epoch: the file ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def read(self) -> Kept | None:
        """What lies there of this very network; None where that is nothing."""

    @abstractmethod
    def restore(self, model: Any, weights: dict[str, Tensor]) -> None:
        """Put ``weights`` into ``model``."""

    @abstractmethod
    def write(self, kept: Kept) -> None:
        """Put ``kept`` there, whole or not at all."""


@dataclass
class _State:
    """How far a training is: ``epoch`` epochs of ``phase`` are done; ``best`` has the epoch and score of each part of this phase, ``kept``
    by phase and part the epoch whose weights an earlier phase kept."""

    history: list[list[dict[str, float]]] = field(default_factory=list)
    phase: int = 0
    epoch: int = 0
    best: dict[str, dict[str, float]] = field(default_factory=dict)
    kept: dict[str, dict[str, int]] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, Tensor] = field(default_factory=dict)
    on_disk: bool = False

    def running(self, parts: Sequence[Part], early_stop: int | None) -> list[Part]:
        """The parts that have not stopped early."""
        return [part for part in parts if early_stop is None or part.name not in self.best
                or self.epoch - 1 - self.best[part.name]["epoch"] < early_stop]


@dataclass(frozen=True)
class _Samples:
    """Training samples: ``x`` uint8 ``[n, channels, height, width]``, ``y`` int64; and those held out that are looked at after every epoch,
    as a data set has them."""

    x: Tensor
    y: Tensor
    x_held: np.ndarray
    y_held: np.ndarray


class _Training:
    """One run of :func:`fit`: its model, a module with ``spec``, logits by exit and ``clamp()``, and what it is to be trained with."""

    def __init__(self, model: Any, settings: TrainSettings, samples: _Samples, store: Store, identity: dict[str, Any],
                 epochs: int, progress: Callable[[Progress], None] | None) -> None:
        self.model = model
        self.settings = settings
        self.samples = samples
        self.store = store
        self.identity = identity
        self.epochs = epochs
        self.progress = progress
        self.state = _State()

    def resume(self) -> None:
        """Go on from what the store holds when it is this very run's."""
        found = self.store.read()
        if found is None or found.progress["run"] != self.identity:
            return
        self.store.restore(self.model, found.model)
        at = found.progress

        def named(prefix: str) -> dict[str, Tensor]:
            return {key.removeprefix(prefix): value for key, value in found.optimizer.items() if key.startswith(prefix)}

        self.state = _State(history=at["history"], phase=at["phase"], epoch=at["epoch"], best=at["best"], kept=at["kept"],
                            weights=named("best."), moments=named("moments."), on_disk=True)

    def save(self, optimisers: Sequence[torch.optim.Optimizer]) -> None:
        state = self.state
        tensors = {f"moments.{index}.{key}": value for index, item in enumerate(optimisers) for key, value in flatten(item).items()}
        tensors |= {f"best.{key}": value for key, value in state.weights.items()}
        progress = {"run": self.identity, "history": state.history, "phase": state.phase, "epoch": state.epoch, "best": state.best,
                    "kept": state.kept}
        self.store.write(Kept(model=self.model.state_dict(), optimizer=tensors, progress=progress))
        state.on_disk = True

    def phase(self, scheme: Scheme, epochs: int) -> None:
        """Train ``scheme``, a phase."""
        settings, state, model = self.settings, self.state, self.model
        parts = scheme.parts(model.spec)
        # Not before: loading replaces the parameters that hold Brevitas' learned ranges, and the optimisers would keep the old ones.
        owned = [[value for key, value in model.named_parameters() if part.owns(key)] for part in parts]
        optimisers = [optimiser(item, settings.learning_rate, settings.weight_decay) for item in owned]
        for index, item in enumerate(optimisers):
            prefix = f"{index}."
            if state.epoch:
                unflatten(item, {key.removeprefix(prefix): value for key, value in state.moments.items() if key.startswith(prefix)})
        while state.epoch < epochs and state.running(parts, settings.early_stop):
            with torch.random.fork_rng(devices=[]):
                # What a network of the user's draws by itself: dropout, for instance.
                torch.manual_seed(settings.seed * 1_000_003 + state.epoch)
                self._epoch(scheme, epochs, parts, owned, optimisers)
        kept = state.kept
        if settings.early_stop is not None:
            place = next(model.parameters()).device
            model.load_state_dict({**model.state_dict(), **{key: value.to(place) for key, value in state.weights.items()}})
            kept = {**kept, scheme.name: {name: int(found["epoch"]) for name, found in state.best.items()}}
        self.state = _State(history=state.history, phase=state.phase + 1, kept=kept, on_disk=state.on_disk)

    def _epoch(self, scheme: Scheme, epochs: int, parts: Sequence[Part], owned: Sequence[list[torch.nn.Parameter]],
               optimisers: Sequence[torch.optim.Optimizer]) -> None:
        settings, state, model, x, y = self.settings, self.state, self.model, self.samples.x, self.samples.y
        epoch, done = state.epoch, len(state.history)
        place = next(model.parameters()).device
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
        chosen_order = order(y != UNLABELLED, generator)
        steps = len(x) // settings.batch
        scheme.begin(model)
        for step in range(steps):
            chosen = chosen_order[step * settings.batch : (step + 1) * settings.batch]
            images = augment(x[chosen], settings, generator).to(place).to(torch.float32) / 256
            images = perturbed(images, settings, generator)
            speed = rate(settings.schedule, settings.learning_rate, settings.warmup, epoch * steps + step, epochs * steps)
            for item in optimisers:
                for group in item.param_groups:
                    group["lr"] = speed
                item.zero_grad(set_to_none=True)
            loss, made_of = scheme.loss(model, Batch(images, y[chosen].to(place)), epoch, generator)
            now = float(loss.detach())
            self._finite({**made_of, "all": now}, f"epoch {done + 1}, step {step + 1} of {steps}")
            loss.backward()
            for item, weights in zip(optimisers, owned, strict=True):
                if settings.clip is not None:
                    torch.nn.utils.clip_grad_norm_(weights, settings.clip)
                item.step()
            model.clamp()
            if self.progress and step < steps - 1:
                self.progress(Progress(epoch=done, epochs=self.epochs, step=step, steps=steps, loss=now))
        found = evaluate(model, self.samples.x_held, self.samples.y_held)
        self._finite({f"exit {k} on the validation split": item["loss"] for k, item in enumerate(found)}, f"the end of epoch {done + 1}")
        state.history.append(found)
        self._judge(parts, found)
        self.save(optimisers)
        if self.progress:
            accuracy = tuple(item["accuracy"] for item in found)
            self.progress(Progress(epoch=done, epochs=self.epochs, step=steps - 1, steps=steps, loss=now, accuracy=accuracy))

    def _finite(self, losses: dict[str, float], where: str) -> None:
        """Raise :class:`Diverged` when one of ``losses`` is no number: before it can spoil a weight or a checkpoint."""
        for name, value in losses.items():
            if not math.isfinite(value):
                kept = self.store.path if self.state.on_disk else None
                left = f"the weights after epoch {len(self.state.history)} are kept" if kept else "no epoch was done"
                advice = "a lower learning_rate, or clip, may help"
                raise Diverged(f"training stopped at {where}: the loss of {name} is {value}; {left}; {advice}", kept)

    def _judge(self, parts: Sequence[Part], found: list[dict[str, float]]) -> None:
        """An epoch is done: remember the weights of the parts that it made better."""
        state = self.state
        if self.settings.early_stop is not None:
            running = state.running(parts, self.settings.early_stop)
            for part in running:
                score = sum(found[k][part.by] for k in part.exits) / len(part.exits)
                if part.name not in state.best or score > state.best[part.name]["score"]:
                    state.best[part.name] = {"epoch": state.epoch, "score": score}
                    state.weights |= {key: value.detach().clone() for key, value in self.model.state_dict().items() if part.owns(key)}
        state.epoch += 1


def fit(
    model: Any, data: Dataset, settings: TrainSettings, scheme: Scheme, phases: Sequence[tuple[Scheme, int]], store: Store,
    identity: dict[str, Any], progress: Callable[[Progress], None] | None = None, unlabelled: np.ndarray | None = None,
) -> dict[str, Any]:
    """Train ``model`` (as :class:`_Training` takes it) by ``phases`` of ``scheme`` on the training part of ``data``; the test part is not
    looked at. After each epoch the state goes into ``store``, and a run of this ``identity`` goes on from what it holds.

    Returns the metrics that :func:`quant_models.training.train.train` returns. Raises :class:`QuantModelError` for a batch that is larger
    than the training part, :class:`quant_models.errors.Diverged` when a loss is no number.
    """
    place = device(settings.device)
    kept, held = split(data, settings.validation, settings.seed)
    x, y = data.x_train[kept], data.y_train[kept]
    y = np.where(scheme.labelled(y, settings.seed), y, UNLABELLED)
    if unlabelled is not None:
        x, y = np.concatenate([x, unlabelled]), np.concatenate([y, np.full(len(unlabelled), UNLABELLED)])
    if settings.batch > len(x):
        raise QuantModelError(f"batch must be at most the {len(x)} training samples, not {settings.batch}")
    # What ends a training and chooses its weights must not be among what proves thresholds.
    watched = held if settings.early_stop is None else held[np.sort(parted(len(held), settings.seed)[: seen_by_training(len(held))])]
    samples = _Samples(images_of(x), torch.from_numpy(y), data.x_train[watched], data.y_train[watched])

    run = _Training(model, settings, samples, store, identity, sum(epochs for _, epochs in phases), progress)
    run.resume()
    model.to(place)
    for phase, epochs in phases[run.state.phase :]:
        run.phase(phase, epochs)

    history = run.state.history
    metrics: dict[str, Any] = {
        "exits": history[-1] if settings.early_stop is None and history else evaluate(model, data.x_train[held], data.y_train[held]),
        "history": history, "train_samples": len(x), "validation_samples": len(held),
    }
    if settings.early_stop is not None:
        metrics["kept_epochs"] = run.state.kept
    return metrics
