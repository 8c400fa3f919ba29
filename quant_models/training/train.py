"""The training of a network that is described by a :class:`quant_models.networks.spec.NetSpec`; the loop is
:mod:`quant_models.training.loop`'s."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from quant_models.datasets.digest import array_digest, data_digest
from quant_models.datasets.load import Dataset
from quant_models.errors import QuantModelError
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint, restore, save_checkpoint
from quant_models.networks.cut import cut
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import NetSpec
from quant_models.training.gate_head import GateHeads
from quant_models.training.loop import Kept, Store, fit
from quant_models.training.schemes import Joint, Scheme
from quant_models.training.settings import Progress, TrainSettings, device, told

__all__ = ["Progress", "TrainSettings", "device", "run_identity", "told", "train"]


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


class _Partial(Store):
    """The unfinished checkpoint of ``spec``."""

    def __init__(self, path: Path, spec: NetSpec) -> None:
        super().__init__(path)
        self.spec = spec

    def read(self) -> Kept | None:
        if not self.path.is_file():
            return None
        found = load_checkpoint(self.path)
        return Kept(model=found.model, optimizer=found.optimizer, progress=found.progress) if found.spec == self.spec else None

    def restore(self, model: MultiExitNet, weights: dict[str, Tensor]) -> None:
        restore(model, weights, self.path)

    def write(self, kept: Kept) -> None:
        save_checkpoint(self.path, Checkpoint(spec=self.spec, **vars(kept)))


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
    samples without labels, uint8 ``[n, height, width, channels]``; ``build`` makes the network, and ``gates`` says how its gate heads are
    trained.

    After each epoch the state goes to ``<path>.partial``; when that holds the beginning of this very run (network, data,
    settings, scheme, start), it goes on from there. ``path`` itself is replaced only when training is done. Returns ``{"exits":
    [{"accuracy", "loss"} per exit over the validation split], "history": [those of each epoch], "train_samples", "validation_samples"}``,
    with early stopping also ``"kept_epochs"``, by phase and part the epoch, from 0, whose weights were kept. The checkpoint holds that as
    ``progress["metrics"]`` too, beside the identity of the run, ``progress["run"]``.

    Raises :class:`QuantModelError` for what does not fit together, :class:`quant_models.errors.Diverged` when a loss is no number.
    """
    scheme, gates = scheme or Joint(), gates or GateHeads()
    _check(spec, data, scheme, start, unlabelled)
    device(settings.device)
    identity = run_identity(spec, data, settings, scheme, start=start, unlabelled=unlabelled, gates=gates)
    model = _model(spec, scheme, settings.seed, start, build)
    if model.kind != MultiExitNet.kind:
        identity["network"] = model.kind
    phases = (*scheme.phases(spec, settings.epochs), *gates.phases(spec, settings.epochs))
    partial = _Partial(path.with_name(path.name + ".partial"), spec)
    metrics = fit(model, data, settings, scheme, phases, partial, identity, progress, unlabelled)
    save_checkpoint(path, Checkpoint(spec=spec, model=model.state_dict(), progress={"run": identity, "metrics": metrics}))
    partial.path.unlink(missing_ok=True)
    return metrics
