"""Steps over the kernel's taps for all outputs of a frame, without those that lie in the padding."""

from typing import Any, TypeVar

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.lookup import look_up
from hw.layers.shared_shape import SharedShape

__all__ = ["TapReader", "step_layout", "visit_layout"]

_Visit = TypeVar("_Visit")


def visit_layout(shape: SharedShape) -> data.StructLayout:
    """What is known of a visit as a whole: ``group`` of outputs; whether it is the ``first`` and the ``last`` of its pool window;
    ``alone``: its second pixel does not exist; ``freed``: input rows that are let go when it is done."""
    return data.StructLayout({"group": range(max(2, shape.output_groups)), "first": 1, "last": 1, "alone": 1,
                              "freed": range(max(shape.freed) + 1)})


def step_layout(shape: SharedShape) -> data.StructLayout:
    """A step: ``row`` of the ring (not yet wrapped: below twice its rows), padded input ``column`` of the first pixel, ``channel`` group;
    ``void``: a row of padding; kernel row and output group as ``line`` (kernel row plus ``2 ** n`` times the group) and ``tap``, the place
    in that line of the weights; ``first`` and ``last`` of its ``visit``."""
    return data.StructLayout({
        "row": range(2 * shape.ring_rows), "column": range(len(shape.positions())), "channel": range(max(2, shape.input_groups)),
        "void": 1, "line": range(shape.output_groups << (shape.kernel[0] - 1).bit_length()),
        "tap": range(max(2, shape.kernel[1] * shape.step_groups)), "first": 1, "last": 1, "visit": visit_layout(shape),
    })


