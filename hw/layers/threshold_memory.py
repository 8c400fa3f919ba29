"""How many of a channel's thresholds a sum reaches, the thresholds out of memories."""

from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.exchangeable import exchangeable_memory
from hw.layers.lookup import look_up

__all__ = ["ThresholdMemory"]

_TABLE = 256
"""A table of at most so many thresholds is look-up tables, a deeper one a memory."""


class ThresholdMemory(wiring.Component):
    """Counts the thresholds that are at most ``value``, by binary search: each step compares with one threshold of a table of its own.

    Latency: two cycles for each bit of ``found``. Throughput: one value a cycle. No reset.

    Parameters
    ----------
    bits : bits of a value, two's complement
    thresholds : for each channel, the thresholds, which do not descend; as many in every channel, at least 1; any integers
    exchangeable : the name of memories whose contents may be exchanged (:mod:`hw.exchangeable`); None: the thresholds are fixed

    ``latency`` is kept beside these. Raises ValueError for thresholds that descend or differ in number.

    Members
    -------
    channel : the channel
    value : a value of it
    found : how many of its thresholds it reaches
    """

    def __init__(self, bits: int, thresholds: Sequence[Sequence[int]], *, exchangeable: str | None = None) -> None:
        count = len(thresholds[0])
        if count < 1:
            raise ValueError("a channel must have at least 1 threshold")
        for channel, row in enumerate(thresholds):
            if len(row) != count:
                raise ValueError("channels must have equally many thresholds, "
                                 f"not {count} in channel 0 and {len(row)} in channel {channel}")
            if any(after < before for before, after in pairwise(row)):
                raise ValueError(f"thresholds must not descend, but those of channel {channel} do")
        self.bits = bits
        self.thresholds = tuple(tuple(row) for row in thresholds)
        self.exchangeable = exchangeable
        self.steps = count.bit_length()
        self.latency = 2 * self.steps
        super().__init__({"channel": In(range(max(2, len(thresholds)))), "value": In(signed(bits)), "found": Out(self.steps)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # One more bit, for the threshold that no value reaches.
        most = 1 << (self.bits - 1)
        full = (1 << self.steps) - 1
        rows = [[min(max(limit, -most), most) for limit in row] + [most] * (full - len(row)) for row in self.thresholds]
        channel, value, found = self.channel, self.value, Const(0, 0)

        def later(signal: Value, name: str) -> Signal:
            register = Signal(signal.shape(), name=name, reset_less=True)
            m.d.sync += register.eq(signal)
            return register

        for step in range(self.steps):
            half = 1 << (self.steps - 1 - step)
            # the bits found so far are the upper ones of the count, and the lower ones of the table's index
            table = [row[half - 1 + 2 * half * at] for row in rows for at in range(1 << step)]
            limit = self._table(m, step, table, Cat(found, channel))
            value, channel = later(value, f"value{step}"), later(channel, f"channel{step}")
            if step:
                found = later(found, f"before{step}")
            reached = Signal(step + 1, name=f"found{step}", reset_less=True)
            m.d.sync += reached.eq(Cat(value >= limit, found))
            found = reached
            if step < self.steps - 1:
                value, channel = later(value, f"value{step}_"), later(channel, f"channel{step}_")
        m.d.comb += self.found.eq(found)
        return m

    def _table(self, m: Module, step: int, table: list[int], at: Value) -> Value:
        limit = Signal(signed(self.bits + 1), name=f"limit{step}", reset_less=True)
        if self.exchangeable is None and len(table) <= _TABLE:
            m.d.sync += limit.eq(look_up(table, at))
            return limit
        if self.exchangeable is None:
            memory = Memory(shape=signed(self.bits + 1), depth=len(table), init=table, attrs={"rom_style": "block"})
        else:
            memory = exchangeable_memory(f"{self.exchangeable}_{step}", signed(self.bits + 1), table)
        m.submodules[f"limits{step}"] = memory
        read = memory.read_port()
        m.d.comb += [read.en.eq(1), read.addr.eq(at), limit.eq(read.data)]
        return limit
