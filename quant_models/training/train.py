"""The training loop: order, schedule, optimiser, validation, early stop, resuming. What a step minimises is a scheme's
(:mod:`quant_models.training.schemes`).

Everything random is drawn from generators seeded by (seed, epoch), and the learning rate is a function of the step, so a
checkpoint needs only weights and optimiser state for an interrupted run to end exactly as an uninterrupted one. (Exactly: on
the same machine, device and number of threads; PyTorch adds in another order with another number.)
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from quant_models.datasets.digest import array_digest, data_digest
from quant_models.datasets.load import Dataset, split
from quant_models.errors import Diverged, QuantModelError
from quant_models.exits.promise import parted, seen_by_training
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint, restore, save_checkpoint
from quant_models.networks.cut import cut
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import NetSpec
from quant_models.training.evaluate import evaluate, images_of
from quant_models.training.gate_head import GateHeads
from quant_models.training.optimiser import SCHEDULES, Schedule, flatten, optimiser, rate, unflatten
from quant_models.training.perturb import check_names, perturb_any
from quant_models.training.schemes import UNLABELLED, Batch, Joint, Part, Scheme

__all__ = ["Progress", "TrainSettings", "device", "evaluate", "run_identity", "told", "train"]

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


def _augment(x: Tensor, settings: TrainSettings, generator: torch.Generator) -> Tensor:
    if settings.shift:
        reach, (height, width) = settings.shift, x.shape[2:]
        padded = functional.pad(x, (reach,) * 4)
        corner = torch.randint(0, 2 * reach + 1, (2, len(x)), generator=generator)
        if width == 1:
            corner[1] = reach  # windows of sensor samples move in time alone
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


def _perturbed(images: Tensor, settings: TrainSettings, generator: torch.Generator) -> Tensor:
    """``images``, float32 of 256ths, half of them perturbed where that is wanted."""
    if not settings.perturb:
        return images
    chosen = (torch.rand(len(images), generator=generator) < 0.5).reshape(-1, 1, 1, 1).to(images.device)
    return torch.where(chosen, perturb_any(images, settings.perturb, settings.perturb_strength, generator), images)


def _order(labelled: Tensor, generator: torch.Generator) -> Tensor:
    """A random order of all samples in which those of bool ``labelled`` lie evenly between the others."""
    if bool(labelled.all()):
        return torch.randperm(len(labelled), generator=generator)
    groups = [torch.nonzero(mask)[:, 0] for mask in (labelled, ~labelled)]
    index = torch.cat([group[torch.randperm(len(group), generator=generator)] for group in groups])
    place = torch.cat([(torch.arange(len(group), dtype=torch.float64) + 0.5) / len(group) for group in groups])
    return index[place.argsort(stable=True)]


def told(settings: TrainSettings, scheme: Scheme) -> dict[str, Any]:
    """``settings`` and ``scheme`` as the JSON data that a checkpoint and ``metrics.json`` hold: ``{"settings", "scheme"}``."""
    described, chosen = scheme.describe(), dataclasses.asdict(settings)
    if not settings.perturb:
        # Checkpoints made before there was this augmentation say nothing of it, and are those of trainings without it.
        del chosen["perturb"], chosen["perturb_strength"]
    return {"settings": {**chosen, "exit_weights": described.get("exit_weights")}, "scheme": described}


def run_identity(
    spec: NetSpec, data: Dataset, settings: TrainSettings, scheme: Scheme, *, start: Path | None, unlabelled: np.ndarray | None,
    gates: GateHeads,
) -> dict[str, Any]:
    """What a checkpoint says, beside its network, of how :func:`train` made it, as JSON data: ``settings`` and ``scheme`` of :func:`told`,
    digests of ``data``, ``start`` (None: new weights) and, where there are any, ``unlabelled``; where ``spec`` has gate heads,
    ``gates``."""
    return {
        **told(settings, scheme), "data": data_digest(data), "start": start and hashlib.sha256(start.read_bytes()).hexdigest(),
        **({"gates": gates.describe()} if spec.gates else {}),
        **({} if unlabelled is None else {"unlabelled": array_digest(unlabelled)}),
    }


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
    """One run of :func:`train`, its model and what it is to be trained with."""

    def __init__(self, model: MultiExitNet, settings: TrainSettings, samples: _Samples, partial: Path, identity: dict[str, Any],
                 epochs: int, progress: Callable[[Progress], None] | None) -> None:
        self.model = model
        self.settings = settings
        self.samples = samples
        self.partial = partial
        self.identity = identity
        self.epochs = epochs
        self.progress = progress
        self.state = _State()

    def resume(self) -> None:
        """Go on from the partial checkpoint when it is this very run's."""
        if not self.partial.is_file():
            return
        found = load_checkpoint(self.partial)
        if found.spec != self.model.spec or found.progress["run"] != self.identity:
            return
        restore(self.model, found.model, self.partial)
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
        save_checkpoint(
            self.partial, Checkpoint(spec=self.model.spec, model=self.model.state_dict(), optimizer=tensors, progress=progress)
        )
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
        order = _order(y != UNLABELLED, generator)
        steps = len(x) // settings.batch
        scheme.begin(model)
        for step in range(steps):
            chosen = order[step * settings.batch : (step + 1) * settings.batch]
            images = _augment(x[chosen], settings, generator).to(place).to(torch.float32) / 256
            images = _perturbed(images, settings, generator)
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
                kept = self.partial if self.state.on_disk else None
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


