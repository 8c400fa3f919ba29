"""What a network computes for a sample: multiply-accumulates (MACs) and bit operations, layer by layer and exit by exit.

A bit operation is a MAC times the bits of its weight times the bits of its input, the measure of mixed-precision papers. Convolutions count
what a full window at every output place takes, padding included, as the hardware computes it; pools and activations have no MACs.
"""

from dataclasses import dataclass

from quant_models.networks.spec import Conv, Linear, NetSpec, both, trace

__all__ = ["Cost", "LayerCost", "exit_costs", "last_alone", "layer_costs"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """``macs`` and ``bitops`` (MACs x weight bits x input bits) for one sample."""

    macs: int = 0
    bitops: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(macs=self.macs + other.macs, bitops=self.bitops + other.bitops)


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """The ``cost`` of the layer ``name`` of :func:`quant_models.networks.spec.trace`, in ``where`` ("stage", "head" or "gate")
    ``index``."""

    name: str
    where: str
    index: int
    cost: Cost


def layer_costs(spec: NetSpec) -> list[LayerCost]:
    """Every layer of ``spec`` in order of computation; pools cost nothing."""
    found = []
    for where, k, unit in trace(spec):
        layer, macs, bits = unit.layer, 0, 0
        (height, width, channels), (rows, columns, out) = unit.in_shape, unit.out_shape
        if isinstance(layer, Conv):
            across, along = both(layer.kernel)
            macs = rows * columns * out * across * along * channels // layer.groups
            bits = layer.weight_bits * unit.in_bits
        elif isinstance(layer, Linear):
            macs = height * width * channels * out
            bits = layer.weight_bits * unit.in_bits
        found.append(LayerCost(name=unit.name, where=where, index=k, cost=Cost(macs=macs, bitops=macs * bits)))
    return found


def exit_costs(spec: NetSpec) -> list[Cost]:
    """By exit, what a sample costs that leaves there: all stages, heads and gate heads up to it, since each head on the way has been
    computed."""
    layers = layer_costs(spec)
    return [sum((item.cost for item in layers if item.index <= k), Cost()) for k in range(spec.exits)]


def last_alone(spec: NetSpec) -> Cost:
    """What every sample costs without early exits: all stages and the last head."""
    return sum((item.cost for item in layer_costs(spec) if item.where == "stage" or item.index == spec.exits - 1), Cost())
