"""What a network, or a layer of it, computes for a sample: multiply-accumulates (MACs) and bit operations.

A bit operation is a MAC times the bits of its weight times the bits of its input, the measure of mixed-precision papers.
"""

from dataclasses import dataclass

__all__ = ["Cost", "LayerCost"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """``macs`` and ``bitops`` (MACs x weight bits x input bits) for one sample."""

    macs: int = 0
    bitops: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(macs=self.macs + other.macs, bitops=self.bitops + other.bitops)


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """The ``cost`` of the layer ``name``, in ``where`` ("stage", "head" or "gate") ``index``."""

    name: str
    where: str
    index: int
    cost: Cost
