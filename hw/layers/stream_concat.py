"""Where paths join side by side: the channels of several streams in one."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.meet import meet

__all__ = ["StreamConcat"]


class StreamConcat(wiring.Component):
    """Puts a beat of each of several streams side by side, those of the first in the low bits; takes their beats together, one of each.

    It holds one beat, and takes the beats of frame n without any of frame n + 1: a beat that has come on one stream waits there.

    Latency: 1 cycle. Throughput: one beat a cycle. Reset: the beat that waits is lost. ``i<n>.ready`` depends combinationally on the valid
    of the other inputs and on ``o.ready``; ``o.valid`` on no ready.

    Parameters
    ----------
    widths : bits of a beat of each input (a pixel with all its channels), two inputs at least

    Members
    -------
    i0, i1, ... : beats
    o : beats of as many bits as all together
    """

    def __init__(self, widths: Sequence[int]) -> None:
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must be two or more, of at least 1 bit, not {list(widths)}")
        self.widths = tuple(widths)
        super().__init__({f"i{n}": In(stream.Signature(width)) for n, width in enumerate(self.widths)}
                         | {"o": Out(stream.Signature(sum(self.widths)))})

    @property
    def i(self) -> list[Any]:
        """The inputs in order."""
        return [getattr(self, f"i{n}") for n in range(len(self.widths))]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        meet(m, self.i, self.o, Cat(item.payload for item in self.i))
        return m
