"""Heads that may be exchanged: the widths of their logits by data types alone."""

from quant_models.networks.spec import Linear, NetSpec, trace

__all__ = ["BIAS_BITS", "logit_bits"]

BIAS_BITS = 16
"""Width of a head's integer biases (Brevitas' ``Int16Bias``)."""


def logit_bits(spec: NetSpec) -> tuple[int, ...]:
    """Width of every exit's signed logits, bias included, that no weights (narrow-range) and biases of their data types exceed."""
    found = []
    for where, _, unit in trace(spec):
        if where != "head" or not isinstance(unit.layer, Linear) or unit.layer.act is not None:
            continue
        height, width, channels = unit.in_shape
        most = 1 << unit.in_bits - 1 if unit.in_signed else (1 << unit.in_bits) - 1
        acc_bits = 1 + (height * width * channels * most * max(1, (1 << unit.layer.weight_bits - 1) - 1)).bit_length()
        reached = (1 << acc_bits - 1) + (1 << BIAS_BITS - 1)
        found.append(1 + (reached - 1).bit_length())
    return tuple(found)
