"""The weights of one exit of a trained network by itself (:mod:`quant_models.networks.subnet_spec`)."""

from pathlib import Path

from quant_models.networks.checkpoint import Checkpoint, load_checkpoint
from quant_models.networks.spec import Described, described
from quant_models.networks.subnet_spec import subnet_spec

__all__ = ["subnet"]


def subnet(path: Path, index: int) -> Checkpoint:
    """The weights of :func:`quant_models.networks.subnet_spec.subnet_spec` out of the checkpoint at ``path``.

    ``progress`` of the result holds ``cut``, the ``digest`` of the network it is from and the one of its ``exits`` that is left, and the
    ``run`` of that checkpoint. Raises :class:`QuantModelError` as :func:`load_checkpoint` and that do.
    """
    found = load_checkpoint(path)
    spec = subnet_spec(found.spec, index)
    model = {key: value for key, value in found.model.items() if not key.startswith(("stages.", "heads.", "gates."))}
    for part in ("stage", "head"):
        wanted = range(index + 1) if part == "stage" else (index,)
        old = [item for item in described(found.spec) if item.where == part and item.index in wanted]
        new = [item for item in described(spec) if item.where == part]
        for there, here in ((_place(there), _place(here)) for there, here in zip(old, new, strict=True) if here.at is not None):
            model |= {f"{here}{key.removeprefix(there)}": value for key, value in found.model.items() if key.startswith(f"{there}.")}
    progress = {"cut": {"digest": found.spec.digest(), "exits": [index]}, "run": found.progress.get("run")}
    return Checkpoint(spec=spec, model=model, progress=progress)


def _place(item: Described) -> str:
    """Where a model's state holds a layer."""
    return f"{item.where}s.{item.at}.{item.unit.name}"
