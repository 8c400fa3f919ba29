"""Sums over the steps of a visit, for all pixels and outputs of a shared convolution at once."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.bit_sums import bit_latency
from hw.layers.dsp_chain import DspChain
from hw.layers.lut_chain import LutChain, lut_delays
from hw.layers.lut_rows import chain_stages
from hw.layers.shared_shape import SharedShape

__all__ = ["ChainSums", "chain_delays", "chain_latency", "operand_delays"]


def _stages(shape: SharedShape) -> tuple[int, ...]:
    """Registers that a sum passes in each chain, on its way from product to product."""
    return tuple(chain_stages(shape.weight_bits, length) if shape.lut else length for length in shape.chain_lengths)


def _offsets(shape: SharedShape) -> tuple[int, ...]:
    """Cycles by which each chain begins after the first operands: the first two end together, and each further one a cycle later, when
    the sum of those before is there."""
    stages = _stages(shape)
    ends = [max(0, at - 1) for at in range(len(stages))]
    longest = max(length - end for length, end in zip(stages, ends, strict=True))
    return tuple(longest + end - length for length, end in zip(stages, ends, strict=True))


def operand_delays(shape: SharedShape) -> tuple[int, ...]:
    """For each of the ``shape.inputs`` channels, how many cycles after the first operands its activations are taken."""
    if shape.binary:
        return (0,) * shape.inputs
    found = tuple(offset + delay for offset, length in zip(_offsets(shape), shape.chain_lengths, strict=True)
                  for delay in (lut_delays(shape.weight_bits, length) if shape.lut else range(length)))
    return found * shape.inputs if shape.depthwise else found


def chain_delays(shape: SharedShape) -> tuple[int, ...]:
    """For each of the ``shape.inputs`` channels, how many cycles after the first operands its weights are taken."""
    return tuple(delay + int(shape.lut) for delay in operand_delays(shape))


def chain_latency(shape: SharedShape) -> int:
    """Cycles from operands to their step's sum in the accumulators."""
    if shape.binary:
        return bit_latency(shape.inputs)
    # The last chain ends last: what it takes itself, then one adder for all but the first, and the accumulator.
    return _offsets(shape)[-1] + _stages(shape)[-1] + (1 if shape.lut else 3) + (len(shape.chain_lengths) > 1) + 1


class ChainSums(wiring.Component):
    """Adds up products over the input channels of a step in chains of multipliers, and over the steps of a visit in accumulators. Of a
    depthwise convolution a step's products are not added up: each is of another output.

    There is no enable: between visits' steps operands of 0 are given, which change nothing. Latency: from the operands of a visit's last
    step to ``sums``, with ``done``, :func:`chain_latency` and 1 cycles; ``sums`` stay until the next ``done``. Throughput: one step a
    cycle, also from visit to visit. Reset: ``done`` is low; the sums of visits that were not finished come to nothing, for the next
    visit's first step overwrites them.

    Parameters
    ----------
    shape : the convolution
    sum_bits : bits of an accumulator, enough for any part of a sum
    tag_bits : bits of ``tag``, at least 1
    behavioural : as in :class:`hw.layers.dsp_chain.DspChain`

    Members
    -------
    first, last : the operands are of a visit's first, last step
    tag : what is to be told of the visit, with its last step
    a : activations, pixel by pixel, ``shape.inputs`` of each
    w : for each channel the stored weights of all its multipliers, those of channel c ``chain_delays(shape)[c]`` cycles after ``a``
    done : ``sums`` are those of a visit that has just ended
    sums : for each pixel, each of ``shape.outputs`` outputs in ``sum_bits`` bits of two's complement, the lowest output lowest
    told : the visit's ``tag``, with ``sums``
    """

    def __init__(self, shape: SharedShape, sum_bits: int, tag_bits: int = 1, *, behavioural: bool = False) -> None:
        self.shape = shape
        self.sum_bits = sum_bits
        self.tag_bits = tag_bits
        self.behavioural = behavioural
        super().__init__({
            "first": In(1), "last": In(1), "tag": In(tag_bits), "told": Out(tag_bits), "a": In(shape.pixels * shape.inputs * shape.bits),
            "w": In(shape.weights_each * shape.weight_bits).array(shape.inputs), "done": Out(1),
            "sums": Out(shape.outputs * sum_bits).array(shape.pixels),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, packing = self.shape, self.shape.packing
        latency = chain_latency(shape)
        first, ends = _later(m, self.first, latency - 1, "first", reset_less=True), _later(m, self.last, latency, "last")
        tag = _later(m, self.tag, latency, "tag", reset_less=True)
        m.d.sync += self.done.eq(ends)
        with m.If(ends):
            m.d.sync += self.told.eq(tag)

        activations: list[list[Value]] = []     # [channel][pixel], late as their weights are
        for channel, delay in enumerate(operand_delays(shape)):
            values = [self.a.word_select(pixel * shape.inputs + channel, shape.bits) for pixel in range(shape.pixels)]
            activations.append([_later(m, value, delay, f"a{channel}_{pixel}", reset_less=True) for pixel, value in enumerate(values)])
        for column in range(shape.outputs // packing.outputs):
            totals: list[Value] = []
            channel, own = (column, 0) if shape.depthwise else (0, column)
            for number, length in enumerate(shape.chain_lengths):
                chain = self._chain(length)
                m.submodules[f"chain{column}_{number}"] = chain
                for step in range(length):
                    m.d.comb += [
                        chain.a[step].eq(Cat(activations[channel])),
                        chain.w[step].eq(self.w[channel].word_select(own, packing.outputs * shape.weight_bits)),
                    ]
                    channel += 1
                # its own packing: a shorter chain has narrower fields
                lanes = [chain.o.word_select(lane, chain.packing.field).as_signed() for lane in range(packing.lanes)]
                if not totals:
                    totals = list(lanes)
                    continue
                added = [lane + total for lane, total in zip(lanes, totals, strict=True)]
                totals = [_register(m, value, f"total{column}_{number}_{lane}") for lane, value in enumerate(added)]
            for lane, total in enumerate(totals):
                pixel, output = divmod(lane, packing.outputs)
                self._accumulate(m, first, ends, total, pixel, column * packing.outputs + output)
        return m

    def _chain(self, length: int) -> DspChain | LutChain:
        shape = self.shape
        if shape.lut:
            return LutChain(shape.bits, shape.signed, shape.weight_bits, length, pixels=shape.pixels)
        return DspChain(shape.bits, shape.signed, shape.weight_bits, length, pixels=shape.pixels, behavioural=self.behavioural)

    def _accumulate(self, m: Module, first: Signal, ends: Signal, total: Value, pixel: int, output: int) -> None:
        accumulator = Signal(signed(self.sum_bits), name=f"sum{pixel}_{output}", reset_less=True)
        m.d.sync += accumulator.eq(total + Mux(first, 0, accumulator))
        with m.If(ends):
            m.d.sync += self.sums[pixel].word_select(output, self.sum_bits).eq(accumulator)


def _register(m: Module, value: Value, name: str, *, reset_less: bool = True) -> Signal:
    register = Signal(value.shape(), name=name, reset_less=reset_less)
    m.d.sync += register.eq(value)
    return register


def _later(m: Module, value: Value, cycles: int, name: str, *, reset_less: bool = False) -> Value:
    for at in range(cycles):
        value = _register(m, value, f"{name}_{at}", reset_less=reset_less)
    return value
