"""ExitDecision with every policy against a model in Python's integers, with and without gaps and stalls."""

import bisect
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.back import verilog
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.exits.decision import ExitDecision
from tests import plain_policies as plain
from tests.in_pairs import in_pairs

SHAPES = [(2, 1), (2, 2), (10, 1), (10, 2), (10, 5), (10, 10), (35, 7), (100, 1), (100, 20), (1000, 1), (1000, 25)]
SMALL = [(2, 1), (2, 2), (10, 1), (10, 5), (10, 10)]
SCORED = ["max_logit", "margin", "softmax", "entropy"]
OTHERS = ["patience", "patience/first", "gate", "class_threshold/margin", "class_threshold/entropy", "class_threshold/gate",
          "always", "never"]
POLICIES = SCORED + OTHERS
STILL = 200
"""Cycles in which something must happen."""


@dataclass
class Sample:
    """``token`` is (label, run) of the exit before."""

    logits: list[int]
    threshold: int = 0
    enable: int = 1
    mode: int = 0
    gate: int = 0
    token: tuple[int, int] = (0, 0)


@dataclass
class Played:
    """What happened in which cycle: ``taken`` a sample's last beat, ``given_out`` its result, ``moves`` the pipeline; ``loaded``, when each
    result went into the output register."""

    results: list[tuple[int, int, int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    given_out: list[int] = field(default_factory=list)
    loaded: list[int] = field(default_factory=list)
    tokens: list[tuple[int, int, int]] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    writes: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Unit:
    """A decision to test and what it was built from."""

    dut: ExitDecision
    policy: str
    bias: list[int]
    params: dict[str, Any]

    @property
    def scoring(self) -> str:
        return self.params["score"] if self.policy == "class_threshold" else self.policy

    def final(self, sample: Sample) -> list[int]:
        return [logit + extra for logit, extra in zip(sample.logits, self.bias, strict=True)]

    def token(self, sample: Sample) -> tuple[int, int] | None:
        return sample.token if hasattr(self.dut, "token_i") else None

    def pivot(self, sample: Sample) -> int:
        return plain.pivot(self.policy, self.final(sample), self.params, gate=sample.gate, token=self.token(sample))

    def expected(self, samples: Sequence[Sample], tables: Sequence[Sequence[int]] | None = None) -> list[tuple[int, int, int]]:
        """(label, exit, confidence as the field's bits) of each sample, with the thresholds of the classes each is compared with."""
        found = []
        for k, sample in enumerate(samples):
            params = self.params if tables is None else {**self.params, "thresholds": tables[k]}
            told = plain.decide(self.policy, self.final(sample), sample.threshold, params, gate=sample.gate, token=self.token(sample))
            leaves = sample.enable and [told.leaves, True, False][sample.mode]
            found.append((told.label, int(leaves), plain.saturated(told.confidence, self.dut.confidence_bits)))
        return found

    def tokens(self, samples: Sequence[Sample]) -> list[tuple[int, int, int]]:
        """(id, label, run) of the samples that stay; ids count all samples."""
        if self.scoring != "patience":
            return []
        inner = self.params.get("score_params", self.params)
        found = []
        for k, (sample, (label, leaves, _)) in enumerate(zip(samples, self.expected(samples), strict=True)):
            if not leaves:
                found.append((k % 2 ** inner["id_bits"], label, plain.next_run(label, self.token(sample), inner)))
        return found


def constants(name: str, scale: float, classes: int) -> dict[str, Any]:
    return {
        "softmax": lambda: plain.exponential_params(scale, frac_bits=14, conf_shift=3),
        "entropy": lambda: plain.entropy_params(scale, split=(3, 3, 2), conf_shift=max(0, classes.bit_length() + 2)),
        "patience": lambda: {"id_bits": 5, "run_bits": 3}, "patience/first": lambda: {"id_bits": 3, "run_bits": 1, "first": True},
        "gate": lambda: {"gate_bits": 9},
    }.get(name, dict)()


def build(policy: str, classes: int, pe: int, *, acc_bits: int = 14, bias_range: int = 500, scale: float = 0.01, seed: int = 1,
          **more: Any) -> Unit:
    """``class_threshold/NAME`` composes with NAME; ``patience/first`` is an exit to which no tokens come."""
    rng = random.Random(seed)
    bias = [rng.randint(-bias_range, bias_range) for _ in range(classes)]
    outer, _, rest = policy.partition("/")
    inner = rest.partition("/")[0]
    params = constants(rest if outer == "class_threshold" else policy, scale, classes)
    shape = {"classes": classes, "pe": pe, "acc_bits": acc_bits, "bias": bias, **more}
    if outer == "class_threshold":
        one = Unit(ExitDecision(policy=inner, params=params, **shape), inner, bias, params)
        near = [limited(one.pivot(sample), one.dut.threshold_range) for sample in draw(rng, one, 6)]
        params = {"score": inner, "score_params": params, "thresholds": [rng.choice(near) for _ in range(classes)]}
    return Unit(ExitDecision(policy=outer, params=params, **shape), outer, bias, params)


def limited(value: int, limits: range) -> int:
    return min(max(value, limits[0]), limits[-1])


def side(rng: random.Random, unit: Unit, row: Sequence[int]) -> dict[str, Any]:
    """A gate's logit and a token; the token's label is right half of the time."""
    label = row.index(max(row)) if rng.random() < 0.5 else rng.randrange(unit.dut.classes)
    low = -(1 << 8)
    return {"gate": rng.choice([low, -low - 1, 0, rng.randint(low, -low - 1)]), "token": (label, rng.choice([0, 1, 2, 6, 7]))}


def at_steps(unit: Unit, sample: Sample, steps: Sequence[int], **more: int) -> list[Sample]:
    """The sample with thresholds so far from the one that just lets it leave."""
    middle = unit.pivot(sample)
    return [Sample(sample.logits, limited(middle + step, unit.dut.threshold_range), gate=sample.gate, token=sample.token, **more)
            for step in steps]


def cases(unit: Unit) -> list[Sample]:
    """The list that every policy and shape runs: ties, extremes, thresholds at, just below and just above the score, enable and mode."""
    classes, acc_bits = unit.dut.classes, unit.dut.acc_bits
    low, high = -(2 ** (acc_bits - 1)), 2 ** (acc_bits - 1) - 1
    ramp = [low + 3 * k % max(1, high - low) for k in range(classes)]
    rows = [
        [0] * classes, [low] * classes, [high] * classes,  # all equal
        [high] + [low] * (classes - 1), [low] * (classes - 1) + [high],  # the first and the last class win by all there is
        [5, 5] + [4] * (classes - 2), [4] * (classes - 2) + [5, 5],  # ties
        [-1] * (classes - 1) + [0], [0] + [-1] * (classes - 1), ramp, ramp[::-1],
    ]
    for targets in ([4] * classes, [5, 5] + [4] * (classes - 2), [4] * (classes - 2) + [5, 5], [4] * (classes - 1) + [5]):
        row = [target - extra for target, extra in zip(targets, unit.bias, strict=True)]  # ties once the bias is added
        if low <= min(row) and max(row) <= high:
            rows.append(row)
    rng = random.Random(11)
    drawn = [Sample(row, **side(rng, unit, row)) for row in rows]
    samples = [one for sample in drawn for one in at_steps(unit, sample, (-1, 0, 1))]
    for limit in (unit.dut.threshold_range[0], unit.dut.threshold_range[-1]):
        samples += [Sample(rows[-1], limit, enable, mode) for enable in (0, 1) for mode in (0, 1, 2)]
    return samples


def draw(rng: random.Random, unit: Unit, count: int) -> list[Sample]:
    """Samples as a network gives them: logits around a spread, thresholds around the scores."""
    samples = []
    for _ in range(count):
        spread = min(rng.choice([1, 2, 2 ** (unit.dut.acc_bits // 2), 2**31]), 2 ** (unit.dut.acc_bits - 1) - 1)
        row = [rng.randint(-spread, spread) for _ in range(unit.dut.classes)]
        sample = Sample(row, **side(rng, unit, row))
        samples += at_steps(unit, sample, [rng.choice([-spread, -1, 0, 1, spread])], enable=rng.random() < 0.8,
                            mode=rng.choice([0, 0, 0, 0, 1, 2]))
    return samples


class _Source:
    """Offers items one by one, each held until it is taken, and noise in between."""

    def __init__(self, stream: Any, items: Sequence[Any], noise: Any, gap: float, rng: random.Random) -> None:
        self.stream, self.items, self.noise, self.gap, self.rng = stream, items, noise, gap, rng
        self.restart()

    def restart(self) -> None:
        self.position, self.offered = 0, False

    def offer(self, ctx: Any) -> None:
        self.offered = self.offered or (self.position < len(self.items) and self.rng.random() >= self.gap)
        ctx.set(self.stream.valid, self.offered)
        ctx.set(self.stream.payload, self.items[self.position] if self.offered else self.noise())

    def settle(self, ctx: Any) -> bool:
        """Whether the item is taken in this cycle."""
        if not (self.offered and ctx.get(self.stream.ready)):
            return False
        self.position, self.offered = self.position + 1, False
        return True


class _Sink:
    """Takes beats, and checks that one on offer stays as it is until it is taken."""

    def __init__(self, stream: Any, stall: float, rng: random.Random) -> None:
        self.stream, self.stall, self.rng = stream, stall, rng
        self.pending: Any = None

    def settle(self, ctx: Any) -> tuple[bool, Any]:
        """(whether a beat is there for the first time, what is taken)."""
        take = ctx.get(self.stream.ready)
        if not ctx.get(self.stream.valid):
            assert self.pending is None, "a beat was taken back"
            return False, None
        payload = ctx.get(self.stream.payload.as_value())
        assert self.pending in (None, payload), "a beat changed while it waited"
        fresh, self.pending = self.pending is None, None if take else payload
        return fresh, ctx.get(self.stream.payload) if take else None


def play(unit: Unit, samples: Sequence[Sample], *, gap: float = 0.0, stall: float = 0.0, side_gap: float = 0.0, token_stall: float = 0.0,
         seed: int = 0, reset_after: int | None = None, rewrite: Sequence[int] = ()) -> Played:
    """Play samples. Threshold, enable and mode are right only in the cycle in which a sample's first beat is taken, and noise otherwise.

    With ``reset_after`` the first so many beats are played, then a reset of one cycle comes, and everything is played from the start.
    ``rewrite`` are thresholds: in most cycles a random one becomes that of a random class.
    """
    dut, rng = unit.dut, random.Random(seed)
    limits = dut.threshold_range
    mask = 2**dut.acc_bits - 1
    beats = []
    for sample in samples:
        for at in range(0, dut.classes, dut.pe):
            beats.append(sum((sample.logits[at + lane] & mask) << lane * dut.acc_bits for lane in range(dut.pe)))
    logits = _Source(dut.logits, beats, lambda: rng.getrandbits(dut.pe * dut.acc_bits), gap, rng)
    sides = []
    if hasattr(dut, "gate"):
        sides.append(_Source(dut.gate, [sample.gate for sample in samples], lambda: rng.randint(-256, 255), side_gap, rng))
    if hasattr(dut, "token_i"):
        tokens = [{"id": k % 32, "label": sample.token[0], "run": sample.token[1]} for k, sample in enumerate(samples)]
        sides.append(_Source(dut.token_i, tokens, lambda: rng.choice(tokens), side_gap, rng))
    sinks = {"o": _Sink(dut.o, stall, rng)}
    if hasattr(dut, "token_o"):
        sinks["token_o"] = _Sink(dut.token_o, token_stall, rng)
    reset = Signal()
    played = Played()

    async def bench(ctx: Any) -> None:
        cycle = idle = 0
        pending_reset = reset_after

        def step(offer: bool) -> None:
            nonlocal idle
            for source in [logits, *sides]:
                source.offer(ctx)
            for sink in sinks.values():
                ctx.set(sink.stream.ready, not offer or rng.random() >= sink.stall)
            ctx.set(dut.threshold, rng.choice([limits[0], limits[-1], rng.choice(limits)]))
            ctx.set(dut.enable, rng.randint(0, 1)), ctx.set(dut.mode, rng.randint(0, 2))
            if ctx.get(dut.logits.ready):
                played.moves.append(cycle)
            number, beat = divmod(logits.position, dut.beats)
            if logits.settle(ctx):
                if beat == 0:
                    sample = samples[number]
                    ctx.set(dut.threshold, sample.threshold), ctx.set(dut.enable, sample.enable), ctx.set(dut.mode, sample.mode)
                if beat == dut.beats - 1:
                    played.taken.append(cycle)
                idle = 0
            for source in sides:
                source.settle(ctx)
            if rewrite:
                write = (cycle, rng.randrange(dut.classes), rng.choice(rewrite))
                enable = rng.random() < 0.8
                ctx.set(dut.class_write, enable), ctx.set(dut.class_index, write[1]), ctx.set(dut.class_value, write[2])
                if enable:
                    played.writes.append(write)
            fresh, payload = sinks["o"].settle(ctx)
            if fresh:
                played.loaded.append(cycle - 1)
            if payload is not None:
                played.results.append((payload.label, payload.exit, payload.confidence))
                played.given_out.append(cycle)
                idle = 0
            if "token_o" in sinks:
                _, payload = sinks["token_o"].settle(ctx)
                if payload is not None:
                    played.tokens.append((payload.id, payload.label, payload.run))

        while len(played.results) < len(samples):
            if pending_reset is not None and logits.position >= pending_reset:
                pending_reset = None
                ctx.set(reset, 1), ctx.set(dut.logits.valid, rng.randint(0, 1))
                if rewrite:
                    ctx.set(dut.class_write, 0)
                await ctx.tick()
                ctx.set(reset, 0)
                cycle += 1
                for found in (played.results, played.taken, played.given_out, played.loaded, played.tokens):
                    found.clear()
                for source in [logits, *sides]:
                    source.restart()
                for sink in sinks.values():
                    sink.pending = None
            idle += 1
            assert idle < dut.latency + STILL, f"stood still after {logits.position} beats and {len(played.results)} results"
            step(True)
            await ctx.tick()
            cycle += 1
        before = len(played.tokens)
        for source in sides:  # more than there are samples: nothing may be taken
            source.items = [*source.items, source.noise()]
            source.gap = 0
        for _ in range(dut.latency + 2):
            step(False)
            assert not ctx.get(dut.o.valid), "a result too many"
            await ctx.tick()
            cycle += 1
        assert all(source.position == len(samples) for source in sides)
        assert len(played.tokens) == before

    sim = Simulator(ResetInserter(reset)(dut))
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return played


def check(unit: Unit, samples: Sequence[Sample], **how: Any) -> Played:
    """Plays the samples and compares results and tokens with the model."""
    played = play(unit, samples, **how)
    assert played.results == unit.expected(samples)
    assert played.tokens == unit.tokens(samples)
    return played


def amount(classes: int) -> int:
    return 40 if classes <= 35 else 6 if classes <= 100 else 3


@pytest.mark.many(4)
@pytest.mark.parametrize(("policy", "classes", "pe"), [
    # One shape for all of them, and another for most; the others are slow, and test_gaps_and_stalls pairs policies with shapes too.
    *(pytest.param(policy, *shape, marks=[] if shape == (10, 5) or number % len(SMALL) == at else pytest.mark.slow)
      for number, policy in enumerate(POLICIES) for at, shape in enumerate(SMALL)),
    # Each of the others with two policies: the trees are the same for all.
    *(pytest.param(SCORED[(at + more) % 4], *shape, marks=[pytest.mark.slow] if more else [])
      for at, shape in enumerate(shape for shape in SHAPES if shape not in SMALL) for more in (0, 2)),
])
def test_full_rate(policy, classes, pe):
    """Back to back, a sample starts every classes / pe cycles and its result comes exactly ``latency`` after its last beat."""
    unit = build(policy, classes, pe)
    samples = draw(random.Random(2), unit, amount(classes))
    samples = [*(cases(unit) if classes <= 35 else at_steps(unit, samples[0], (-1, 0, 1))), *samples]
    played = check(unit, samples)
    assert played.taken == [unit.dut.beats * (k + 1) - 1 for k in range(len(samples))]
    assert played.given_out == [cycle + unit.dut.latency for cycle in played.taken]
    assert unit.policy in ("always", "never") or 0 < sum(leaves for _, leaves, _ in played.results) < len(samples)


@in_pairs({
    "policy": POLICIES, ("classes", "pe"): [(2, 2), (10, 1), (10, 5), (10, 10)], ("gap", "stall"): [(0.5, 0.0), (0.3, 0.3), (0.0, 0.8)],
})
@pytest.mark.many(4)
def test_gaps_and_stalls(policy, classes, pe, gap, stall):
    """Whatever the other sides do, nothing is lost, doubled or mixed up."""
    unit = build(policy, classes, pe, seed=3)
    check(unit, draw(random.Random(4), unit, 25), gap=gap, stall=stall, side_gap=gap, token_stall=stall, seed=5)


@in_pairs({
    "policy": ["patience", "patience/first", "gate", "class_threshold/gate"], "stall": [0.0, 0.6],
    ("side_gap", "token_stall"): [(0.7, 0.0), (0.0, 0.7), (0.5, 0.5)],
})
@pytest.mark.many(3)
def test_a_decision_waits_for_its_policys_own_streams(policy, stall, side_gap, token_stall):
    unit = build(policy, 10, 10)
    samples = draw(random.Random(12), unit, 60)
    check(unit, samples, stall=stall, side_gap=side_gap, token_stall=token_stall, seed=13)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["max_logit", "margin", "softmax", "entropy", "class_threshold/entropy"])
@pytest.mark.parametrize(("classes", "pe"), [(10, 2), (10, 10), (100, 20)])
def test_gaps_do_not_delay(policy, classes, pe):
    """Gaps before the last beat leave the latency as it is."""
    unit = build(policy, classes, pe)
    played = play(unit, draw(random.Random(6), unit, 10), gap=0.6, seed=7)
    assert [out - last - unit.dut.latency for last, out in zip(played.taken, played.given_out, strict=True)] == [0] * 10


@in_pairs({
    "policy": ["max_logit", "entropy", "patience", "gate", "class_threshold/entropy", "class_threshold/gate", "always"],
    ("classes", "pe"): [(10, 2), (10, 10)],
    ("after", "gap", "stall"): [(1, 0, 0), (7, 0, 0), (18, 0.3, 0.3), (23, 0, 0)],
})
@pytest.mark.many(4)
def test_reset(policy, classes, pe, after, gap, stall):
    """A reset of one cycle, in the middle of a sample or not, leaves nothing behind."""
    unit = build(policy, classes, pe)
    samples = draw(random.Random(8), unit, 12 if pe < classes else 30)
    check(unit, samples, reset_after=after, gap=gap, stall=stall, side_gap=gap, token_stall=stall, seed=after)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["max_logit", "entropy", "patience", "gate", "class_threshold/entropy"])
@pytest.mark.parametrize(("after", "gap", "stall"), [(24, 0, 0.8), (25, 0.4, 0)])
def test_reset_beside_gaps_and_stalls(policy, after, gap, stall):
    test_reset(policy, 10, 2, after, gap, stall)


@in_pairs({
    "score": ["max_logit", "margin", "softmax", "entropy", "gate"], ("classes", "pe"): [(2, 2), (10, 5), (10, 10)],
    ("gap", "stall", "reset_after"): [(0, 0, None), (0.3, 0.6, None), (0.2, 0.5, 9)],
})
@pytest.mark.many(3)
def test_thresholds_of_classes_written_at_any_time(score, classes, pe, gap, stall, reset_after):
    """Each sample is compared with the table as it is in one cycle, ``lead`` moves of the pipeline before its result; a reset keeps it."""
    unit = build(f"class_threshold/{score}", classes, pe, bias_range=3)
    samples = draw(random.Random(14), unit, 60)
    near = [limited(unit.pivot(sample) + step, unit.dut.score.value_range) for sample in samples for step in (-1, 0, 1)]
    played = play(unit, samples, gap=gap, stall=stall, side_gap=gap, seed=15, rewrite=near, reset_after=reset_after)
    tables = []
    for cycle in played.loaded:
        compared = played.moves[bisect.bisect_left(played.moves, cycle) - unit.dut.score.lead]
        table = list(unit.params["thresholds"])
        for when, index, value in played.writes:
            if when < compared:
                table[index] = value
        tables.append(table)
    assert played.results == unit.expected(samples, tables)
    assert played.results != unit.expected(samples)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["class_threshold/patience", "class_threshold/patience/first"])
def test_tokens_while_thresholds_of_classes_are_written(policy):
    """Exactly the samples that stay give a token, and one on offer is not taken back."""
    unit = build(policy, 10, 10)
    for seed in range(8):
        samples = draw(random.Random(seed), unit, 60)
        played = play(unit, samples, stall=0.6, side_gap=0.2, token_stall=0.3, seed=seed, rewrite=[1, 2, 3])
        ids = 2 ** unit.params["score_params"]["id_bits"]
        assert [number for number, _, _ in played.tokens] == [k % ids for k, (_, leaves, _) in enumerate(played.results) if not leaves]


@pytest.mark.slow
@in_pairs({
    "policy": [*SCORED, "gate"], "confidence_bits": [1, 8, 32], ("acc_bits", "bias_range"): [(8, 0), (8, 100_000), (32, 2**31)],
})
def test_widths(policy, confidence_bits, acc_bits, bias_range):
    """Biases much wider than the logits, 32-bit logits, and confidences narrower and wider than the score."""
    unit = build(policy, 10, 5, acc_bits=acc_bits, bias_range=bias_range, confidence_bits=confidence_bits)
    check(unit, cases(unit))


@pytest.mark.slow
@in_pairs({"policy": SCORED, ("classes", "pe"): [(64, 1), (65, 1), (130, 2), (20, 20), (6, 2)], "biased": [False, True]})
def test_biases(policy, classes, pe, biased):
    """Biases cost no cycle when they are all 0, one when LUTs choose them, two when a memory does; a single one is enough."""
    plain_unit = build(policy, classes, pe, bias_range=0)
    unit = plain_unit
    if biased:
        unit.bias[-1] = -1
        unit = Unit(ExitDecision(classes=classes, pe=pe, acc_bits=14, bias=unit.bias, policy=policy, params=unit.params), policy, unit.bias,
                    unit.params)
        assert unit.dut.latency == plain_unit.dut.latency + (1 if classes // pe <= 64 else 2)
    played = check(unit, draw(random.Random(16), unit, 4))
    assert played.given_out == [cycle + unit.dut.latency for cycle in played.taken]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["max_logit", "softmax", "entropy", "class_threshold/margin", "always"])
@pytest.mark.parametrize(("classes", "pe"), [(65, 1), (3, 3), (6, 2)])
def test_exchangeable(policy, classes, pe):
    """Biases of 0 take the cycle that others take; Verilog differs in the contents of marked memories alone; results are the model's."""
    texts = []
    for seed, bias_range in ((1, 0), (3, 12_000)):
        unit = build(policy, classes, pe, bias_range=bias_range, seed=seed, exchangeable=True)
        assert unit.dut.logit_bits == 17
        played = check(unit, draw(random.Random(16), unit, 4))
        assert played.given_out == [cycle + unit.dut.latency for cycle in played.taken]
        unit = build(policy, classes, pe, bias_range=bias_range, seed=seed, exchangeable=True)
        texts.append(verilog.convert(unit.dut, emit_src=False, strip_internal_attrs=True))
    assert texts[0] != texts[1]
    marked = re.compile(r'(\(\* contents = "\w+" \*\)\n.*?)initial begin.*? end\n', re.DOTALL)
    assert marked.sub(r"\1", texts[0]) == marked.sub(r"\1", texts[1])


@pytest.mark.parametrize(("bias", "bits"), [([0, 0], 8), ([1, 0], 9), ([0, -1], 9), ([-128, 127], 9), ([1000, 1000], 12)])
def test_logit_bits(bias, bits):
    assert ExitDecision(classes=2, pe=1, acc_bits=8, bias=bias, policy="max_logit", params={}).logit_bits == bits


@pytest.mark.slow
@in_pairs({"policy": ["softmax", "entropy"], "scale": [0.0007, 0.003, 0.05, 0.7, 40.0], "more": [
    {}, {"split": (3, 3, 3), "conf_shift": 4, "guard_bits": 0, "widths": (2, 6, 6)},
    {"frac_bits": 12, "split": (0, 0, 0), "guard_bits": 5, "widths": (3,), "conf_shift": 1},
]})
def test_scales(policy, scale, more):
    """At any logit scale, from distances that all count to distances that are all beyond the tables."""
    params = {"softmax": plain.exponential_params, "entropy": plain.entropy_params}[policy](scale, **more)
    bias = [0] * 10
    unit = Unit(ExitDecision(classes=10, pe=10, acc_bits=16, bias=bias, policy=policy, params=params), policy, bias, params)
    check(unit, draw(random.Random(9), unit, 60))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_small_shape(data):
    """Shapes, widths, biases, policies, logits, gaps and stalls as they come."""
    classes = data.draw(st.integers(2, 12))
    pe = data.draw(st.sampled_from([pe for pe in range(1, classes + 1) if classes % pe == 0]))
    unit = build(data.draw(st.sampled_from(POLICIES)), classes, pe, acc_bits=data.draw(st.integers(1, 10)),
                 bias_range=data.draw(st.sampled_from([0, 1, 600])), scale=data.draw(st.sampled_from([0.004, 0.03, 0.3])))
    gap, stall = data.draw(st.sampled_from([(0, 0), (0.4, 0.4)]))
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    check(unit, draw(rng, unit, 8), gap=gap, stall=stall, side_gap=gap, token_stall=stall, seed=17)


@pytest.mark.parametrize(("policy", "most"), [
    ("max_logit", 5), ("margin", 5), ("softmax", 12), ("entropy", 18), ("patience", 5), ("gate", 5), ("always", 5), ("never", 5),
])
def test_latency_of_ten_classes(policy, most):
    """Cycles from the only beat to the result, of a unit without biases; those cost one more."""
    assert build(policy, 10, 10, bias_range=0, acc_bits=16).dut.latency <= most
    assert build(policy, 10, 10, acc_bits=16).dut.latency <= most + 1


@pytest.mark.parametrize("policy", [*SCORED, "patience", "gate", "always", "never"])
@pytest.mark.parametrize(("classes", "pe"), [
    (classes, pe) for classes in (2, 10, 100, 1000) for pe in (1, 2, 5, 10) if classes % pe == 0
])
def test_latency_of_any_shape(policy, classes, pe):
    """From a sample's first beat to its result, of a unit without biases."""
    dut = build(policy, classes, pe, bias_range=0, acc_bits=16, scale=0.0001).dut
    assert dut.beats - 1 + dut.latency <= 2 * dut.beats + 2 * (pe - 1).bit_length() + 12


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "classes", "pe"), [
    ("max_logit", 10, 10), ("margin", 10, 2), ("softmax", 10, 5), ("entropy", 10, 2), ("always", 1000, 1), ("never", 2, 2),
    ("patience", 10, 5), ("gate", 10, 5), ("class_threshold/softmax", 10, 5),
])
def test_verilog(policy, classes, pe):
    """Converts, and the same parameters give the same text."""
    texts = [verilog.convert(build(policy, classes, pe).dut, strip_internal_attrs=True) for _ in range(2)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("change", "message"), [
    ({"classes": 1, "bias": [0]}, "classes must be from 2 to 1000, not 1"),
    ({"classes": 1001}, "classes must be from 2 to 1000, not 1001"),
    ({"pe": 3}, "pe must divide classes, not pe=3, classes=10"),
    ({"pe": 0}, "pe must divide classes, not pe=0, classes=10"),
    ({"acc_bits": 33}, "acc_bits must be from 1 to 32, not 33"),
    ({"bias": [0] * 9}, "bias must have one integer per class, not 9 for 10 classes"),
    ({"policy": "luck"}, "policy must be one of always, class_threshold, entropy, gate, margin, max_logit, never, patience, softmax, "
                         "not 'luck'"),
    ({"confidence_bits": 0}, "confidence_bits must be from 1 to 32, not 0"),
    ({"params": {"tau": 1}}, "params of MaxLogit must have no key, not tau"),
    ({"policy": "softmax"}, "params of Softmax must have frac_bits, exponents, guard_bits, table_bits, table and may have low_bits, low, "
                            "conf_shift, not none"),
    ({"policy": "gate"}, r"params of Gate must have gate_bits and may have gate_acc_bits, gate_bias, gate_scale, not none"),
])
def test_refuses(change, message):
    good = {"classes": 10, "pe": 5, "acc_bits": 14, "bias": [0] * 10, "policy": "max_logit", "params": {}}
    with pytest.raises(ValueError, match=message):
        ExitDecision(**{**good, **change})
