"""From the sums of a shared convolution's visits to its output pixels: maximum of a pool window, thresholds, whole pixels."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.layers.shared_shape import SharedShape
from hw.layers.threshold_memory import ThresholdMemory

__all__ = ["SumDrain", "drain_latency", "drained_layout"]


def drained_layout(shape: SharedShape) -> data.StructLayout:
    """What the drain has to know of a visit, of the fields of :func:`hw.layers.tap_reader.visit_layout`."""
    return data.StructLayout({"group": range(max(2, shape.output_groups)), "first": 1, "last": 1, "alone": 1})


def drain_latency(shape: SharedShape, thresholds: int) -> int:
    """Cycles from ``done`` to the first beat that it completes."""
    beside = not shape.paired and shape.pixels == 2
    return shape.drain + 1 + beside + _pooled(shape) + 2 * thresholds.bit_length()


def _pooled(shape: SharedShape) -> bool:
    return shape.columns * shape.pool[0] > 1


class SumDrain(wiring.Component):
    """Takes the sums of each visit ``shape.lanes`` a cycle, keeps the largest of a pool window, counts the thresholds that it reaches and
    gives whole pixels.

    The sums must stay for ``shape.drain`` cycles from ``done``. Latency: :func:`drain_latency` cycles. Throughput: a visit in
    ``shape.drain`` cycles. ``o`` is never asked whether it is ready: there must be room. Reset: nothing is under way; the next visit is
    the first of its pool window and of its pixel.

    Parameters
    ----------
    shape : the convolution
    sum_bits : bits of a sum, two's complement
    thresholds : for each output channel, ascending (:class:`hw.layers.threshold_memory.ThresholdMemory`); None: the sums are the output
    out_min : what is given where no threshold is reached; with every one that is reached, one more
    out_bits : bits of an output value
    exchangeable : thresholds are in memories whose contents may be exchanged

    Members
    -------
    done : ``sums`` and ``visit`` are those of another visit
    visit : the visit
    sums : for each pixel, each of ``shape.outputs`` sums
    valid : a pixel is complete
    o : its ``shape.out_channels`` values, channel 0 lowest
    """

    def __init__(self, shape: SharedShape, sum_bits: int, thresholds: Sequence[Sequence[int]] | None, out_min: int, out_bits: int, *,
                 exchangeable: bool = False) -> None:
        self.shape = shape
        self.sum_bits = sum_bits
        self.thresholds = thresholds
        self.out_min = out_min
        self.out_bits = out_bits
        self.exchangeable = exchangeable
        super().__init__({
            "done": In(1), "visit": In(drained_layout(shape)), "sums": In(shape.outputs * sum_bits).array(shape.pixels),
            "valid": Out(1), "o": Out(shape.out_channels * out_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        turn = Signal(range(max(2, shape.drain)))
        running = Signal()
        m.d.comb += running.eq(self.done | (turn != 0))
        with m.If(running):
            m.d.sync += turn.eq(Mux(turn == shape.drain - 1, 0, turn + 1))
        slot, second = Signal(range(max(2, shape.slots))), Signal()
        if shape.paired:
            m.d.comb += [second.eq(turn >= shape.slots), slot.eq(Mux(second, turn - shape.slots, turn))]
        else:
            m.d.comb += slot.eq(turn)

        word = shape.lanes * self.sum_bits
        sources = [Cat(self.sums)] if shape.paired or shape.pixels == 1 else list(self.sums)
        picked = [self._lanes(_picked(m, turn, shape.drain, source, word, f"picked{n}")) for n, source in enumerate(sources)]
        state = _State(m, {"turn": turn, "slot": slot, "second": second, "group": self.visit.group, "first": self.visit.first,
                           "last": self.visit.last, "alone": self.visit.alone}, running)
        turn_before: Value = turn
        state.step()
        values = picked[0]
        if len(picked) == 2:
            beside = [Mux((b > a) & ~state.alone, b, a) for a, b in zip(*picked, strict=True)]
            values = [_register(m, value, f"wider{lane}") for lane, value in enumerate(beside)]
            turn_before = state.turn
            state.step()
        if _pooled(shape):
            values = self._largest(m, state, values, turn_before)
            state.step()
        found = self._thresholds(m, state, values)
        self._pixels(m, state, found)
        return m

    def _lanes(self, word: Value) -> list[Value]:
        return [word.word_select(lane, self.sum_bits).as_signed() for lane in range(self.shape.lanes)]

    def _largest(self, m: Module, state: "_State", values: list[Value], turn_before: Value) -> list[Value]:
        """The largest of a pool window so far: that of each turn (of each slot of either pixel, where two windows are done at once) waits
        until the next visit of the window. ``turn_before`` is the turn of the values of the next cycle."""
        shape = self.shape
        largest = [Signal(signed(self.sum_bits), name=f"largest{lane}") for lane in range(shape.lanes)]
        if shape.drain == 1:
            kept: Value = Signal(shape.lanes * self.sum_bits, name="kept", reset_less=True)
            with m.If(state.valid):
                m.d.sync += kept.eq(Cat(largest))
        else:
            # A turn comes again after shape.drain cycles, when the one before has been written.
            m.submodules.largest = memory = Memory(shape=shape.lanes * self.sum_bits, depth=shape.drain, init=[])
            read, write = memory.read_port(), memory.write_port()
            kept = read.data
            m.d.comb += [read.addr.eq(turn_before), read.en.eq(1), write.addr.eq(state.turn), write.en.eq(state.valid),
                         write.data.eq(Cat(largest))]
        for now, value, before in zip(largest, values, self._lanes(kept), strict=True):
            m.d.comb += now.eq(Mux(state.first | (value > before), value, before))
        return [_register(m, now, f"pooled{lane}") for lane, now in enumerate(largest)]

    def _thresholds(self, m: Module, state: "_State", values: list[Value]) -> list[Value]:
        shape = self.shape
        if self.thresholds is None:
            return values
        slots = 1 << (shape.slots - 1).bit_length()
        steps = len(self.thresholds[0])
        found = []
        for lane, value in enumerate(values):
            rows = []
            for at in range(shape.output_groups * slots):
                channel = at // slots * shape.outputs + at % slots * shape.lanes + lane
                exists = at % slots < shape.slots and channel < shape.out_channels
                rows.append(list(self.thresholds[channel]) if exists else [0] * steps)
            m.submodules[f"search{lane}"] = search = ThresholdMemory(
                self.sum_bits, rows, exchangeable=f"thresholds{lane}" if self.exchangeable else None)
            m.d.comb += [search.value.eq(value), search.channel.eq(Cat(state.slot[:(shape.slots - 1).bit_length()], state.group))]
            count = Signal(signed(self.out_bits + 1), name=f"value{lane}")
            m.d.comb += count.eq(search.found + self.out_min)
            found.append(count)
        for _ in range(2 * steps.bit_length()):
            state.step()
        return found

    def _pixels(self, m: Module, state: "_State", found: list[Value]) -> None:
        """Channels come in order, so that a pixel is a shift register; two pixels need one each where their output groups alternate."""
        shape = self.shape
        whole = shape.output_groups * shape.outputs * self.out_bits
        values = Cat(_fitted(value, self.out_bits) for value in found)
        apart = shape.paired and shape.output_groups > 1
        registers = [Signal(whole, name=f"pixel{n}", reset_less=True) for n in range(2 if apart else 1)]
        for n, register in enumerate(registers):
            with m.If(state.valid & state.last & (state.second == n if apart else 1)):
                m.d.sync += register.eq(Cat(register, values)[len(values):])
        ends = (state.slot == shape.slots - 1) & (state.group == shape.output_groups - 1) & ~(state.second & state.alone)
        m.d.sync += self.valid.eq(state.valid & state.last & ends)
        output = registers[0]
        if apart:
            second = _register(m, state.second, "second_done")
            output = Mux(second, registers[1], registers[0])
        m.d.comb += self.o.eq(output[:shape.out_channels * self.out_bits])


class _State:
    """What goes along with values through the pipeline, as it is in the current stage."""

    def __init__(self, m: Module, values: dict[str, Value], valid: Value) -> None:
        self._m, self._stage = m, 0
        self._values = values
        self.valid = valid

    def step(self) -> None:
        self._stage += 1
        self._values = {name: _register(self._m, value, f"{name}{self._stage}") for name, value in self._values.items()}
        self.valid = _register(self._m, self.valid, f"valid{self._stage}", reset_less=False)

    def __getattr__(self, name: str) -> Value:
        return self._values[name]


def _register(m: Module, value: Value, name: str, *, reset_less: bool = True) -> Signal:
    register = Signal(value.shape(), name=name, reset_less=reset_less)
    m.d.sync += register.eq(value)
    return register


def _picked(m: Module, turn: Signal, turns: int, source: Value, word: int, name: str) -> Signal:
    """A register of the word of this turn. Written out as cases, synthesis takes a third less than for an indexed part of ``source``."""
    register = Signal(word, name=name, reset_less=True)
    with m.Switch(turn):
        for at in range(turns):
            with m.Case(at) if at < turns - 1 else m.Default():
                m.d.sync += register.eq(source.word_select(at, word))
    return register


def _fitted(value: Value, bits: int) -> Value:
    return Cat(value, (value[-1] if value.shape().signed else value[:0]).replicate(max(0, bits - len(value))))[:bits]


