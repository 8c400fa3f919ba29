"""The columns of a window that slides over a streamed feature map, without padding in the stream."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.layers.static_shape import StaticShape

__all__ = ["SlidingWindow"]


class SlidingWindow(wiring.Component):
    """Gives the rows of a kernel, ``pixels`` columns a step, and says with which steps windows are complete.

    Only real pixels enter. After each row the unit itself takes steps of zeros, after each frame rows of them, as
    :class:`hw.layers.static_shape.StaticShape` says; what follows a frame's end comes without waiting for the next frame. A step that
    completes the last windows of an output beat (``ends``) is only taken with ``credit``; all others are taken in any case.

    Latency: :data:`LATENCY` cycles from a beat, or from ``credit``, to its ``columns``. Throughput: a step a cycle; frames follow each
    other at once, ``shape.cycles`` cycles apart. Reset: the next beat is the first of a frame; the rows of zeros before it are taken
    again first, which completes no windows. What is in the line memory does not matter. ``i.ready`` depends on ``credit`` and registers.

    Parameters
    ----------
    shape : shape of the map, the kernel, stride, padding and pool
    pixel_bits : bits of a pixel, all its channels

    Members
    -------
    i : ``shape.pixels`` pixels a beat of one row, the first lowest; what the last of a row has beyond it must be zeros
    credit : there is room for what a step with ``ends`` leads to; must not fall in a cycle in which no step with ``ends`` was taken
    take : a step with ``ends`` is taken in this cycle
    step : ``columns`` are those of the next step
    columns : rows of the kernel, the uppermost lowest, of ``shape.pixels`` pixels each
    complete : the step completes windows that something comes out of
    ends : it completes the last ones of an output beat
    """

    LATENCY = 2

    def __init__(self, shape: StaticShape, pixel_bits: int) -> None:
        if pixel_bits < 1:
            raise ValueError(f"pixel_bits must be at least 1, not {pixel_bits}")
        self.shape = shape
        self.pixel_bits = pixel_bits
        width = shape.pixels * pixel_bits
        super().__init__({
            "i": In(stream.Signature(width)),
            "credit": In(1),
            "take": Out(1),
            "step": Out(1),
            "columns": Out(width * shape.kernel[0]),
            "complete": Out(1),
            "ends": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        width = shape.pixels * self.pixel_bits
        at, real, complete, ends, step = self._place(m)
        m.d.comb += [
            self.i.ready.eq(real & (~ends | self.credit)),
            step.eq((~real | self.i.valid) & (~ends | self.credit)),
            self.take.eq(step & ends),
        ]

        # Where no pixel is taken the register holds zeros, so that zeros are stored: masking what is read takes a table a bit.
        newest = Signal(width, reset_less=True)
        place = Signal.like(at, reset_less=True)
        steps, completes, is_last = Signal(), Signal(), Signal()
        with m.If(real):
            m.d.sync += newest.eq(self.i.payload)
        with m.Else():
            m.d.sync += newest.eq(0)
        m.d.sync += [place.eq(at), steps.eq(step), completes.eq(step & complete), is_last.eq(step & ends)]

        column: Value = newest
        above = width * (shape.kernel[0] - 1)
        if above:
            # Every row moves one up as it is written back: which row is which needs no multiplexers.
            m.submodules.lines = lines = Memory(shape=above, depth=shape.row_steps, init=[])
            read, write = lines.read_port(domain="comb"), lines.write_port()
            column = Cat(read.data, newest)
            m.d.comb += [read.addr.eq(place), write.addr.eq(place), write.en.eq(steps), write.data.eq(column[width:])]
        columns = Signal(width * shape.kernel[0], reset_less=True)
        m.d.sync += [columns.eq(column), self.step.eq(steps), self.complete.eq(completes), self.ends.eq(is_last)]
        m.d.comb += self.columns.eq(columns)
        return m

    def _place(self, m: Module) -> tuple[Value, Value, Value, Value, Signal]:
        """The number of the step in its row, whether it takes a pixel, completes windows, is the last of a beat's, and the step itself.

        All are registers: each follows from the place before, so nothing is compared in the cycle of the step.
        """
        shape = self.shape
        columns, rows = shape.row_steps, shape.rows
        across, down = shape.pool[1] // min(shape.pool[1], shape.window_lanes), shape.pool[0]
        step = Signal()
        # Behind a reset come the zeros of the row and the frame before, whose windows nobody wants.
        row_start, start = (shape.height, 0) if shape.pad[0] else (rows - 1, shape.real_steps) if shape.pad[1] else (0, 0)
        quiet = (row_start, start) != (0, 0)

        row_ends = _Flag(m, rows, [rows - 1], row_start, "last_row")
        at_ends = _Flag(m, columns, [columns - 1], start, "last_step")
        new_row = step & at_ends.now
        at = at_ends.count(step)
        row_ends.count(new_row)
        row = {name: row_ends.follow(new_row, places, name, after_start=quiet) for name, places in (
            ("row_completes", shape.ending_rows), ("row_is_last", shape.ending_rows[down - 1::down]))}
        real_row = row_ends.follow(new_row, range(shape.height), "row_is_real")
        completes = at_ends.follow(step, shape.ending_steps, "step_completes")
        is_last = at_ends.follow(step, shape.ending_steps[across - 1::across], "step_is_last")
        real_step = at_ends.follow(step, range(shape.real_steps), "step_is_real")
        return (at, real_row & real_step, row["row_completes"] & completes, row["row_is_last"] & is_last, step)


class _Flag:
    """A counter of ``length`` places from ``start`` on, and registers that tell of the place whether it is one of some."""

    def __init__(self, m: Module, length: int, places: Iterable[int], start: int, name: str) -> None:
        self._m = m
        self._length = length
        self._start = start
        self._at: Signal | None = Signal(range(length), init=start, name=f"{name}_at") if length > 1 else None
        self._primed: Signal | None = None
        self.now: Value = self._register(places, name)

    def _register(self, places: Iterable[int], name: str) -> Value:
        of = set(places)
        if of >= set(range(self._length)):
            return Const(1)
        if not of:
            return Const(0)
        return Signal(name=name, init=self._start in of)

    def count(self, step: Value) -> Value:
        """The place, which moves on with ``step``."""
        if self._at is None:
            return Const(0)
        with self._m.If(step):
            self._m.d.sync += self._at.eq(Mux(self.now, 0, self._at + 1))
        self._follow(step, self.now, {self._length - 1})
        return self._at

    def follow(self, step: Value, places: Iterable[int], name: str, *, after_start: bool = False) -> Value:
        """Whether the place is one of ``places``; with ``after_start`` not before place 0 was reached."""
        of = set(places)
        flag = self._register(of, name)
        if not after_start:
            self._follow(step, flag, of)
            return flag
        if self._primed is None:
            self._primed = Signal(name="is_primed")
            with self._m.If(step & self.now):
                self._m.d.sync += self._primed.eq(1)
        guarded = Signal(name=f"{name}_now")
        self._m.d.comb += guarded.eq(flag & self._primed)
        self._follow(step, flag, of)
        return guarded

    def _follow(self, step: Value, flag: Value, of: set[int]) -> None:
        if self._at is None or not isinstance(flag, Signal):
            return
        after = sum(1 << at for at in range(self._length) if (at + 1) % self._length in of)
        with self._m.If(step):
            self._m.d.sync += flag.eq(Const(after, self._length).bit_select(self._at, 1))
