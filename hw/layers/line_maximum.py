"""The maximum over some rows, place by place, of beats that nothing holds up."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.streams.delay_line import DelayLine

__all__ = ["LineMaximum"]


class LineMaximum(wiring.Component):
    """Takes rows of ``beats`` beats; with every ``rows``-th row gives the maximum of each value over the last ``rows`` rows.

    Latency: 1 cycle. Throughput: one beat a cycle, never held up. Reset: the next beat is the first of ``rows`` rows.

    Parameters
    ----------
    beats : beats a row, at least 1
    rows : rows that each maximum is of, at least 2
    lanes, bits : values a beat, and bits of each
    signed : whether values are two's complement

    Members
    -------
    valid, values : a beat in
    o_valid, o_values : a beat out
    """

    def __init__(self, *, beats: int, rows: int, lanes: int, bits: int, signed: bool = False) -> None:
        for name, value, lowest in (("beats", beats, 1), ("rows", rows, 2), ("lanes", lanes, 1), ("bits", bits, 1)):
            if value < lowest:
                raise ValueError(f"{name} must be at least {lowest}, not {value}")
        self.beats = beats
        self.rows = rows
        self.lanes = lanes
        self.bits = bits
        self.signed = signed
        super().__init__({"valid": In(1), "values": In(lanes * bits), "o_valid": Out(1), "o_values": Out(lanes * bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.line = line = DelayLine(len(self.values), self.beats)
        beat = Signal(range(max(2, self.beats)))
        row = Signal(range(self.rows))
        with m.If(self.valid):
            m.d.sync += beat.eq(beat + 1)
            with m.If(beat == self.beats - 1):
                m.d.sync += [beat.eq(0), row.eq(Mux(row == self.rows - 1, 0, row + 1))]
        greatest = Signal(len(self.values))
        lanes: list[Value] = []
        for n in range(self.lanes):
            new, old = self.values.word_select(n, self.bits), line.q.word_select(n, self.bits)
            above = old.as_signed() > new.as_signed() if self.signed else old > new
            lanes.append(Mux((row != 0) & above, old, new))
        result = Signal(len(self.values), reset_less=True)
        m.d.comb += [greatest.eq(Cat(lanes)), line.step.eq(self.valid), line.d.eq(greatest), self.o_values.eq(result)]
        m.d.sync += [result.eq(greatest), self.o_valid.eq(self.valid & (row == self.rows - 1))]
        return m
