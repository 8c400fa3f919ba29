"""Policy ``softmax``: leaves when the greatest softmax probability reaches the threshold's."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from hw.exits.scores.add_tree import Term, add_tree, tree_levels
from hw.exits.scores.arg_max import ArgMax
from hw.exits.scores.base import Score, carry, delay, saturate_unsigned
from hw.exits.scores.exponential import Exponential
from hw.exits.scores.replay import Replay

__all__ = ["Softmax"]

_RADIX = 4


class Softmax(Score, policy="softmax"):
    """Leaves when S, the sum of E(greatest - logit) over all classes, is at most the threshold: the greatest probability is 2^F / S.

    ``confidence`` is S >> ``conf_shift`` (0 if not given), saturated at the greatest number a signed field holds. Further ``params``:
    those of :class:`~hw.exits.scores.exponential.Exponential`, as docs/interfaces.md section 3 has them.

    Two passes, the logits kept for the second one, so latency is that of :class:`~hw.exits.scores.arg_max.ArgMax`, that of
    :class:`~hw.exits.scores.replay.Replay`, that of :class:`~hw.exits.scores.exponential.Exponential`, ceil(log4 pe) for the sum, and 1
    more when a sample has more than one beat.
    """

    required = Exponential.required
    optional = (*Exponential.optional, "conf_shift")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conf_shift: int = self.params.get("conf_shift", 0)
        if not 0 <= self.conf_shift <= 32:
            raise ValueError(f"conf_shift must be from 0 to 32, not {self.conf_shift}")
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.replay = Replay(classes=self.classes, pe=self.pe, bits=self.logit_bits, found_after=self.arg_max.latency)
        self.exponentials = [Exponential(bits=self.logit_bits, params=self.params, exchangeable=self.exchangeable) for _ in range(self.pe)]
        self._second = self.exponentials[0].latency + tree_levels(self.pe, _RADIX)
        self.latency = self.arg_max.latency + self.replay.latency + self._second + (self.beats > 1)

    def thresholds(self) -> range:
        """From 0, at which none leaves, to the sum of as many equal terms as there are classes, at which all do."""
        return range((self.classes << self.params["frac_bits"]) + 1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.arg_max = arg_max = self.arg_max
        m.submodules.replay = replay = self.replay
        wiring.connect(m, wiring.flipped(self.i), arg_max.i)
        wiring.connect(m, wiring.flipped(self.i), replay.i)
        m.d.comb += [replay.found.eq(arg_max.valid), replay.greatest.eq(arg_max.value)]

        one = 1 << self.params["frac_bits"]
        terms: list[Term] = []
        for lane, exponential in enumerate(self.exponentials):
            m.submodules[f"exponential{lane}"] = exponential
            m.d.comb += exponential.d.eq(replay.o.values[lane])
            terms.append(Term(exponential.e, 0, one))
        part = add_tree(m, terms, _RADIX).value
        valid = delay(m, replay.o.valid, self._second, reset_less=False)
        total = Signal(range(self.classes * one + 1), reset_less=True)
        if self.beats == 1:
            m.d.comb += [self.valid.eq(valid), total.eq(part)]
        else:
            first, last = delay(m, replay.o.first, self._second), delay(m, replay.o.last, self._second)
            m.d.sync += self.valid.eq(valid & last)
            with m.If(valid):
                m.d.sync += total.eq(Mux(first, 0, total) + part)

        label = carry(m, arg_max.label, arg_max.valid, gap=self.beats, cycles=self.latency - arg_max.latency)
        m.d.comb += [
            self.take.eq(self.valid),
            self.winner.eq(label),
            self.label.eq(label),
            self.leave.eq(total <= self.threshold),
            self.confidence.eq(saturate_unsigned(total >> self.conf_shift, self.confidence_bits - 1)),
        ]
        return m
