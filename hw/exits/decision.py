"""An exit's decision: which class, and may the sample leave here?"""

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import Array, Cat, EnableInserter, Module, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.exchangeable import exchangeable_memory
from hw.exits.scores import SCORES
from hw.exits.scores.base import carry, count_beats, delay

__all__ = ["BIAS_BITS", "ExitDecision", "Mode"]

BIAS_BITS = 16
"""Width of an exchangeable head's biases, signed: that of their data type in training."""

_LUT_ROWS = 64
"""Rows of a table of biases that are chosen by LUTs; a larger one is a memory that is read synchronously."""


class Mode(enum.Enum, shape=2):  # type: ignore[call-arg]
    """What becomes of samples, whatever the policy."""

    POLICY = 0
    """The policy decides."""
    ALWAYS = 1
    """Every sample leaves."""
    NEVER = 2
    """No sample leaves."""


class ExitDecision(wiring.Component):
    """Turns a head's integer logits into ``{label, exit, confidence}``, one result per sample, in order.

    A new sample may start every ``classes / pe`` cycles, with no bubble. While ``o`` is not taken everything waits, ``logits`` too, and
    nothing is lost. A reset forgets the samples that are inside.

    The latency is the constant ``latency``: a last beat that is taken in cycle t gives ``o.valid`` in cycle t + latency, when nothing
    waits in between. It is 1 cycle, plus the score's own, which its class in :mod:`hw.exits.scores` tells, plus that of adding biases when
    one is not 0: 1 cycle when they are chosen by LUTs (up to 64 beats a sample), else 2.

    Parameters
    ----------
    classes : int
        2 to 1000.
    pe : int
        Classes a beat; divides ``classes``.
    acc_bits : int
        Width of a logit as it comes from the head, signed; 1 to 32.
    bias : sequence of int
        ``classes`` integers, added to the logits. The sum is kept whole: it has ``logit_bits`` bits.
    policy : str
        A key of :data:`hw.exits.scores.SCORES`.
    params : mapping
        The policy's integer constants (docs/interfaces.md, section 3).
    exchangeable : bool
        Whether other biases and constants of the same form make the same hardware: they are contents of memories
        (:mod:`hw.exchangeable`) of widths that do not depend on them, and biases are added even when all are 0.
    confidence_bits : int
        Width of ``confidence``, 1 to 32.

    Raises :class:`ValueError` that names the value when a parameter is out of range.

    Members
    -------
    logits : In(stream.Signature(unsigned(pe * acc_bits)))
        ``classes / pe`` beats a sample, lowest class in the least significant bits.
    threshold : In(threshold_range)
        What the policy compares with. The value in the cycle in which a sample's first beat is taken holds for that sample.
    enable : In(1)
        Sampled like ``threshold``; at 0 the sample does not leave here.
    mode : In(Mode)
        Sampled like ``threshold``: lets the policy decide, or all enabled samples leave, or none.
    o : Out(stream.Signature(StructLayout))
        ``label`` (the class with the greatest logit, the lowest of equals), ``exit`` (leave here), ``confidence`` (the policy's score).

    A policy with ports of its own (``score.ports``) adds them under their own names.
    """

    def __init__(
        self,
        *,
        classes: int,
        pe: int,
        acc_bits: int,
        bias: Sequence[int],
        policy: str,
        params: Mapping[str, Any],
        confidence_bits: int = 16,
        exchangeable: bool = False,
    ) -> None:
        if not 2 <= classes <= 1000:
            raise ValueError(f"classes must be from 2 to 1000, not {classes}")
        if pe < 1 or classes % pe:
            raise ValueError(f"pe must divide classes, not pe={pe}, classes={classes}")
        if not 1 <= acc_bits <= 32:
            raise ValueError(f"acc_bits must be from 1 to 32, not {acc_bits}")
        if len(bias) != classes:
            raise ValueError(f"bias must have one integer per class, not {len(bias)} for {classes} classes")
        if policy not in SCORES:
            raise ValueError(f"policy must be one of {', '.join(sorted(SCORES))}, not {policy!r}")
        if not 1 <= confidence_bits <= 32:
            raise ValueError(f"confidence_bits must be from 1 to 32, not {confidence_bits}")
        limit = 1 << (BIAS_BITS - 1)
        if exchangeable and not all(-limit <= value < limit for value in bias):
            raise ValueError(f"bias of an exchangeable head must be from {-limit} to {limit - 1}, not {max(bias, key=abs)}")
        self.classes = classes
        self.pe = pe
        self.beats = classes // pe
        self.acc_bits = acc_bits
        self.bias = tuple(int(value) for value in bias)
        self.exchangeable = exchangeable
        self.policy = policy
        self.confidence_bits = confidence_bits
        low, high = (-limit, limit - 1) if exchangeable else (min(self.bias), max(self.bias))
        least, most = -(1 << (acc_bits - 1)) + low, (1 << (acc_bits - 1)) - 1 + high
        self.logit_bits: int = Shape.cast(range(min(least, -1), most + 1)).width
        self.score = SCORES[policy](
            classes=classes, pe=pe, logit_bits=self.logit_bits, params=params, confidence_bits=confidence_bits,
            exchangeable=exchangeable,
        )
        self.threshold_range: range = self.score.threshold_range
        self.biased = exchangeable or any(self.bias)
        biased = 0 if not self.biased else 1 if self.beats <= _LUT_ROWS else 2
        self.latency: int = 1 + biased + self.score.latency
        super().__init__({
            "logits": In(stream.Signature(unsigned(pe * acc_bits))),
            "threshold": In(self.threshold_range),
            "enable": In(1),
            "mode": In(Mode),
            "o": Out(stream.Signature(data.StructLayout({"label": range(classes), "exit": 1, "confidence": confidence_bits}))),
            **self.score.ports,
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        score = self.score
        for name, member in score.ports.items():
            inner, outer = getattr(score, name), getattr(self, name)
            if member.is_signature:
                wiring.connect(m, wiring.flipped(outer), inner)
            else:
                m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)

        # One clock enable for the whole pipeline: it needs no registers beside the data's own, and bubbles cost nothing at full rate.
        advance = Signal()
        m.d.comb += [
            advance.eq((~self.o.valid | self.o.ready) & ~score.hold),
            score.advance.eq(advance),
            self.logits.ready.eq(advance),
        ]
        pipeline = self._pipeline()
        m.submodules.pipeline = EnableInserter(advance)(pipeline)
        score.outside(m)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(score.valid),
                self.o.p.label.eq(score.label),
                self.o.p.exit.eq(score.left),
                self.o.p.confidence.eq(score.confidence),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m

    def _pipeline(self) -> Module:
        """Everything before the output register, written as if nothing ever stalled."""
        m = Module()
        m.submodules.score = score = self.score
        beat, first, last = count_beats(m, self.logits.valid, self.beats)
        starts, ends = self.logits.valid & first, self.logits.valid & last
        beats: tuple[Any, Any, Any, Any] = (self.logits.valid, first, last, self.logits.payload)
        if self.biased:
            beats = self._add_bias(m, beat, *beats)
        m.d.comb += [end.eq(value) for end, value in zip((score.i.valid, score.i.first, score.i.last), beats, strict=False)]
        m.d.comb += score.i.values.as_value().eq(beats[3])

        # A sample's rule is kept from its first beat until its score asks for it, so many cycles after its last one.
        rule = Signal(data.StructLayout({"threshold": self.threshold.shape(), "policy": 1, "always": 1}), reset_less=True)
        asked = self.latency - 1 - score.lead
        now = Cat(self.threshold, self.enable & (self.mode == Mode.POLICY), self.enable & (self.mode == Mode.ALWAYS))
        if self.beats == 1:
            kept: Value = delay(m, now, asked)
        else:
            with m.If(starts):
                m.d.sync += rule.as_value().eq(now)
            # It may be overwritten from the cycle after the last beat on.
            kept = rule.as_value() if asked <= 1 else carry(m, rule.as_value(), delay(m, ends, 1, reset_less=False), gap=self.beats,
                                                            cycles=asked - 1)
        found = data.View(rule.shape(), kept)
        m.d.comb += [
            score.threshold.eq(found.threshold),
            score.left.eq((score.leave & delay(m, found.policy, score.lead)) | delay(m, found.always, score.lead)),
        ]
        return m

    def _add_bias(self, m: Module, beat: Value, valid: Value, first: Value, last: Value, payload: Value) -> tuple[Value, ...]:
        """The beats with the biases added, one or two cycles later."""
        logits = data.View(data.ArrayLayout(signed(self.acc_bits), self.pe), payload)
        width = BIAS_BITS if self.exchangeable else Shape.cast(range(min(*self.bias, -1), max(*self.bias, 0) + 1)).width
        biases = data.ArrayLayout(signed(width), self.pe)
        rows = [biases.const(self.bias[at:at + self.pe]) for at in range(0, self.classes, self.pe)]
        if self.beats <= _LUT_ROWS and self.exchangeable:
            m.submodules.bias = memory = exchangeable_memory("bias", biases, rows)
            chosen = memory.read_port(domain="comb")
            m.d.comb += chosen.addr.eq(beat)
            bias: Any = chosen.data
        elif self.beats <= _LUT_ROWS:
            bias = data.View(biases, Array(row.as_value() for row in rows)[beat]) if self.beats > 1 else rows[0]
        else:
            fixed = None if self.exchangeable else Memory(shape=biases, depth=self.beats, init=rows)
            m.submodules.bias = memory = fixed or exchangeable_memory("bias", biases, rows)
            read = memory.read_port()
            m.d.comb += read.addr.eq(beat)
            held = Signal.like(logits, reset_less=True)
            m.d.sync += held.eq(logits)
            bias, logits = read.data, held
            valid, first, last = delay(m, valid, 1, reset_less=False), delay(m, first, 1), delay(m, last, 1)
        sums = Signal(data.ArrayLayout(signed(self.logit_bits), self.pe), reset_less=True)
        m.d.sync += [sums[lane].eq(logits[lane] + bias[lane]) for lane in range(self.pe)]
        return delay(m, valid, 1, reset_less=False), delay(m, first, 1), delay(m, last, 1), sums.as_value()
