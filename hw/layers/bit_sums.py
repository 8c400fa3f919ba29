"""Sums over the steps of a visit where activations and weights are one bit each: counts of the bits that agree."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.bit_counts import agreeing_bits, count_cycles
from hw.layers.pipeline import later, later_flag
from hw.layers.shared_shape import SharedShape

__all__ = ["BitSums", "bit_latency"]


def bit_latency(inputs: int) -> int:
    """Cycles from operands of so many channels to their step's count in the accumulators."""
    return 1 + count_cycles(inputs) + 1


class BitSums(wiring.Component):
    """Counts, over the input channels of a step and the steps of a visit, how often activation and weight are the same bit.

    With bits 0 and 1 for -1 and 1 the sum of their ``n`` products is twice that count less ``n`` (XNOR and popcount); with activations 0
    and 1 it is the count less the weights of -1, which is what thresholds are moved by (:class:`hw.layers.shared_conv.SharedConv`).

    Latency: from the operands of a visit's last step to ``sums``, with ``done``, :func:`bit_latency` and 1 cycles; ``sums`` stay until the
    next ``done``. Throughput: one step a cycle, also from visit to visit. What lies between steps, without ``valid``, is not counted.
    Reset: ``done`` is low; the sums of visits that were not finished come to nothing.

    Parameters
    ----------
    shape : the convolution, with ``shape.binary``
    sum_bits : bits of an accumulator, enough for any count and a sign, which is 0
    tag_bits : bits of ``tag``, at least 1
    behavioural : as in :func:`hw.add3.add3`

    Members
    -------
    valid : the operands are of a step
    first, last : of a visit's first, last step
    tag : what is to be told of the visit, with its last step
    a : activations, pixel by pixel, ``shape.inputs`` bits of each
    w : for each channel the bits of all outputs' weights, in the same cycle
    done : ``sums`` are those of a visit that has just ended
    sums : for each pixel, each of ``shape.outputs`` counts in ``sum_bits`` bits, the lowest output lowest
    told : the visit's ``tag``, with ``sums``
    """

    def __init__(self, shape: SharedShape, sum_bits: int, tag_bits: int = 1, *, behavioural: bool = False) -> None:
        if not shape.binary:
            raise ValueError("shape must be binary")
        self.shape = shape
        self.sum_bits = sum_bits
        self.tag_bits = tag_bits
        self.behavioural = behavioural
        super().__init__({
            "valid": In(1), "first": In(1), "last": In(1), "tag": In(tag_bits), "told": Out(tag_bits),
            "a": In(shape.pixels * shape.inputs), "w": In(shape.outputs).array(shape.inputs), "done": Out(1),
            "sums": Out(shape.outputs * sum_bits).array(shape.pixels),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        latency = bit_latency(shape.inputs)
        valid, first = later_flag(m, self.valid, latency - 1), later(m, self.first, latency - 1)
        ends, tag = later_flag(m, self.last, latency), later(m, self.tag, latency)
        m.d.sync += self.done.eq(ends)
        with m.If(ends):
            m.d.sync += self.told.eq(tag)
        # Memories give both late in their cycle, and many tables read each bit.
        weights = [later(m, Cat(row[output] for row in self.w), 1) for output in range(shape.outputs)]
        for pixel in range(shape.pixels):
            given = later(m, self.a.word_select(pixel, shape.inputs), 1)
            for output, weight in enumerate(weights):
                self._count(m, agreeing_bits(m, given, weight, behavioural=self.behavioural), valid, first, ends, pixel, output)
        return m

    def _count(self, m: Module, found: Value, valid: Value, first: Value, ends: Value, pixel: int, output: int) -> None:
        accumulator = Signal(signed(self.sum_bits), name=f"sum{pixel}_{output}", reset_less=True)
        with m.If(valid):
            m.d.sync += accumulator.eq(found + Mux(first, 0, accumulator))
        with m.If(ends):
            m.d.sync += self.sums[pixel].word_select(output, self.sum_bits).eq(accumulator)
