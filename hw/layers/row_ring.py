"""The input rows that a shared convolution still needs."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.layers.lookup import look_up
from hw.layers.shared_shape import SharedShape

__all__ = ["RowRing", "ring_banks", "ring_words"]


def ring_words(shape: SharedShape) -> int:
    """Words that a row takes of each of the ring's ``shape.pixels`` memories; a word is ``shape.inputs`` values."""
    return max(_place(shape, column)[1] for column in range(shape.width)) + shape.input_groups


def ring_banks(shape: SharedShape) -> int:
    """Memories of the ring in which anything lies: one of two is never read where rows are no longer than the stride."""
    return len({_place(shape, column)[0] for column in range(shape.width)})


def _place(shape: SharedShape, column: int) -> tuple[int, int]:
    """Memory and word of a column, in which the input groups of a pixel follow each other."""
    stride, groups = shape.stride[1], shape.input_groups
    if shape.pixels == 1:
        return 0, column * groups
    turn, rest = divmod(column, stride)
    return turn % 2, (turn // 2 * stride + rest) * groups


class RowRing(wiring.Component):
    """Keeps ``shape.ring_rows`` rows of a frame stream and gives any pixel of them, with two pixels also that ``stride`` columns on.

    Rows enter while there is room; ``freed`` makes room. What lies in the padding, to the left, to the right or by ``void``, reads as
    zeros, and so does everything without ``valid``. With two pixels, columns lie in two memories by turns, ``stride`` columns at a time,
    so that either is read once.

    Latency: 4 cycles from an address to ``q``; a written row may be read from the cycle after ``written`` on. Throughput: one address a
    cycle; one input group of a pixel is written a cycle, so a pixel takes ``shape.input_groups``. Reset: all rows are gone, the next pixel
    is the first of a row. ``i.ready`` depends on no input.

    Parameters
    ----------
    shape : the convolution

    Members
    -------
    i : ``shape.beat`` values, channel 0 lowest, pixel by pixel, rows from left to right
    written : a row is complete
    freed : so many rows, the oldest, are let go; reads of them may still be on their way
    valid, void, row, column, channel : the address, as :func:`hw.layers.tap_reader.step_layout` has it
    q : ``shape.pixels`` times ``shape.inputs`` values, pixel by pixel; channels beyond those of a beat are zeros
    """

    def __init__(self, shape: SharedShape) -> None:
        self.shape = shape
        self.word = shape.inputs * shape.bits
        super().__init__({
            "i": In(stream.Signature(shape.beat * shape.bits)), "written": Out(1), "freed": In(range(max(shape.freed) + 1)),
            "valid": In(1), "void": In(1), "row": In(range(2 * shape.ring_rows)), "column": In(range(len(shape.positions()))),
            "channel": In(range(max(2, shape.input_groups))), "q": Out(shape.pixels * self.word),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        words = ring_words(shape)
        memories = []
        for bank in range(shape.pixels):
            m.submodules[f"rows{bank}"] = memory = Memory(shape=self.word, depth=max(2, shape.ring_rows * words), init=[])
            memories.append(memory)
        writes = [memory.write_port() for memory in memories]
        reads = [memory.read_port() for memory in memories]
        self._write(m, writes, words)
        self._read(m, reads, words)
        return m

    def _write(self, m: Module, ports: list[Any], words: int) -> None:
        shape = self.shape
        groups, parts = shape.input_groups, shape.beat_groups
        push, column_ends, row_ends = Signal(), Signal(), Signal()
        column = Signal(range(max(2, shape.width)))
        channel = Signal(range(max(2, groups)))
        # Rows that may be written, the one in progress too: some, and more than one.
        room = Signal(range(shape.ring_rows + 1), init=shape.ring_rows)
        has_room, has_more = Signal(init=1), Signal(init=shape.ring_rows > 1)
        start = Signal(range(max(2, shape.ring_rows * words)))     # of the row that is written
        value = Signal(self.word)
        after = Signal.like(room)
        m.d.comb += column_ends.eq(channel == groups - 1)
        if parts == 1:
            m.d.comb += [self.i.ready.eq(has_room), push.eq(self.i.valid & has_room), value.eq(self.i.payload)]
        else:
            held, busy = Signal(parts * self.word, reset_less=True), Signal()
            part, beat_ends = Signal(range(parts)), Signal()
            m.d.comb += [
                push.eq(busy), value.eq(held), beat_ends.eq(part == parts - 1),
            ]
            # The next beat is taken with the last part of this one. That is decided a cycle ahead: many wires hang on it.
            ready, row_ends_next = Signal(init=1), (channel == groups - 2) & (column == shape.width - 1)
            m.d.comb += self.i.ready.eq(ready)
            with m.If(self.i.valid & ready):
                m.d.sync += ready.eq(0)
            with m.Elif(~busy):
                m.d.sync += ready.eq(has_room)
            with m.Elif(beat_ends):
                m.d.sync += ready.eq(after != 0)
            with m.Else():
                # A beat that is held counts as written: its row has room.
                m.d.sync += ready.eq((part == parts - 2) & (~row_ends_next | has_more))
            with m.If(busy):
                m.d.sync += part.eq(Mux(beat_ends, 0, part + 1))
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += [held.eq(self.i.payload), busy.eq(1)]
            with m.Elif(busy):
                m.d.sync += held.eq(held.rotate_right(self.word))   # shifting in zeros would take a reset of each bit
                with m.If(beat_ends):
                    m.d.sync += busy.eq(0)
        m.d.comb += row_ends.eq(push & column_ends & (column == shape.width - 1))
        with m.If(push):
            m.d.sync += channel.eq(Mux(column_ends, 0, channel + 1))
            with m.If(column_ends):
                m.d.sync += column.eq(Mux(row_ends, 0, column + 1))
        with m.If(row_ends):
            m.d.sync += start.eq(Mux(start == (shape.ring_rows - 1) * words, 0, start + words))

        freed = Signal.like(self.freed)     # a cycle late, so that no write overtakes an address that came with it
        m.d.sync += freed.eq(self.freed)
        m.d.comb += after.eq(room + freed - row_ends)
        m.d.sync += [room.eq(after), has_room.eq(after != 0), has_more.eq(after > 1), self.written.eq(row_ends)]

        places = [_place(shape, at) for at in range(shape.width)]
        address, data = Signal.like(start, name="address", reset_less=True), Signal(self.word, reset_less=True)
        m.d.sync += [address.eq(start + look_up([word for _, word in places], column) + channel), data.eq(value)]
        for bank, port in enumerate(ports):
            enable = Signal(name=f"write{bank}")
            m.d.sync += enable.eq(push & (look_up([at for at, _ in places], column) == bank))
            m.d.comb += [port.addr.eq(address), port.data.eq(data), port.en.eq(enable)]

    def _read(self, m: Module, ports: list[Any], words: int) -> None:
        shape = self.shape
        left, stride, pixels = shape.pad[1], shape.stride[1], shape.pixels
        inside = [0 <= at - left < shape.width for at in shape.positions()]
        second = [0 <= at - left + stride < shape.width for at in shape.positions()]
        banks: list[list[int]] = [[0] * len(inside) for _ in range(pixels)]
        swap = [0] * len(inside)
        for at in shape.positions():
            for pixel in range(pixels):
                column = at - left + pixel * stride
                if 0 <= column < shape.width:
                    bank, word = _place(shape, column)
                    banks[bank][at] = word
                    swap[at] = int(bank != pixel)

        def registered(name: str, value: Value) -> Signal:
            register = Signal(value.shape(), name=name, reset_less=True)
            m.d.sync += register.eq(value)
            return register

        row = registered("row_start", look_up([at % shape.ring_rows * words for at in range(2 * shape.ring_rows)], self.row))
        picked = [registered(f"column{n}", look_up(table, self.column)) for n, table in enumerate(banks)]
        channel = registered("channel_there", self.channel)
        shown = self.valid & ~self.void
        show: list[Value] = [look_up([int(there) for there in table], self.column) & shown for table in (inside, second)[:pixels]]
        turned: Value = look_up(swap, self.column)
        for n, port in enumerate(ports):
            address = Signal.like(port.addr, name=f"from{n}", reset_less=True)
            m.d.sync += address.eq(row + picked[n] + channel)
            m.d.comb += [port.addr.eq(address), port.en.eq(1)]
        for stage in range(3):
            show = [registered(f"show{n}_{stage}", value) for n, value in enumerate(show)]
            turned = registered(f"turned{stage}", turned)
        found = [port.data for port in ports]
        for pixel in range(pixels):
            value = found[0] if pixels == 1 else Mux(turned, found[1 - pixel], found[pixel])
            m.d.sync += self.q.word_select(pixel, self.word).eq(Mux(show[pixel], value, 0))