class TapReader(wiring.Component):
    """Issues one step a cycle: output rows, then pixels (or pairs), output groups, rows and columns of the pool window, kernel rows, kernel
    columns, input groups (of a depthwise convolution that of the outputs alone); taps that are padding for all pixels of a visit are left
    out (:attr:`SharedShape.row_visits`).

    An output row begins when ``written`` has told of the input rows that it needs, an output pixel (or pair) when ``credit`` is high, and a
    visit's last step waits until ``shape.drain`` cycles after that of the visit before. Nothing else waits, and only a visit's last step
    can come late within it.

    Latency: 4 cycles from the pulse of the last row that is needed to the first step. Throughput: one step a cycle, also from visit to
    visit, row to row and frame to frame. Reset: the next row written is the first of a frame, and the next step that of its first output.

    Parameters
    ----------
    shape : the convolution

    Members
    -------
    written : an input row has been written into the ring: it may be read from the next cycle on
    credit : there is room for the outputs of another pixel, or pair; looked at in every cycle, so ``takes`` must lower it at once
    takes : outputs begin: 1 or 2 pixels
    valid : ``step`` is one; registered
    step : the step, of no meaning without ``valid``
    """

    def __init__(self, shape: SharedShape) -> None:
        self.shape = shape
        super().__init__({"written": In(1), "credit": In(1), "takes": Out(2), "valid": Out(1), "step": Out(step_layout(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        planned = data.StructLayout({
            "base": range(shape.ring_rows), "offset": range(max(2, shape.ring_rows)), "tap_row": range(max(2, shape.kernel[0])),
            "rows": range(shape.kernel[0] + 1), "void": 1, "start": range(len(shape.positions())), "columns": range(shape.kernel[1] + 1),
            "tap": range(max(2, shape.kernel[1] * shape.step_groups)), "single": 1, "visit": visit_layout(shape),
        })
        # ``take`` is decided a cycle ahead, for much hangs on it.
        plan, planned_valid, take = Signal(planned, reset_less=True), Signal(), Signal(init=1)
        self._plan(m, plan, planned_valid, take)
        self._steps(m, plan, planned_valid, take)
        return m

    def _plan(self, m: Module, plan: Any, valid: Signal, take: Signal) -> None:
        """Looks the next visit up into ``plan`` while the steps of the one before are issued."""
        shape = self.shape
        load, advance, starts, first = Signal(), Signal(), Signal(init=1), Signal(init=1)
        # innermost first
        sizes = {"column": shape.columns, "inside": shape.pool[0], "group": shape.output_groups, "unit": shape.units,
                 "row": shape.out_height}
        at = {name: Signal(range(max(2, size)), name=f"at_{name}") for name, size in sizes.items()}
        # Whether a counter and all inside it are at their last: decided a visit ahead, where the innermost that counts is at its last but
        # one and the others at their last.
        ends: dict[str, Value] = {}
        enabled: Value = advance
        counting: list[str] = []
        for name, size in sizes.items():
            counting += [name] if size > 1 else []
            with m.If(enabled):
                m.d.sync += at[name].eq(Mux(at[name] == size - 1, 0, at[name] + 1))
            ended = Signal(name=f"ends_{name}", init=not counting)
            if counting:
                with m.If(advance):
                    m.d.sync += ended.eq(Cat(at[each] == sizes[each] - (2 if each == counting[0] else 1) for each in counting).all())
            ends[name] = ended
            enabled = advance & ended
        row_ends, row_done, window_ends = ends["unit"], Signal(), ends["inside"]
        m.d.comb += row_done.eq(advance & row_ends)

        # Input rows beyond those that the output row needs; how that changes, beside rows that come, when the row is done; and the rows
        # that it lets go. Tables follow the row without delay, for the next row may be done in the very next cycle.
        spare = Signal(range(-max(shape.needed), shape.ring_rows + 1), init=-shape.needed[0])
        changes = [needed - freed - after for needed, freed, after in zip(
            shape.needed, shape.freed, (*shape.needed[1:], shape.needed[0]), strict=True)]
        change, freed = Signal.like(spare, init=0, reset_less=True), Signal(range(max(shape.freed) + 1), reset_less=True)
        for register, table in ((change, changes), (freed, shape.freed)):
            m.d.sync += register.eq(Mux(row_done, look_up([*table[1:], table[0]], at["row"]), look_up(table, at["row"])))
        # ``row_done`` comes late, so there is one adder, with the row that comes as its carry.
        m.d.sync += spare.eq((Cat(1, spare) + Cat(self.written, Mux(row_done, change, 0)[:len(spare)]))[1:len(spare) + 1])
        base, after = Signal(range(shape.ring_rows)), Signal(range(2 * shape.ring_rows))
        m.d.comb += after.eq(base + freed)
        with m.If(row_done):
            m.d.sync += base.eq(Mux(after >= shape.ring_rows, after - shape.ring_rows, after))

        m.d.comb += [load.eq(~valid | take), advance.eq(load & (spare >= 0) & (~starts | self.credit))]
        with m.If(load):
            m.d.sync += valid.eq(advance)
        with m.If(advance):
            m.d.sync += [first.eq(window_ends), starts.eq(ends["group"])]

        # a table's index puts the pool window's row or column beside that of the output
        flat_rows = _flat(shape.row_visits)
        flat_columns = _flat(shape.column_visits)
        row_at, column_at = _index(at["inside"], at["row"], shape.pool[0]), _index(at["column"], at["unit"], shape.columns)
        alone = look_up([visit.alone for visit in flat_columns], column_at)
        m.d.comb += self.takes.eq(Mux(advance & starts, Mux(alone, 1, 2) if shape.paired else 1, 0))
        single = look_up([visit.taps == 1 for visit in flat_rows], row_at) & look_up([visit.taps == 1 for visit in flat_columns], column_at)
        with m.If(load):
            m.d.sync += [
                plan.base.eq(base),
                plan.offset.eq(look_up([visit.offset for visit in flat_rows], row_at)),
                plan.tap_row.eq(look_up([visit.first_tap for visit in flat_rows], row_at)),
                plan.rows.eq(look_up([visit.taps for visit in flat_rows], row_at)),
                plan.void.eq(look_up([visit.void for visit in flat_rows], row_at)),
                plan.start.eq(look_up([visit.start for visit in flat_columns], column_at)),
                plan.columns.eq(look_up([visit.taps for visit in flat_columns], column_at)),
                plan.tap.eq(look_up([visit.first_tap * shape.step_groups for visit in flat_columns], column_at)),
                plan.single.eq(single if shape.step_groups == 1 else 0),
                plan.visit.group.eq(at["group"]),
                plan.visit.first.eq(first),
                plan.visit.last.eq(window_ends),
                plan.visit.alone.eq(alone),
                plan.visit.freed.eq(Mux(row_ends, freed, 0)),
            ]

    def _steps(self, m: Module, plan: Any, planned_valid: Signal, take: Signal) -> None:
        shape = self.shape
        active, go = Signal(), Signal()
        now = Signal.like(plan, reset_less=True)
        row, column, tap = (Signal.like(value, name=name, reset_less=True)
                            for name, value in (("row", plan.tap_row), ("column", plan.start), ("tap", plan.tap)))
        offset = Signal.like(plan.offset, reset_less=True)
        channel = Signal(range(max(2, shape.step_groups)), reset_less=True)
        rows, columns = (Signal.like(value, name=name, reset_less=True) for name, value in (("rows", plan.rows), ("columns", plan.columns)))
        # Whether this is the last row, column, channel group is decided a step ahead.
        last_row, last_column, last_channel, first = (Signal(name=name, reset_less=True)
                                                      for name in ("last_row", "last_column", "last_channel", "first"))
        last, last_next = Signal(reset_less=True), Signal()
        apart, apart_next = Signal(init=1), Signal(init=1)
        m.d.comb += go.eq(active & (~last | apart))
        if shape.drain > 1:
            wait = Signal(range(shape.drain))
            with m.If(active & take):       # the last step is issued
                m.d.sync += wait.eq(shape.drain - 1)
            with m.Elif(wait != 0):
                m.d.sync += wait.eq(wait - 1)
            m.d.comb += apart_next.eq(~(active & take) & (apart | (wait == 1)))
            m.d.sync += apart.eq(apart_next)
        with m.If(take):
            m.d.comb += last_next.eq(plan.single)
        with m.Elif(go):
            m.d.comb += last_next.eq(
                (channel == shape.step_groups - 2) & last_column & last_row if shape.step_groups > 1
                else Mux(last_column, (now.columns == 1) & (rows == 2), (columns == 2) & last_row))
        with m.Else():
            m.d.comb += last_next.eq(last)
        active_next = Mux(take, planned_valid, active)
        m.d.sync += [last.eq(last_next), active.eq(active_next), take.eq(~active_next | (last_next & apart_next))]

        with m.If(take):
            m.d.sync += [
                now.eq(plan), first.eq(1), channel.eq(0), last_channel.eq(shape.step_groups == 1),
                row.eq(plan.tap_row), offset.eq(plan.offset), rows.eq(plan.rows), last_row.eq(plan.rows == 1),
                column.eq(plan.start), tap.eq(plan.tap), columns.eq(plan.columns), last_column.eq(plan.columns == 1),
            ]
        with m.Elif(go):
            m.d.sync += [first.eq(0), tap.eq(tap + 1), channel.eq(Mux(last_channel, 0, channel + 1))]
            if shape.step_groups > 1:
                m.d.sync += last_channel.eq(channel == shape.step_groups - 2)
            with m.If(last_channel):
                m.d.sync += [column.eq(column + 1), columns.eq(columns - 1), last_column.eq(columns == 2)]
                with m.If(last_column):
                    m.d.sync += [
                        column.eq(now.start), tap.eq(now.tap), columns.eq(now.columns), last_column.eq(now.columns == 1),
                        row.eq(row + 1), offset.eq(offset + 1), rows.eq(rows - 1), last_row.eq(rows == 2),
                    ]
        m.d.sync += self.valid.eq(go)
        kernel_bits = (shape.kernel[0] - 1).bit_length()
        m.d.sync += [
            self.step.row.eq(now.base + offset), self.step.column.eq(column),
            self.step.channel.eq(now.visit.group if shape.depthwise else channel), self.step.void.eq(now.void),
            self.step.line.eq(Cat(row[:kernel_bits], now.visit.group)), self.step.tap.eq(tap), self.step.first.eq(first),
            self.step.last.eq(last), self.step.visit.eq(now.visit),
        ]


def _index(inner: Signal, outer: Signal, size: int) -> Value:
    """``inner + 2 ** n * outer``, the index of :func:`_flat`'s table where ``inner`` is below ``size``."""
    return Cat(inner, outer) if size > 1 else outer


def _flat(table: tuple[tuple[_Visit, ...], ...]) -> list[_Visit]:
    """The table row by row, each filled up to a power of two with its last entry."""
    size = 1 << (len(table[0]) - 1).bit_length()
    return [entry for row in table for entry in (*row, *[row[-1]] * (size - len(row)))]
