"""Dot products in a cascade of DSP48E1, several of them at once in the fields of one sum."""

from itertools import pairwise

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.dsp_packing import Packing, dsp_packing

__all__ = ["DspChain"]

_A, _B, _D, _P = 30, 18, 25, 48


class DspChain(wiring.Component):
    """Adds up ``length`` products for each pair of a pixel and an output, one DSP48E1 a step, ``packing.lanes`` products in each.

    Step k takes its operands k cycles after step 0. Latency: ``length + 3`` cycles from the operands of step 0 to the sum. Throughput: one
    sum a cycle, always: there is no enable and no reset. All registers are zero after configuration, and hold operands of 0 then.

    Parameters
    ----------
    bits : bits of an activation
    signed : whether activations are two's complement
    weight_bits : bits of a weight, at least 2; weights are narrow (:func:`hw.layers.dsp_packing.dsp_packing`)
    length : products of a sum, at least 1
    pixels : activations that share a DSP48E1: 2, or 1 (weights share it alone)
    behavioural : plain registers and operators in place of DSP48E1, for the Amaranth simulator, which knows no instances

    Kept as attributes of these names, beside ``packing`` and ``latency``. Raises ValueError where not even two products fit, and as
    ``dsp_packing`` does.

    Members
    -------
    a : for each step, its activations, ``packing.pixels`` of them
    w : for each step, its weights as :func:`hw.layers.dsp_packing.packed_weights` gives them, ``packing.outputs`` of them
    o : the sums, ``packing.field`` bits each in two's complement: that of pixel x and output y is number ``x * packing.outputs + y``
    """

    def __init__(self, bits: int, signed: bool, weight_bits: int, length: int, *, pixels: int = 2, behavioural: bool = False) -> None:
        packing = dsp_packing(bits, signed, weight_bits, length, pixels=pixels)
        if packing is None:
            raise ValueError(f"no DSP48E1 holds {length} products for pixels={pixels}, bits={bits}, weight_bits={weight_bits}")
        self.bits = bits
        self.signed = signed
        self.weight_bits = weight_bits
        self.length = length
        self.pixels = pixels
        self.behavioural = behavioural
        self.packing: Packing = packing
        self.latency = length + 3
        super().__init__({
            "a": In(packing.pixels * bits).array(length),
            "w": In(packing.outputs * weight_bits).array(length),
            "o": Out(packing.lanes * packing.field),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        field, lanes = self.packing.field, self.packing.lanes
        bias = sum(1 << (lane * field + field - 1) for lane in range(lanes))
        cascade: Value = Const(bias, _P)
        total: Value = cascade
        for step in range(self.length):
            operands = self._operands(step)
            if self.behavioural:
                total = cascade = self._registers(m, step, *operands, cascade)
            else:
                total, cascade = self._instance(m, step, *operands, cascade)
        # Half a field's range was added: its uppermost bit turned over is the sign.
        m.d.comb += self.o.eq(Cat(Cat(total[at:at + field - 1], ~total[at + field - 1]) for at in range(0, lanes * field, field)))
        return m

    def _operands(self, step: int) -> tuple[Value, Value, Value]:
        """What goes to A, B and D: A and D are added up in the slice, so that a negative value on D borrows from A."""
        values = [self.a[step].word_select(n, self.bits) for n in range(self.packing.pixels)]
        values = [value.as_signed() if self.signed else value for value in values]
        stored = [self.w[step].word_select(n, self.weight_bits).as_signed() for n in range(self.packing.outputs)]
        if self.packing.pixels == 1:
            return _side_by_side(stored, self.packing.field, _A), _extended(values[0], _B), Const(0, _D)
        upper = self.packing.outputs * self.packing.field
        return (Cat(Const(0, upper), _extended(values[1], _A - upper)), _side_by_side(stored, self.packing.field, _B),
                _extended(values[0], _D))

    def _registers(self, m: Module, step: int, a: Value, b: Value, d: Value, cascade: Value) -> Signal:
        """The slice's registers in the mode of :meth:`_instance`."""
        def register(name: str, value: Value, bits: int, signed: bool = True) -> Signal:
            kept = Signal(bits, name=f"{name}{step}", reset_less=True)
            m.d.sync += kept.eq(value)
            return kept

        a1, d1, b1 = register("a", a[:_D], _D), register("d", d, _D), register("b", b, _B)
        ad, b2 = register("ad", a1 + d1, _D), register("bb", b1, _B)
        product = register("m", ad.as_signed() * b2.as_signed(), _D + _B)
        return register("p", product.as_signed() + cascade, _P)

    def _instance(self, m: Module, step: int, a: Value, b: Value, d: Value, cascade: Value) -> tuple[Signal, Signal]:
        p, onward = Signal(_P, name=f"p{step}"), Signal(_P, name=f"onward{step}")
        enables = {f"i_CE{name}": Const(1) for name in ("A1", "A2", "AD", "ALUMODE", "B1", "B2", "C", "CARRYIN", "CTRL", "D", "INMODE", "M",
                                                       "P")}
        resets = {f"i_RST{name}": Const(0) for name in ("A", "ALLCARRYIN", "ALUMODE", "B", "C", "CTRL", "D", "INMODE", "M", "P")}
        registers = {"p_AREG": 1, "p_ACASCREG": 1, "p_DREG": 1, "p_ADREG": 1, "p_BREG": 2, "p_BCASCREG": 2, "p_MREG": 1, "p_PREG": 1}
        without = {f"p_{name}REG": 0 for name in ("ALUMODE", "CARRYIN", "CARRYINSEL", "C", "INMODE", "OPMODE")}
        m.submodules[f"dsp{step}"] = Instance(
            "DSP48E1", **registers, **without, **enables, **resets,
            p_USE_DPORT="TRUE", p_USE_MULT="MULTIPLY", p_USE_SIMD="ONE48", p_A_INPUT="DIRECT", p_B_INPUT="DIRECT",
            i_CLK=ClockSignal(), i_A=a, i_B=b, i_D=d, i_C=cascade if step == 0 else Const(0, _P),
            i_PCIN=cascade if step else Const(0, _P), i_ACIN=Const(0, _A), i_BCIN=Const(0, _B),
            i_ALUMODE=Const(0, 4), i_CARRYIN=Const(0), i_CARRYINSEL=Const(0, 3), i_CARRYCASCIN=Const(0), i_MULTSIGNIN=Const(0),
            i_INMODE=Const(0b00100, 5),                                     # the multiplier takes D + A
            i_OPMODE=Const(0b001_0101 if step else 0b011_0101, 7),          # and adds PCIN, or C
            o_P=p, o_PCOUT=onward)
        return p, onward


def _extended(value: Value, bits: int) -> Value:
    """``value`` in ``bits`` bits, with its sign where it has one."""
    fill = value[-1] if value.shape().signed else Const(0)
    return Cat(value, fill.replicate(bits - len(value)))


def _side_by_side(stored: list[Value], field: int, bits: int) -> Value:
    """Values ``field`` bits apart, each extended up to the next one, the last one to the end."""
    ends = [*range(field, field * len(stored), field), bits]
    return Cat(_extended(value, end - start) for value, (start, end) in zip(stored, pairwise([0, *ends]), strict=True))
