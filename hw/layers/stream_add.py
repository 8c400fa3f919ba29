"""Where paths join: the sum of several streams, value by value."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.meet import meet

__all__ = ["StreamAdd", "sum_bits"]


def sum_bits(kinds: Sequence[tuple[int, bool]]) -> tuple[int, bool]:
    """Bits of the sum of one value of each of ``kinds``, (bits, signed), and whether it is two's complement: as many as the least and the
    greatest sum need."""
    least = sum(1 << (bits - 1) for bits, signed in kinds if signed)
    most = sum((1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 for bits, signed in kinds)
    return max(most.bit_length(), (least - 1).bit_length() if least else 0) + int(least > 0), least > 0


class StreamAdd(wiring.Component):
    """Adds the values of a beat of each of several streams; takes their beats together, one of each.

    It holds one sum, and takes the beats of frame n without any of frame n + 1: a beat that has come on one stream waits there.

    Latency: 1 cycle. Throughput: one beat a cycle. Reset: the sum that waits is lost. ``i<n>.ready`` depends combinationally on the valid
    of the other inputs and on ``o.ready``; ``o.valid`` on no ready.

    Parameters
    ----------
    lanes : values a beat, at least 1
    kinds : (bits, signed) of the values of each input, two inputs at least

    Members
    -------
    i0, i1, ... : beats of ``lanes`` values, the first in the low bits
    o : their sums, of the bits that :func:`sum_bits` gives each
    """

    def __init__(self, lanes: int, kinds: Sequence[tuple[int, bool]]) -> None:
        if lanes < 1:
            raise ValueError(f"lanes must be at least 1, not {lanes}")
        if len(kinds) < 2 or min(bits for bits, _ in kinds) < 1:
            raise ValueError(f"kinds must be two or more, of at least 1 bit, not {list(kinds)}")
        self.lanes = lanes
        self.kinds = tuple(kinds)
        self.out_bits, self.signed = sum_bits(self.kinds)
        super().__init__({f"i{n}": In(stream.Signature(lanes * bits)) for n, (bits, _) in enumerate(self.kinds)}
                         | {"o": Out(stream.Signature(lanes * self.out_bits))})

    @property
    def i(self) -> list[Any]:
        """The inputs in order."""
        return [getattr(self, f"i{n}") for n in range(len(self.kinds))]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sums = []
        for lane in range(self.lanes):
            values = [item.payload[lane * bits :][:bits] for item, (bits, _) in zip(self.i, self.kinds, strict=True)]
            total = sum(value.as_signed() if signed else value for value, (_, signed) in zip(values, self.kinds, strict=True))
            sums.append(total[: self.out_bits])
        meet(m, self.i, self.o, Cat(sums))
        return m
