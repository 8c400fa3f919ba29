"""An exit's decision: which class, and may the sample leave here?"""

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import EnableInserter, Module, Shape, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.scores import SCORES
from hw.scores.base import count_beats, delay
from hw.scores.ring import Ring

__all__ = ["ExitDecision"]


class ExitDecision(wiring.Component):
    """Turns a head's integer logits into ``{label, exit, confidence}``, one result per sample, in order.

    A new sample may start every ``classes / pe`` cycles, with no bubble. While ``o`` is not taken everything waits, ``logits`` too, and
    nothing is lost. A reset forgets the samples that are inside.

    The latency is the constant ``latency``: a last beat that is taken in cycle t gives ``o.valid`` in cycle t + latency, when nothing
    waits in between. It is 2 cycles, plus 1 when a sample has more than one beat (n = classes / pe > 1), plus the score's own:

    ============ =============================================================================
    ``never``     0
    ``max_logit`` ceil(log4 pe), plus 1 when n > 1
    ``always``    the same
    ``softmax``   see :class:`hw.scores.softmax.Softmax`
    ============ =============================================================================

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
        A key of :data:`hw.scores.SCORES`.
    params : mapping
        The policy's integer constants (docs/interfaces.md, section 3).
    confidence_bits : int
        Width of ``confidence``, 1 to 32.

    Raises :class:`ValueError` that names the value when a parameter is out of range.

    Members
    -------
    logits : In(stream.Signature(unsigned(pe * acc_bits)))
        ``classes / pe`` beats a sample, lowest class in the least significant bits.
    threshold : In(signed(32))
        What the policy compares with. The value in the cycle in which a sample's first beat is taken holds for that sample.
    enable : In(1)
        Sampled like ``threshold``; at 0 the sample does not leave here.
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
        self.classes = classes
        self.pe = pe
        self.beats = classes // pe
        self.acc_bits = acc_bits
        self.bias = tuple(int(value) for value in bias)
        self.policy = policy
        self.confidence_bits = confidence_bits
        least, most = -(1 << (acc_bits - 1)) + min(self.bias), (1 << (acc_bits - 1)) - 1 + max(self.bias)
        self.logit_bits: int = Shape.cast(range(min(least, -1), most + 1)).width
        self.score = SCORES[policy](
            classes=classes, pe=pe, logit_bits=self.logit_bits, params=params, confidence_bits=confidence_bits
        )
        self.latency: int = 2 + (self.beats > 1) + self.score.latency
        super().__init__({
            "logits": In(stream.Signature(unsigned(pe * acc_bits))),
            "threshold": In(signed(32)),
            "enable": In(1),
            "o": Out(stream.Signature(data.StructLayout({"label": range(classes), "exit": 1, "confidence": confidence_bits}))),
            **self.score.ports,
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        score = self.score
        for name in score.ports:
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(score, name))

        # One clock enable for the whole pipeline: it needs no registers beside the data's own, and bubbles cost nothing at full rate.
        advance = Signal()
        m.d.comb += [
            advance.eq((~self.o.valid | self.o.ready) & ~score.hold),
            score.advance.eq(advance),
            self.logits.ready.eq(advance),
        ]
        pipeline, leave = self._pipeline()
        m.submodules.pipeline = EnableInserter(advance)(pipeline)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(score.valid),
                self.o.p.label.eq(score.label),
                self.o.p.exit.eq(leave),
                self.o.p.confidence.eq(score.confidence),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m

    def _pipeline(self) -> tuple[Module, Signal]:
        """Everything before the output register, written as if nothing ever stalled."""
        m = Module()
        m.submodules.score = score = self.score
        beat, first, last = count_beats(m, self.logits.valid, self.beats)
        starts = self.logits.valid & first

        logits = data.View(data.ArrayLayout(signed(self.acc_bits), self.pe), self.logits.payload)
        biases = data.ArrayLayout(signed(Shape.cast(range(min(*self.bias, -1), max(*self.bias, 0) + 1)).width), self.pe)
        valid: Any = self.logits.valid
        if self.beats == 1:
            bias: Any = self.bias
        else:
            rows = [biases.const(self.bias[at:at + self.pe]) for at in range(0, self.classes, self.pe)]
            m.submodules.bias = memory = Memory(shape=biases, depth=self.beats, init=rows)
            read = memory.read_port()
            m.d.comb += read.addr.eq(beat)
            held = Signal.like(logits, reset_less=True)
            m.d.sync += held.eq(logits)
            bias, logits = read.data, held
            valid, first, last = delay(m, valid, 1, reset_less=False), delay(m, first, 1), delay(m, last, 1)
        sums = Signal(data.ArrayLayout(signed(self.logit_bits), self.pe), reset_less=True)
        m.d.sync += [sums[lane].eq(logits[lane] + bias[lane]) for lane in range(self.pe)]
        m.d.comb += [
            score.i.valid.eq(delay(m, valid, 1, reset_less=False)),
            score.i.first.eq(delay(m, first, 1)),
            score.i.last.eq(delay(m, last, 1)),
            score.i.values.eq(sums),
        ]

        # A sample's threshold waits until its score asks for it, however long that takes: a queue, as deep as samples fit between.
        rule = data.StructLayout({"threshold": signed(32), "enable": 1})
        m.submodules.rules = rules = Ring(shape=rule, depth=-(-self.latency // self.beats) + 2)
        leave = Signal()
        m.d.comb += [
            rules.push.eq(starts),
            rules.w_data.threshold.eq(self.threshold),
            rules.w_data.enable.eq(self.enable),
            rules.pop.eq(score.take),
            score.threshold.eq(rules.r_data.threshold),
            leave.eq(score.leave & delay(m, rules.r_data.enable, score.lead)),
        ]
        return m, leave