def _check(spec: NetSpec, data: Dataset, scheme: Scheme, start: Path | None, unlabelled: np.ndarray | None) -> None:
    takes = (spec.height, spec.width, spec.channels)
    if data.shape != takes:
        raise QuantModelError(f"images of {data.name} are {data.shape}, the network {spec.name} takes {takes}")
    if data.classes > spec.classes:
        raise QuantModelError(f"{data.name} has {data.classes} classes, the network {spec.name} has {spec.classes}")
    scheme.check(spec)
    if start is None and scheme.needs_start():
        raise QuantModelError(f"scheme {scheme.name} goes on from trained weights: it needs a checkpoint to start from")
    if unlabelled is not None and not scheme.takes_unlabelled:
        raise QuantModelError(f"scheme {scheme.name} has no use for samples without labels")
    if unlabelled is not None and (unlabelled.dtype != np.uint8 or unlabelled.shape[1:] != takes):
        raise QuantModelError(f"samples without labels must be uint8 [n, {', '.join(map(str, takes))}], not {unlabelled.dtype} "
                              f"{list(unlabelled.shape)}")


def _model(spec: NetSpec, scheme: Scheme, seed: int, start: Path | None, build: Callable[[NetSpec], MultiExitNet]) -> MultiExitNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(spec)
    scheme.initialise(model, seed)
    if start is not None:
        taken = cut(start, dataclasses.replace(spec, gates=()), scheme.taken(spec), other_bits=True)
        restore(model, {**model.state_dict(), **taken.model}, start)
    return model


def train(
    spec: NetSpec, data: Dataset, settings: TrainSettings, path: Path, progress: Callable[[Progress], None] | None = None, *,
    scheme: Scheme | None = None, start: Path | None = None, unlabelled: np.ndarray | None = None,
    build: Callable[[NetSpec], MultiExitNet] = MultiExitNet, gates: GateHeads | None = None,
) -> dict[str, Any]:
    """Train ``spec`` by ``scheme`` (None: all exits jointly) on the training part of ``data`` and write the checkpoint ``path``; the test
    part is not looked at.

    ``start`` is a checkpoint of the same backbone and heads, whatever their bits, whose weights are begun with. ``unlabelled`` are further
    scheme: Scheme | None = None, start: Path | None = None, unlabelled: np.ndarray | None = None,
    build: Callable[[NetSpec], MultiExitNet] = MultiExitNet, gates: GateHeads | None = None,

    After each epoch the state goes to ``<path>.partial``; when that holds the beginning of this very run (network, data,
    settings, scheme, start), it goes on from there. ``path`` itself is replaced only when training is done. Returns ``{"exits":
    [{"accuracy", "loss"} per exit over the validation split], "history": [those of each epoch], "train_samples", "validation_samples"}``,
    with early stopping also ``"kept_epochs"``, by phase and part the epoch, from 0, whose weights were kept. The checkpoint holds that as
    ``progress["metrics"]`` too, beside the identity of the run, ``progress["run"]``.

    Raises :class:`QuantModelError` for what does not fit together, :class:`quant_models.errors.Diverged` when a loss is no number.
    """
    scheme = scheme or Joint()
    _check(spec, data, scheme, start, unlabelled)
    place = device(settings.device)
    kept, held = split(data, settings.validation, settings.seed)
    x, y = data.x_train[kept], data.y_train[kept]
    y = np.where(scheme.labelled(y, settings.seed), y, UNLABELLED)
    gates = gates or GateHeads()
    identity = run_identity(spec, data, settings, scheme, start=start, unlabelled=unlabelled, gates=gates)
    if unlabelled is not None:
        x, y = np.concatenate([x, unlabelled]), np.concatenate([y, np.full(len(unlabelled), UNLABELLED)])
    model = _model(spec, scheme, settings.seed, start, build)
    if model.kind != MultiExitNet.kind:
        identity["network"] = model.kind
    if settings.batch > len(x):
        raise QuantModelError(f"batch must be at most the {len(x)} training samples, not {settings.batch}")
    # What ends a training and chooses its weights must not be among what proves thresholds.
    watched = held if settings.early_stop is None else held[np.sort(parted(len(held), settings.seed)[: seen_by_training(len(held))])]
    samples = _Samples(images_of(x), torch.from_numpy(y), data.x_train[watched], data.y_train[watched])

    phases = (*scheme.phases(spec, settings.epochs), *gates.phases(spec, settings.epochs))
    partial = path.with_name(path.name + ".partial")
    run = _Training(model, settings, samples, partial, identity, sum(epochs for _, epochs in phases), progress)
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
    save_checkpoint(path, Checkpoint(spec=spec, model=model.state_dict(), progress={"run": identity, "metrics": metrics}))
    partial.unlink(missing_ok=True)
    return metrics
