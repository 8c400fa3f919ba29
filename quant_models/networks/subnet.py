"""One exit of a trained network by itself: the backbone up to its fork and its head, all else left out."""

from dataclasses import replace
from pathlib import Path

from quant_models.errors import QuantModelError
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint
from quant_models.networks.spec import NetSpec, Unit, trace

__all__ = ["subnet", "subnet_spec"]


def subnet_spec(spec: NetSpec, index: int) -> NetSpec:
    """The network with the stages 0 to ``index`` of ``spec`` as its one stage, and head ``index`` as its one head, without a
    gate head: every sample leaves.

    Raises :class:`QuantModelError` when ``spec`` has no such exit.
    """
    if not 0 <= index < spec.exits:
        raise QuantModelError(f"exit must be 0 to {spec.exits - 1} of {spec.name}, not {index}")
    backbone = tuple(layer for stage in spec.stages[: index + 1] for layer in stage)
    return replace(spec, stages=(backbone,), heads=(spec.heads[index],), gates=())


def subnet(path: Path, index: int) -> Checkpoint:
    """The weights of :func:`subnet_spec` out of the checkpoint at ``path``.

    ``progress`` of the result holds ``cut``, the ``digest`` of the network it is from and the one of its ``exits`` that is left, and the
    ``run`` of that checkpoint. Raises :class:`QuantModelError` as :func:`load_checkpoint` and :func:`subnet_spec` do.
    """
    found = load_checkpoint(path)
    spec = subnet_spec(found.spec, index)
    model = {key: value for key, value in found.model.items() if not key.startswith(("stages.", "heads.", "gates."))}
    for part in ("stage", "head"):
        wanted = range(index + 1) if part == "stage" else (index,)
        old = [_place(part, k, unit) for where, k, unit in trace(found.spec) if where == part and k in wanted]
        new = [_place(part, k, unit) for where, k, unit in trace(spec) if where == part]
        for there, here in zip(old, new, strict=True):
            model |= {f"{here}{key.removeprefix(there)}": value for key, value in found.model.items() if key.startswith(f"{there}.")}
    progress = {"cut": {"digest": found.spec.digest(), "exits": [index]}, "run": found.progress.get("run")}
    return Checkpoint(spec=spec, model=model, progress=progress)


def _place(part: str, k: int, unit: Unit) -> str:
    """Where a model's state holds a layer."""
    return f"{part}s.{k}.{unit.name}"
