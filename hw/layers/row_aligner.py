"""A map's pixels, handed on so that each row begins with a beat."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.fifo import Fifo

__all__ = ["RowAligner", "aligned_steps"]


def aligned_steps(width: int, pixels: int) -> list[tuple[int, int, bool]]:
    """Of each beat out, until a row begins where a beat in does again: pixels that are left of beats before, pixels of the row that it
    holds, and whether it needs another beat in."""
    steps: list[tuple[int, int, bool]] = []
    held = 0
    while not steps or held:
        for left in range(width, 0, -pixels):
            taken = min(pixels, left)
            needs = held < taken
            steps.append((held, taken, needs))
            held += pixels * needs - taken
    return steps


class RowAligner(wiring.Component):
    """Takes ``pixels`` pixels a beat, whatever rows they are of, and gives beats of one row each: what the last beat of a row holds beyond
    it is zeros.

    Latency: 1 cycle from the beat that completes one. Throughput: a beat out each cycle, as long as ``i`` offers what it needs, less than
    one a beat. Reset: the next beat in begins a frame. ``i.ready`` depends on registers alone, ``o`` is registered.

    Parameters
    ----------
    height, width : shape of the map; ``pixels`` divides what they make (else ValueError)
    pixels : pixels a beat, on both sides
    pixel_bits : bits of a pixel, all its channels

    Members
    -------
    i : pixels in, row after row, the first lowest
    o : ``ceil(width / pixels)`` beats a row
    """

    def __init__(self, height: int, width: int, pixels: int, pixel_bits: int) -> None:
        for name, value in (("height", height), ("width", width), ("pixels", pixels), ("pixel_bits", pixel_bits)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if height * width % pixels:
            raise ValueError(f"pixels must divide a map's pixels, not pixels={pixels}, {height}x{width}")
        self.width = width
        self.pixels = pixels
        self.pixel_bits = pixel_bits
        super().__init__({"i": In(stream.Signature(pixels * pixel_bits)), "o": Out(stream.Signature(pixels * pixel_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, steps = self.pixel_bits, aligned_steps(self.width, self.pixels)
        kinds = list(dict.fromkeys(steps))
        m.submodules.output = output = Fifo(self.pixels * bits, 2)
        wiring.connect(m, output.o, wiring.flipped(self.o))
        # What each step is follows from the one before, so that nothing is worked out in the cycle of the step.
        kind, needs, step = Signal(range(len(kinds))), Signal(init=steps[0][2]), Signal()
        following: tuple[Value, Value] = (Const(kinds.index(steps[0])), Const(steps[0][2]))
        if len(steps) > 1:
            at, after = Signal(range(len(steps))), Signal(range(len(steps)))
            m.d.comb += after.eq(Mux(at == len(steps) - 1, 0, at + 1))
            codes = Signal.like(kind, name="codes")
            with m.Switch(after):
                for number, found in enumerate(steps):
                    with m.Case(number):
                        m.d.comb += codes.eq(kinds.index(found))
            with m.If(step):
                m.d.sync += at.eq(after)
            table = sum(1 << number for number, found in enumerate(steps) if found[2])
            following = (codes, Const(table, len(steps)).bit_select(after, 1))
        with m.If(step):
            m.d.sync += [kind.eq(following[0]), needs.eq(following[1])]
        m.d.comb += [
            step.eq((~needs | self.i.valid) & output.i.ready), output.i.valid.eq(~needs | self.i.valid),
            self.i.ready.eq(needs & output.i.ready),
        ]
        rest = Signal(max(1, max(held for held, _, _ in steps) * bits), reset_less=True)
        with m.Switch(kind):
            for code, (held, taken, more) in enumerate(kinds):
                pixels: Value = Cat(rest[: held * bits], self.i.payload) if more else rest[: held * bits]
                with m.Case(code):
                    m.d.comb += output.i.payload.eq(pixels[: taken * bits])
                    with m.If(step):
                        m.d.sync += rest.eq(pixels[taken * bits :])
        return m
