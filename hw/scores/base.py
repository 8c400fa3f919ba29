"""What every score shares: its interface to the exit decision, and small helpers to write one with."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BeatSignature", "Score", "count_beats", "delay", "saturate_signed", "saturate_unsigned"]


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

    A subclass takes the same keyword arguments and is listed in :data:`hw.scores.SCORES`. It sets ``latency`` (cycles from the last beat
    at ``i`` to ``valid``); ``lead``, if it needs the threshold that many cycles before the result; ``required`` and ``optional``, the
    keys of its ``params``.

    Parameters
    ----------
    classes, pe, logit_bits : int
        Classes of a sample, classes a beat (a divisor), width of the signed logits.
    params : mapping
        The policy's integer constants; exactly the keys in ``required`` and any of ``optional``, else :class:`ValueError`.
    confidence_bits : int
        Width of ``confidence``; what it means is the policy's own affair.
    ports : mapping
        Members beyond the common ones (a token stream, a gate head's logits); the exit decision has them too, under the same name.

    Members
    -------
    i : In(BeatSignature)
        The logits, bias added.
    threshold : In(signed(32))
        The threshold of the oldest sample that has not been taken.
    take : Out(1)
        High ``lead`` cycles before ``valid``: ``threshold`` is used in this cycle, and the next sample's follows.
    valid : Out(1)
        The result of a sample is there, for one cycle.
    label : Out(range(classes))
        The class with the greatest logit, the lowest of equals.
    leave : Out(1)
        The policy's condition holds.
    confidence : Out(confidence_bits)
        The score.
    hold : Out(1)
        Stops the decision for this cycle, because one of the score's own ``ports`` is not ready.
    advance : In(1)
        The pipeline moves in this cycle; handshakes on the score's own ``ports`` happen only then.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    latency: int
    lead: int = 0

    def __init__(
        self,
        *,
        classes: int,
        pe: int,
        logit_bits: int,
        params: Mapping[str, Any],
        confidence_bits: int,
        ports: Mapping[str, wiring.Member] | None = None,
    ) -> None:
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
        self.ports = dict(ports or {})
        super().__init__({
            "i": In(BeatSignature(pe, signed(logit_bits))),
            "threshold": In(signed(32)),
            "take": Out(1),
            "valid": Out(1),
            "label": Out(range(classes)),
            "leave": Out(1),
            "confidence": Out(confidence_bits),
            "hold": Out(1),
            "advance": In(1),
            **self.ports,
        })


def delay(m: Module, value: Value, cycles: int, *, reset_less: bool = True) -> Value:
    """``value`` as it was ``cycles`` cycles ago. Data needs no reset (and becomes a shift register); flags do."""
    if isinstance(value, Const):
        return value
    for _ in range(cycles):
        register = Signal.like(value, init=0, reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
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
