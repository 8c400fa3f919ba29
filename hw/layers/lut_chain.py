"""Dot products in look-up tables: rows of carry chains, a digit of a weight each."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.dsp_packing import Packing
from hw.layers.lut_rows import ROWS_PER_STAGE, Row, chain_rows, chain_stages, lut_packing, row_offset

__all__ = ["LutChain", "lut_delays"]


def lut_delays(weight_bits: int, length: int) -> tuple[int, ...]:
    """For each of ``length`` products, how many cycles after those of the first one its operands are taken."""
    return tuple(at * len(range(0, weight_bits, 2)) // ROWS_PER_STAGE for at in range(length))


class LutChain(wiring.Component):
    """Adds up ``length`` products for each of ``pixels`` activations that share a weight.

    A weight is taken apart into digits of two bits, of which the uppermost has the sign: a digit selects 0, 1, 2 or 3 times the activation,
    or 0, 1, -2 or -1 times. Three times and minus the activation are computed once, so that a bit of the multiple depends on five signals,
    and a bit of the sum's row on six: one look-up table of six inputs, whose other input to the carry chain is the sum itself. For that the
    multiple's complement is subtracted, which adds the multiple and 1: synthesisers give the carry chain the minuend, while of two summands
    they may take either, and then need tables for both.

    Operands of product k are taken ``lut_delays(weight_bits, length)[k]`` cycles after those of product 0, a weight one cycle after its
    activations. Latency: ``latency`` cycles from the activations of product 0 to the sum. Throughput: one sum a cycle, always: there is no
    enable and no reset. All registers are zero after configuration; the first ``latency`` sums come to nothing.

    Parameters
    ----------
    bits : bits of an activation
    signed : whether activations are two's complement
    weight_bits : bits of a weight, at least 2; weights are narrow (:func:`hw.layers.dsp_packing.dsp_packing`)
    length : products of a sum, at least 1
    pixels : activations that share a weight, at least 1

    Kept as attributes of these names, beside ``packing`` and ``latency``. Raises ValueError as :func:`hw.layers.lut_rows.chain_rows` does.

    Members
    -------
    a : for each product, its activations, ``pixels`` of them
    w : for each product, its weight
    o : the sums, ``packing.field`` bits each in two's complement, that of the first pixel lowest
    """

    def __init__(self, bits: int, signed: bool, weight_bits: int, length: int, *, pixels: int = 2) -> None:
        self.bits = bits
        self.signed = signed
        self.weight_bits = weight_bits
        self.length = length
        self.pixels = pixels
        self.packing: Packing = lut_packing(bits, signed, weight_bits, length, pixels=pixels)
        self.latency = 1 + chain_stages(weight_bits, length)
        super().__init__({
            "a": In(pixels * bits).array(length), "w": In(weight_bits).array(length), "o": Out(pixels * self.packing.field),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows = chain_rows(self.bits, self.signed, self.weight_bits, self.length)
        starts = lut_delays(self.weight_bits, self.length)
        weights = [_Late(m, self.w[at], f"w{at}") for at in range(self.length)]
        for pixel in range(self.pixels):
            multiples = [self._multiples(m, at, pixel) for at in range(self.length)]
            total: Value = Const(-row_offset(self.weight_bits, self.length), signed(64))
            for place, row in enumerate(rows):
                late = row.stage - starts[row.product]
                digit = weights[row.product].at(late)[row.low:row.low + row.width]
                total = self._row(m, total, row, _multiple(digit, row, [value.at(late) for value in multiples[row.product]]),
                                  name=f"sum{pixel}_{place}", registered=place + 1 == len(rows) or rows[place + 1].stage > row.stage)
            m.d.comb += self.o.word_select(pixel, self.packing.field).eq(total)
        return m

    def _multiples(self, m: Module, product: int, pixel: int) -> "list[_Late]":
        """Once, three times and minus an activation, a cycle after it."""
        value = self.a[product].word_select(pixel, self.bits)
        value = value.as_signed() if self.signed else value
        # a sum, for a product might become a DSP48E1
        return [_Late(m, _registered(m, found, f"{name}{product}_{pixel}"), f"{name}{product}_{pixel}")
                for name, found in (("once", value), ("thrice", value + (value << 1)), ("minus", -value))]

    def _row(self, m: Module, total: Value, row: Row, multiple: Value, *, name: str, registered: bool) -> Signal:
        """``total`` and ``multiple``, and 1, at the weight of the row's digit."""
        upper = Signal(signed(row.sum_bits - row.low), name=f"{name}_upper")
        complement = Signal(signed(row.sum_bits - row.low), name=f"{name}_complement")
        m.d.comb += [upper.eq(total.shift_right(row.low)), complement.eq(~multiple)]
        found = Signal(signed(row.sum_bits), name=name, reset_less=True)
        domain = m.d.sync if registered else m.d.comb
        domain += found.eq(Cat(total[:row.low], (upper - complement)[:row.sum_bits - row.low]))
        return found


class _Late:
    """A value and, as far as they are asked for, registers behind it."""

    def __init__(self, m: Module, value: Value, name: str) -> None:
        self._m = m
        self._values = [value]
        self._name = name

    def at(self, cycles: int) -> Value:
        """The value as it was so many cycles ago."""
        while len(self._values) <= cycles:
            self._values.append(_registered(self._m, self._values[-1], f"{self._name}_{len(self._values)}"))
        return self._values[cycles]


def _registered(m: Module, value: Value, name: str) -> Signal:
    register = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _multiple(digit: Value, row: Row, multiples: Sequence[Value]) -> Value:
    """What ``digit`` takes of an activation, signed."""
    once, thrice, minus = multiples
    if row.width == 1:
        return Mux(digit[0], minus if row.top else once, Const(0, signed(1)))
    two, three = (minus << 1, minus) if row.top else (once << 1, thrice)
    found = Mux(digit[1], Mux(digit[0], three, two), Mux(digit[0], once, 0))
    return found if found.shape().signed else Cat(found, Const(0)).as_signed()
