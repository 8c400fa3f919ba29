"""Policy ``entropy``: leaves when the entropy of the softmax probabilities is at most the threshold's."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring

from hw.exits.scores.add_tree import Term, add_tree, tree_levels
from hw.exits.scores.arg_max import ArgMax
from hw.exits.scores.base import Score, carry, delay, rom, saturate_unsigned
from hw.exits.scores.exponential import Exponential
from hw.exits.scores.replay import Replay

__all__ = ["Entropy"]

_RADIX = 4


class Entropy(Score, policy="entropy"):
    """Leaves when H, the entropy of the softmax probabilities, is at most the threshold's (BranchyNet: Teerapittayanon et al., ICPR
    2016). The threshold t is in bits, in units of 2^-Q, less the constant ``offset``.

    With E the exponentials of softmax, x = -log2(E / 2^F) and S their sum, H <= t exactly when sum of E (x - t) + S log2 S <= 0: one
    product a lane (a DSP slice), none a sample, no division. S log2 S comes from S, the position of its leading one and a table;
    docs/interfaces.md section 3 has the integers. ``confidence`` is that of ``softmax``, S >> ``conf_shift``: 2^F / S is the greatest
    probability. Further ``params``: ``threshold_frac`` Q, ``offset``, ``unit_bits``, ``log_bits``, ``log_low_bits``, ``log_table``,
    ``log_low``.

    Two passes as in ``softmax``, and 4 cycles more: 2 for the product, 2 for S log2 S.
    """

    required = (
        *Exponential.required, "threshold_frac", "offset", "unit_bits", "log_bits", "log_low_bits", "log_table", "log_low",
    )
    optional = (*Exponential.optional, "conf_shift")

    def prepare(self) -> None:
        """Checks the constants."""
        params = self.params
        self.conf_shift: int = params.get("conf_shift", 0)
        if not 0 <= self.conf_shift <= 32:
            raise ValueError(f"conf_shift must be from 0 to 32, not {self.conf_shift}")
        self.frac_bits: int = params["frac_bits"]
        self.threshold_frac: int = params["threshold_frac"]
        self.offset: int = params["offset"]
        self.unit_bits: int = params["unit_bits"]
        self.log_bits: int = params["log_bits"]
        self.log_low_bits: int = params["log_low_bits"]
        self.log_table, self.log_low = tuple(params["log_table"]), tuple(params["log_low"])
        if not params["table_bits"] <= self.threshold_frac <= 24:
            raise ValueError(f"threshold_frac must be from {params['table_bits']} to 24, not {self.threshold_frac}")
        if not 0 <= self.offset < 4 << self.threshold_frac:
            raise ValueError(f"offset must be from 0 to {(4 << self.threshold_frac) - 1}, not {self.offset}")
        if not 1 <= self.unit_bits <= self.frac_bits:
            raise ValueError(f"unit_bits must be from 1 to {self.frac_bits}, not {self.unit_bits}")
        most = min(14, self.frac_bits)
        if not 1 <= self.log_bits <= most:
            raise ValueError(f"log_bits must be from 1 to {most}, not {self.log_bits}")
        self._lead = len(self.log_low).bit_length() - 1 - self.log_low_bits
        if (not 0 <= self._lead <= self.log_bits - self.log_low_bits or len(self.log_low) != 1 << self._lead + self.log_low_bits
                or len(self.log_table) != 1 << self.log_bits - self.log_low_bits or min(*self.log_table, *self.log_low) < 0):
            raise ValueError("log_table must have 2**(log_bits - log_low_bits) entries from 0 up, log_low 2**log_low_bits or 2, 4, ... "
                             "times as many")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.replay = Replay(classes=self.classes, pe=self.pe, bits=self.logit_bits, found_after=self.arg_max.latency)
        self.exponentials = [Exponential(bits=self.logit_bits, params=self.params, exchangeable=self.exchangeable) for _ in range(self.pe)]
        self._sums = tree_levels(self.pe, _RADIX)
        self._second = self.exponentials[0].latency + 2 + self._sums + (self.beats > 1) + 2
        self.latency = self.arg_max.latency + self.replay.latency + self._second
        self.lead = self.latency - (self.arg_max.latency + self.replay.delay + self.exponentials[0].latency - 1)

    def thresholds(self) -> range:
        """From an entropy of -1 bit, at which none leaves, to half a bit above the greatest one, at which all do: farther than the tables
        can be off."""
        one = 1 << self.threshold_frac
        return range(-one - self.offset, (self.classes - 1).bit_length() * one + one // 2 - self.offset + 1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.arg_max = arg_max = self.arg_max
        m.submodules.replay = replay = self.replay
        wiring.connect(m, wiring.flipped(self.i), arg_max.i)
        wiring.connect(m, wiring.flipped(self.i), replay.i)
        m.d.comb += [replay.found.eq(arg_max.valid), replay.greatest.eq(arg_max.value)]

        # A sample's threshold is asked for one cycle before its first product begins, and stays until its last one has.
        exponential = self.exponentials[0].latency
        begins = delay(m, replay.o.valid & replay.o.first, exponential - 1, reset_less=False)
        limit = Signal.like(self.threshold, reset_less=True)
        with m.If(begins):
            m.d.sync += limit.eq(self.threshold)
        label = carry(m, arg_max.label, arg_max.valid, gap=self.beats, cycles=self.latency - self.lead - arg_max.latency)
        m.d.comb += [self.take.eq(begins), self.winner.eq(label)]

        one = 1 << self.frac_bits
        terms: list[Term] = []
        products: list[Term] = []
        for lane, exponential_lane in enumerate(self.exponentials):
            m.submodules[f"exponential{lane}"] = exponential_lane
            m.d.comb += exponential_lane.d.eq(replay.o.values[lane])
            terms.append(Term(delay(m, exponential_lane.e, 2), 0, one))
            products.append(self._product(m, exponential_lane, limit))
        part, weighted = add_tree(m, terms, _RADIX).value, add_tree(m, products, _RADIX)
        passed = exponential + 2 + self._sums
        valid = delay(m, replay.o.valid, passed, reset_less=False)
        total = Signal(range(self.classes * one + 1), reset_less=True)
        value = Signal(range(weighted.least * self.beats, weighted.most * self.beats + 1), reset_less=True)
        done: Value = valid
        if self.beats == 1:
            m.d.comb += [total.eq(part), value.eq(weighted.value)]
        else:
            first, last = delay(m, replay.o.first, passed), delay(m, replay.o.last, passed)
            done = delay(m, valid & last, 1, reset_less=False)
            with m.If(valid):
                m.d.sync += [total.eq(Mux(first, 0, total) + part), value.eq(Mux(first, 0, value) + weighted.value)]
        done = delay(m, done, 2, reset_less=False)

        end = carry(m, label, begins, gap=self.beats, cycles=self.lead)
        m.d.comb += [
            self.valid.eq(done),
            self.label.eq(end),
            self.leave.eq(self._within(m, total, value)),
            self.confidence.eq(saturate_unsigned(delay(m, total, 2) >> self.conf_shift, self.confidence_bits - 1)),
        ]
        return m

    def _product(self, m: Module, exponential: Exponential, limit: Value) -> Term:
        """E (x - t), registered before and after the multiplication. Where E is 0 the other factor is anything."""
        one = 1 << self.threshold_frac
        least, most = -self.threshold_range[-1], (self.frac_bits + 2) * one - self.threshold_range[0]
        factor = Signal(range(least, most + 1), reset_less=True)
        e = Signal.like(exponential.e, reset_less=True)
        # With t = -o, 2**-x (x + o) falls with x where o is at least 1 / ln 2, and stays below 1 + o elsewhere.
        bounds = min(least, -1) << self.frac_bits, max(self.offset + 1, one) + one << self.frac_bits
        product = Signal(range(bounds[0], bounds[1] + 1), reset_less=True)
        m.d.sync += [
            factor.eq(exponential.x.shift_left(self.threshold_frac - self.params["table_bits"]) - limit),
            e.eq(exponential.e),
            product.eq(factor * e),
        ]
        return Term(product, *bounds)

    def _within(self, m: Module, total: Value, value: Value) -> Value:
        """Whether the entropy is at most the threshold, two cycles after the sums: value / 2^Q + S (k - 1) <= 2^k g."""
        octaves = range(self.classes.bit_length())
        k = Signal(range(max(2, len(octaves))))
        for octave in octaves[1:]:
            with m.If(total[self.frac_bits + octave]):
                m.d.comb += k.eq(octave)
        # Registered before it looks anything up: the tables and the choice of bits would be made into one, which takes more LUTs.
        index = Signal(self.log_bits, reset_less=True)
        with m.Switch(k):
            for octave in octaves:
                with m.Case(octave):
                    m.d.sync += index.eq(total[self.frac_bits + octave - self.log_bits:self.frac_bits + octave])
        drop = self.frac_bits - self.unit_bits
        kept, scaled = value[drop + self.threshold_frac:].as_signed(), total[drop:]
        # S (k - 1), by the low two bits of k, is -S, 0, S or 2 S. A choice is free in the wider operand of an addition.
        few = Signal(signed(max(len(kept), len(scaled) + 1) + 1))
        multiples: list[Any] = [~scaled | (-1 << len(scaled)), 0, scaled, scaled.shift_left(1)]
        with m.Switch(k[:2]):
            for low, multiple in enumerate(multiples[:len(octaves)]):
                with m.Case(low):
                    m.d.comb += few.eq(multiple)
        # -S is its complement and 1 more, which comes in as a carry.
        base = kept + few + (k[:2] == 0)
        if len(octaves) > 4:
            base = base + Mux(k[2], scaled.shift_left(2), 0) + Mux(k[3:].any(), scaled.shift_left(3), 0)
        left = Signal.like(base, reset_less=True)
        m.d.sync += left.eq(base)

        curve = rom(m, self.log_table, index[self.log_low_bits:])
        if self.log_low_bits:
            curve = curve + rom(m, self.log_low, Cat(index[:self.log_low_bits], index[self.log_bits - self._lead:]))
        return delay(m, left, 1) <= (curve << delay(m, k, 2))
