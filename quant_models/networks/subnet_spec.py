"""One exit of a network by itself, as a description: the backbone up to its fork and its head, all else left out."""

from dataclasses import replace

from quant_models.errors import QuantModelError
from quant_models.networks.spec import NetSpec

__all__ = ["subnet_spec"]


def subnet_spec(spec: NetSpec, index: int) -> NetSpec:
    """The network with the stages 0 to ``index`` of ``spec`` as its one stage, and head ``index`` as its one head, without a
    gate head: every sample leaves.

    Raises :class:`QuantModelError` when ``spec`` has no such exit.
    """
    if not 0 <= index < spec.exits:
        raise QuantModelError(f"exit must be 0 to {spec.exits - 1} of {spec.name}, not {index}")
    backbone = tuple(layer for stage in spec.stages[: index + 1] for layer in stage)
    return replace(spec, stages=(backbone,), heads=(spec.heads[index],), gates=())
