"""What every score shares: its interface to the exit decision, and small helpers to write one with."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.exchangeable import exchangeable_memory

__all__ = ["BeatSignature", "Score", "carry", "count_beats", "delay", "rom", "saturate_signed", "saturate_unsigned"]

_CHAIN = 8
"""Cycles up to which :func:`delay` makes a register for each."""
_CARRIED = 3
"""Registers in a row up to which :func:`carry` prefers them to a shift register, which takes LUTs."""


class BeatSignature(wiring.Signature):
    """One beat of a sample's values, without back pressure: ``values`` is an array of ``pe`` elements, lowest class first.

    ``first`` and ``last`` mark a sample's first and last beat, and mean something only with ``valid``.
    """

    def __init__(self, pe: int, shape: Shape) -> None:
        super().__init__({
            "valid": Out(1),
            "first": Out(1),
            "last": Out(1),
            "values": Out(data.ArrayLayout(shape, pe)),
        })


class Score(wiring.Component):
    """A policy's score: takes a sample's logits beat by beat and says whether the sample may leave.

    A score is written as if nothing ever stalled: the exit decision stops its clock as a whole. Every sample gives exactly one result,
    in order, ``latency`` cycles after its last beat.

    A subclass takes the same keyword arguments and names its policy: ``class Margin(Score, policy="margin")`` is all that it takes to be
    found in :data:`Score.registry`. It sets ``latency`` (cycles from the last beat at ``i`` to ``valid``); ``lead``, if it needs the
    threshold that many cycles before the result; ``required`` and ``optional``, the keys of its ``params``; and it gives its
    ``threshold_range``.

    Parameters
    ----------
    classes, pe, logit_bits : int
        Classes of a sample, classes a beat (a divisor), width of the signed logits.
    params : mapping
        The policy's integer constants; exactly the keys in ``required`` and any of ``optional``, else :class:`ValueError`.
    confidence_bits : int
        Width of ``confidence``; what it means is the policy's own affair.
    exchangeable : bool
        Whether constants that follow from a head's weights are contents of memories (:mod:`hw.exchangeable`), so that others of the
        same form make the same hardware.

    Attributes
    ----------
    threshold_range : range
        The thresholds that differ in what they do: the greatest number that a threshold can be is that or anything above it.
    ports : mapping
        Members beyond the common ones (a token stream, a gate head's logits), from :meth:`own_ports`; the exit decision has them too,
        under the same name.

    Members
    -------
    i : In(BeatSignature)
        The logits, bias added.
    threshold : In(threshold_range)
        The threshold of the oldest sample that has not been taken; there in the cycle of ``take``.
    take : Out(1)
        High ``lead`` cycles before ``valid``: ``threshold`` is used in this cycle.
    winner : Out(range(classes))
        With ``take``, the class of the sample whose threshold is used: a threshold may depend on it.
    valid : Out(1)
        The result of a sample is there, for one cycle.
    label : Out(range(classes))
        The class with the greatest logit, the lowest of equals.
    leave : Out(1)
        The policy's condition holds.
    left : In(1)
        What became of it: the sample does leave, after enable and mode.
    confidence : Out(confidence_bits)
        The score.
    hold : Out(1)
        Stops the decision for this cycle, because one of the score's own ``ports`` is not ready.
    advance : In(1)
        The pipeline moves in this cycle; what a score takes from its own ``ports`` it takes only then.
    """

    registry: ClassVar[dict[str, type["Score"]]] = {}
    """Every policy's score, by the policy's name."""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    latency: int
    lead: int = 0

    def __init_subclass__(cls, *, policy: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if policy is not None:
            Score.registry[policy] = cls

    def __init__(self, *, classes: int, pe: int, logit_bits: int, params: Mapping[str, Any], confidence_bits: int,
                 exchangeable: bool = False) -> None:
        missing = [key for key in self.required if key not in params]
        unknown = sorted(set(params) - set(self.required) - set(self.optional))
        if missing or unknown:
            raise ValueError(
                f"params of {type(self).__name__} must have {', '.join(self.required) or 'no key'}"
                f"{' and may have ' + ', '.join(self.optional) if self.optional else ''}, not {', '.join(sorted(params)) or 'none'}"
            )
        self.classes = classes
        self.pe = pe
        self.beats = classes // pe
        self.logit_bits = logit_bits
        self.params = dict(params)
        self.confidence_bits = confidence_bits
        self.exchangeable = exchangeable
        self.prepare()
        self.threshold_range: range = self.thresholds()
        self.ports: dict[str, wiring.Member] = self.own_ports()
        super().__init__({
            "i": In(BeatSignature(pe, signed(logit_bits))),
            "threshold": In(self.threshold_range),
            "take": Out(1),
            "winner": Out(range(classes)),
            "valid": Out(1),
            "label": Out(range(classes)),
            "leave": Out(1),
            "left": In(1),
            "confidence": Out(confidence_bits),
            "hold": Out(1),
            "advance": In(1),
            **self.ports,
        })

    def prepare(self) -> None:
        """Check ``params`` and set what :meth:`thresholds` and :meth:`own_ports` need."""

    def outside(self, m: Module) -> None:
        """Add to ``m`` what must run on while the pipeline stands still."""

    def one_pass(self, m: Module, finder: Any) -> None:
        """The result is there as soon as ``finder`` (members ``i``, ``valid``, ``label``) has the class: nothing is looked at twice."""
        m.submodules.finder = finder
        wiring.connect(m, wiring.flipped(self.i), finder.i)
        m.d.comb += [self.take.eq(finder.valid), self.winner.eq(finder.label), self.valid.eq(finder.valid), self.label.eq(finder.label)]

    def thresholds(self) -> range:
        """The policy's ``threshold_range``; none but 0 unless it compares with one."""
        return range(1)

    def own_ports(self) -> dict[str, wiring.Member]:
        """The policy's ``ports``."""
        return {}


def delay(m: Module, value: Value, cycles: int, *, reset_less: bool = True) -> Value:
    """``value`` as it was ``cycles`` cycles ago. Data needs no reset (and becomes a shift register); flags do."""
    if isinstance(value, Const):
        return value
    if reset_less and cycles > _CHAIN:
        # One wide register says the same as a thousand small ones, in a thousandth of the Verilog.
        line = Signal(cycles * len(value), reset_less=True)
        m.d.sync += line.eq(Cat(value, line)[:len(line)])
        oldest = line[len(line) - len(value):]
        return oldest.as_signed() if value.shape().signed else oldest
    for _ in range(cycles):
        register = Signal.like(value, init=0, reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
    return value


def carry(m: Module, value: Value, flag: Value, *, gap: int, cycles: int) -> Value:
    """``value`` as it was when ``flag`` was high ``cycles`` cycles ago, for flags that come at least ``gap`` cycles apart.

    A register keeps it for ``gap`` cycles; where that takes many of them, a shift register does.
    """
    if -(-cycles // gap) > _CARRIED:
        return delay(m, value, cycles)
    while cycles > 0:
        held = Signal.like(value, init=0, reset_less=True)
        with m.If(flag):
            m.d.sync += held.eq(value)
        value = held
        if cycles > gap:
            flag = delay(m, flag, gap)
        cycles -= gap
    return value


def count_beats(m: Module, step: Value, beats: int) -> tuple[Value, Value, Value]:
    """The number of the current beat of ``beats``, and whether it is the first and the last; moves on with ``step``."""
    if beats == 1:
        return Const(0), Const(1), Const(1)
    beat = Signal(range(beats))
    last = beat == beats - 1
    with m.If(step):
        m.d.sync += beat.eq(Mux(last, 0, beat + 1))
    return beat, beat == 0, last


def rom(m: Module, table: Sequence[int], index: Value, exchangeable: tuple[str, int] | None = None) -> Value:
    """``table[index]``, one cycle later; the table has a power of two of entries, none negative. ``exchangeable`` gives the name and the
    width of entries that may be others (:mod:`hw.exchangeable`)."""
    if exchangeable is None and len(table) == 1:
        return Const(table[0])
    if exchangeable is not None:
        memory = exchangeable_memory(exchangeable[0], unsigned(exchangeable[1]), table)
    else:
        memory = Memory(shape=unsigned(max(1, max(table).bit_length())), depth=len(table), init=list(table))
    m.submodules += memory
    read = memory.read_port()
    m.d.comb += read.addr.eq(index)
    value: Value = read.data
    return value


def saturate_signed(value: Value, bits: int) -> Value:
    """A signed ``value`` limited to ``bits`` bits of two's complement."""
    width = len(value)
    if width <= bits:
        return Cat(value, value[-1].replicate(bits - width))
    sign = value[-1]
    fits = value[bits - 1:] == sign.replicate(width - bits + 1)
    return Mux(fits, value[:bits], Cat((~sign).replicate(bits - 1), sign))


def saturate_unsigned(value: Value, bits: int) -> Value:
    """An unsigned ``value`` limited to ``bits`` bits."""
    return value[:bits] | value[bits:].any().replicate(bits) if len(value) > bits else value
