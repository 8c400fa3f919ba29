"""Gate heads in integers: how wide their logits are, and what one unit of them is worth."""

from dataclasses import dataclass

from quant_models.integers.view import frozen, integer_layers
from quant_models.networks.net import MultiExitNet

__all__ = ["GateUnit", "gate_units"]


@dataclass(frozen=True)
class GateUnit:
    """What a gate head's integer logits are: ``bits`` wide at the most, two's complement, one unit being ``scale``."""

    bits: int
    scale: float


def gate_units(model: MultiExitNet) -> dict[int, GateUnit]:
    """By exit, the width and the scale of the gate heads' logits, from the weights that they have. ``model`` is evaluated, and is
    afterwards as it was."""
    found = {}
    with frozen(model):
        for layer in integer_layers(model):
            if layer.where != "gate" or layer.bias is None:
                continue
            assert layer.weight is not None
            assert layer.scale is not None
            bits, signed = layer.unit.in_bits, layer.unit.in_signed
            low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            above, below = int(layer.weight.clamp(min=0).sum()), int(layer.weight.clamp(max=0).sum())
            offset = int(layer.bias)
            least, most = above * low + below * high + offset, above * high + below * low + offset
            width = 1 + max(max(most, 0).bit_length(), (-least - 1).bit_length() if least < 0 else 0)
            found[layer.index] = GateUnit(width, float(layer.scale))
    return found
