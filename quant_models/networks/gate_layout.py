"""The gate heads of a network: which exits have one, and of which form."""

import dataclasses
from collections.abc import Sequence

from quant_models.errors import QuantModelError
from quant_models.networks.layouts import head_layers
from quant_models.networks.spec import NetSpec

__all__ = ["GATE_HEADS", "with_gates"]

GATE_HEADS = ("global", "pool", "linear")
"""The forms a gate head can have, those of an exit's head (:data:`quant_models.networks.layouts.HEADS`) with one output."""


def with_gates(spec: NetSpec, gates: Sequence[str | None], weight_bits: int, act_bits: int) -> NetSpec:
    """``spec`` with a gate head of the form ``gates[k]`` beside the head of each exit ``k`` (None: none there), of ``weight_bits`` and
    ``act_bits`` (1 to 8); one entry for every exit but the last.

    Raises :class:`QuantModelError` for a form that there is not, another number of them, and a gate head that does not fit the feature
    map.
    """
    if len(gates) != spec.exits - 1:
        raise QuantModelError(f"gates must be one for every exit but the last, {spec.exits - 1}, not {len(gates)}")
    for index, name in enumerate(gates):
        if name is not None and name not in GATE_HEADS:
            raise QuantModelError(f"exit {index}: gate_head must be one of {', '.join(GATE_HEADS)}, not {name!r}")
    made = tuple(() if name is None else head_layers(spec, index, name, 1, weight_bits, act_bits) for index, name in enumerate(gates))
    return dataclasses.replace(spec, gates=(*made, ()))
