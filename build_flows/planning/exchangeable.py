"""Heads that may be exchanged: what their sums and logits are as wide as, by data types alone."""

from dataclasses import replace

from build_flows.planning.network import Layer, Network
from hw.exits.decision import BIAS_BITS

__all__ = ["any_heads", "logit_bits"]


def any_heads(network: Network) -> Network:
    """``network`` with the ``sum_bits`` of its heads such as hold whatever weights of their data type (narrow-range) can make."""

    def sized(layer: Layer) -> Layer:
        if not layer.weight_bits:
            return layer
        top = 2 ** (layer.in_bits - 1) if layer.in_signed else 2**layer.in_bits - 1
        most: int = layer.mw * top * (2 ** (layer.weight_bits - 1) - 1)
        return replace(layer, sum_bits=1 + most.bit_length())

    return replace(network, heads=tuple(tuple(sized(layer) for layer in chain) for chain in network.heads))


def logit_bits(network: Network) -> tuple[int, ...]:
    """Width of every exit's signed logits, bias included, that no weights (narrow-range) and biases of their data types exceed."""
    reached = [(1 << chain[-1].sum_bits - 1) + (1 << BIAS_BITS - 1) for chain in any_heads(network).heads]
    return tuple(1 + (most - 1).bit_length() for most in reached)
