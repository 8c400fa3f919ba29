"""Nearest-neighbour upsampling of a streamed feature map."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Upsample", "kept_beats"]


def kept_beats(width: int, folds: int, factor: tuple[int, int]) -> int:
    """Beats that the unit keeps of a map ``width`` pixels wide, ``folds`` beats each: those of a row, or, where no rows are repeated, of a
    pixel."""
    return width * folds if factor[0] > 1 else folds


class Upsample(wiring.Component):
    """Repeats each pixel of an NHWC frame stream along its row, and each row of these below itself.

    Frames follow each other without any mark, and the last row of a frame is repeated without any beat of the next. A row is taken while it
    is given for the first time; while it is repeated, the input waits.

    Latency: 1 cycle from a beat to its first repetition. Throughput: one output beat a cycle, so a frame every ``out_beats`` cycles. Reset:
    the next beat is the first of a frame, and what is inside is lost. ``i.ready`` depends combinationally on ``o.ready``; ``o.valid`` on no
    ready.

    Memory: one row of ``width * channels`` values, where rows are repeated; else one pixel (none at all of a single beat).

    Parameters
    ----------
    height, width, channels : shape of a frame
    pe : channels a beat; divides ``channels``
    bits : bits of a value
    factor : (rows, columns) that a pixel becomes, at least 1 and not both 1

    Kept as attributes of these names, beside ``in_beats`` and ``out_beats``, those of a frame.

    Members
    -------
    i : ``height * width * channels / pe`` beats a frame
    o : ``factor[0] * factor[1]`` times as many, in NHWC order
    """

    def __init__(self, height: int, width: int, channels: int, pe: int, bits: int, factor: tuple[int, int]) -> None:
        sizes = {"height": (height,), "width": (width,), "channels": (channels,), "pe": (pe,), "bits": (bits,), "factor": factor}
        for name, values in sizes.items():
            for value in values:
                if value < 1:
                    raise ValueError(f"{name} must be at least 1, not {value}")
        if factor == (1, 1):
            raise ValueError("factor must be above 1 for rows or for columns, not 1 for both")
        if channels % pe:
            raise ValueError(f"pe must divide channels, not pe={pe}, channels={channels}")
        self.height = height
        self.width = width
        self.channels = channels
        self.pe = pe
        self.bits = bits
        self.factor = factor
        self.in_beats = height * width * (channels // pe)
        self.out_beats = self.in_beats * factor[0] * factor[1]
        super().__init__({"i": In(stream.Signature(pe * bits)), "o": Out(stream.Signature(pe * bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (down, across), folds = self.factor, self.channels // self.pe
        depth = kept_beats(self.width, folds, self.factor)
        fold, column, again, row_again = (Signal(range(max(2, size))) for size in (folds, self.width, across, down))
        place = Signal(range(max(2, depth)))    # where the beat is kept
        step, fresh = Signal(), Signal()        # a beat is given; it comes from the input
        free = ~self.o.valid | self.o.ready
        m.d.comb += [
            fresh.eq((again == 0) & (row_again == 0)),
            step.eq(free & (self.i.valid | ~fresh)),
            self.i.ready.eq(free & fresh),
        ]
        with m.If(free):
            m.d.sync += self.o.valid.eq(step)
        ends_pixel, ends_columns, ends_row = fold == folds - 1, again == across - 1, column == self.width - 1
        with m.If(step):
            m.d.sync += [fold.eq(fold + 1), place.eq(place + 1)]
            with m.If(ends_pixel):
                m.d.sync += [fold.eq(0), again.eq(again + 1), place.eq(place - (folds - 1))]
                with m.If(ends_columns):
                    m.d.sync += [again.eq(0), column.eq(column + 1), place.eq(place + 1 if down > 1 else 0)]
                    with m.If(ends_row):
                        m.d.sync += [column.eq(0), place.eq(0), row_again.eq(Mux(row_again == down - 1, 0, row_again + 1))]
        m.d.comb += self.o.payload.eq(self._kept(m, step, fresh, place, depth))
        return m

    def _kept(self, m: Module, step: Value, fresh: Value, place: Value, depth: int) -> Value:
        """The beat given in the last step: of the input, or, where that was not ``fresh``, what it kept at ``place``."""
        given = Signal(len(self.i.payload), reset_less=True)
        with m.If(step & fresh):
            m.d.sync += given.eq(self.i.payload)
        if depth == 1:
            return given
        m.submodules.memory = memory = Memory(shape=len(given), depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        was_fresh = Signal()
        with m.If(step):
            m.d.sync += was_fresh.eq(fresh)
        m.d.comb += [
            write.en.eq(step & fresh), write.addr.eq(place), write.data.eq(self.i.payload),
            read.en.eq(step & ~fresh), read.addr.eq(place),
        ]
        return Mux(was_fresh, given, read.data)
