"""ExitDecision with every policy against a model written from docs/interfaces.md, with and without gaps and stalls."""

import math
import random
from dataclasses import dataclass

import pytest
from amaranth.back import verilog
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.exit_decision import ExitDecision

SHAPES = [(2, 1), (2, 2), (10, 1), (10, 2), (10, 5), (10, 10), (35, 7), (100, 1), (100, 20), (1000, 1), (1000, 25)]
SMALL = [(2, 1), (2, 2), (10, 1), (10, 5), (10, 10)]
POLICIES = ["max_logit", "softmax", "always", "never"]
SIMPLE = {"always", "never"}  # variants of max_logit: a few shapes will do


def softmax_params(scale, frac_bits=16, table_bits=6, mult_frac=17, **more):
    return {
        "frac_bits": frac_bits, "mult": round(scale / math.log(2) * 2**mult_frac), "mult_frac": mult_frac, "table_bits": table_bits,
        "table": [round(2**frac_bits * 2 ** (-f / 2**table_bits)) for f in range(2**table_bits)], **more,
    }


@dataclass
class Sample:
    logits: list[int]
    threshold: int
    enable: int = 1


def score(policy, values, params):
    """The policy's score of the final logits, as docs/interfaces.md section 3 defines it."""
    if policy == "softmax":
        shift = params["mult_frac"] - params["table_bits"]
        total = 0
        for value in values:
            x = ((max(values) - value) * params["mult"] + 2 ** (shift - 1)) >> shift
            n, f = x >> params["table_bits"], x % 2 ** params["table_bits"]
            total += params["table"][f] >> n if n <= params["frac_bits"] else 0
        return total
    return 0 if policy == "never" else max(values)


def model(policy, sample, bias, params, confidence_bits=16):
    """(label, exit, confidence as the field's bits) of one sample."""
    values = [logit + extra for logit, extra in zip(sample.logits, bias, strict=True)]
    found = score(policy, values, params)
    label = 0 if policy == "never" else values.index(max(values))
    leaves = {"max_logit": found >= sample.threshold, "softmax": found <= sample.threshold, "always": True, "never": False}[policy]
    if policy == "softmax":
        confidence = min(found >> params.get("conf_shift", 0), 2 ** (confidence_bits - 1) - 1)
    else:
        confidence = min(max(found, -(2 ** (confidence_bits - 1))), 2 ** (confidence_bits - 1) - 1)
    return label, int(leaves and sample.enable), confidence % 2**confidence_bits


def cases(policy, classes, acc_bits, bias, params):
    """The list that every policy and shape runs: ties, extremes, and thresholds at, just below and just above the score."""
    low, high = -(2 ** (acc_bits - 1)), 2 ** (acc_bits - 1) - 1
    ramp = [low + 3 * k % (high - low) for k in range(classes)]
    rows = [
        [0] * classes, [low] * classes, [high] * classes,  # all equal
        [high] + [low] * (classes - 1), [low] * (classes - 1) + [high],  # the first and the last class win by all there is
        [5, 5] + [4] * (classes - 2), [4] * (classes - 2) + [5, 5],  # ties
        [-1] * (classes - 1) + [0], [0] + [-1] * (classes - 1), ramp, ramp[::-1],
    ]
    for targets in ([4] * classes, [5, 5] + [4] * (classes - 2), [4] * (classes - 2) + [5, 5], [4] * (classes - 1) + [5]):
        row = [target - extra for target, extra in zip(targets, bias, strict=True)]  # ties once the bias is added
        if low <= min(row) and max(row) <= high:
            rows.append(row)
    samples = []
    for row in rows:
        found = score(policy, [a + b for a, b in zip(row, bias, strict=True)], params)
        samples += [Sample(row, found + step) for step in (-1, 0, 1)]
    samples += [Sample(rows[0], limit, enable) for limit in (-(2**31), 2**31 - 1) for enable in (0, 1)]
    return samples


def draw(rng, policy, count, classes, acc_bits, params):
    """Samples as a network gives them: logits around a spread, thresholds around the scores."""
    samples = []
    for _ in range(count):
        spread = rng.choice([1, 2, 2 ** (acc_bits // 2), 2 ** (acc_bits - 1) - 1])
        row = [rng.randint(-spread, spread) for _ in range(classes)]
        near = score(policy, row, params)
        samples.append(Sample(row, near + rng.choice([-spread, -1, 0, 1, spread]), rng.random() < 0.8))
    return samples


def play(dut, samples, *, gap=0.0, stall=0.0, seed=0, reset_after=None):
    """Play samples; returns results, the cycle of each sample's last beat and the cycle of each result.

    Threshold and enable are right only while a sample's first beat is offered, and noise otherwise. With ``reset_after`` the first
    so many beats are played, then a reset of one cycle comes, and everything is played from the start.
    """
    rng = random.Random(seed)
    mask = 2**dut.acc_bits - 1
    beats = []
    for sample in samples:
        for at in range(0, dut.classes, dut.pe):
            word = 0
            for lane in range(dut.pe):
                word |= (sample.logits[at + lane] & mask) << lane * dut.acc_bits
            beats.append((sample, at == 0, at + dut.pe == dut.classes, word))
    reset = Signal()
    results, taken, given_out = [], [], []

    async def bench(ctx):
        position = cycle = idle = 0
        pending_reset = reset_after
        while len(results) < len(samples):
            if pending_reset is not None and position == pending_reset:
                ctx.set(dut.logits.valid, 0)
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
                results.clear(), taken.clear(), given_out.clear()
                position, pending_reset = 0, None
            offer = position < len(beats) and rng.random() >= gap
            ctx.set(dut.logits.valid, offer)
            first = False
            if offer:
                sample, first, last, word = beats[position]
                ctx.set(dut.logits.payload, word)
            ctx.set(dut.threshold, sample.threshold if first else rng.randint(-(2**31), 2**31 - 1))
            ctx.set(dut.enable, sample.enable if first else rng.randint(0, 1))
            take = rng.random() >= stall
            ctx.set(dut.o.ready, take)
            idle += 1
            if offer and ctx.get(dut.logits.ready):
                position, idle = position + 1, 0
                if last:
                    taken.append(cycle)
            if take and ctx.get(dut.o.valid):
                payload = ctx.get(dut.o.payload)
                results.append((payload.label, payload.exit, payload.confidence))
                given_out.append(cycle)
                idle = 0
            assert idle < dut.latency + 200, f"stood still after {position} beats and {len(results)} results"
            await ctx.tick()
            cycle += 1
        ctx.set(dut.logits.valid, 0)
        ctx.set(dut.o.ready, 1)
        for _ in range(dut.latency + 2):
            await ctx.tick()
            assert not ctx.get(dut.o.valid), "a result too many"

    sim = Simulator(ResetInserter(reset)(dut))
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return results, taken, given_out


def build(policy, classes, pe, *, acc_bits=14, bias_range=500, scale=0.01, seed=1, **more):
    rng = random.Random(seed)
    bias = [rng.randint(-bias_range, bias_range) for _ in range(classes)]
    params = softmax_params(scale) if policy == "softmax" else {}
    return ExitDecision(classes=classes, pe=pe, acc_bits=acc_bits, bias=bias, policy=policy, params=params, **more), bias, params


@pytest.mark.parametrize(("policy", "classes", "pe"), [
    (policy, *shape) for policy in POLICIES for shape in SHAPES if policy not in SIMPLE or shape[0] == 10
])
def test_full_rate(policy, classes, pe):
    """Back to back, a sample starts every classes / pe cycles and its result comes exactly ``latency`` after its last beat."""
    dut, bias, params = build(policy, classes, pe)
    samples = cases(policy, classes, 14, bias, params) if classes <= 35 else []
    samples += draw(random.Random(2), policy, 40 if classes <= 35 else 6 if classes <= 100 else 3, classes, 14, params)
    results, taken, given_out = play(dut, samples)
    assert results == [model(policy, sample, bias, params) for sample in samples]
    beats = classes // pe
    assert taken == [beats - 1 + beats * k for k in range(len(samples))]
    assert given_out == [cycle + dut.latency for cycle in taken]


@pytest.mark.parametrize(("policy", "classes", "pe"), [
    (policy, *shape) for policy in POLICIES for shape in SMALL if policy not in SIMPLE or shape == (10, 5)
])
@pytest.mark.parametrize(("gap", "stall"), [(0.5, 0.0), (0.3, 0.3), (0.0, 0.8)])
def test_gaps_and_stalls(policy, classes, pe, gap, stall):
    """Whatever the other sides do, nothing is lost, doubled or mixed up."""
    dut, bias, params = build(policy, classes, pe, seed=3)
    samples = draw(random.Random(4), policy, 25, classes, 14, params)
    results, _, _ = play(dut, samples, gap=gap, stall=stall, seed=5)
    assert results == [model(policy, sample, bias, params) for sample in samples]


@pytest.mark.parametrize("policy", ["max_logit", "softmax"])
@pytest.mark.parametrize(("classes", "pe"), [(10, 2), (10, 10), (100, 20)])
def test_gaps_do_not_delay(policy, classes, pe):
    """Gaps before the last beat leave the latency as it is."""
    dut, _, params = build(policy, classes, pe)
    _, taken, given_out = play(dut, draw(random.Random(6), policy, 10, classes, 14, params), gap=0.6, seed=7)
    late = [out - last - dut.latency for last, out in zip(taken, given_out, strict=True)]
    assert late == [0] * 10


@pytest.mark.parametrize("policy", ["max_logit", "softmax"])
@pytest.mark.parametrize(("classes", "pe"), [(10, 2), (10, 10)])
@pytest.mark.parametrize("after", [1, 7, 23])
def test_reset(policy, classes, pe, after):
    """A reset of one cycle, in the middle of a sample or not, leaves nothing behind."""
    dut, bias, params = build(policy, classes, pe)
    samples = draw(random.Random(8), policy, 30, classes, 14, params)
    results, _, _ = play(dut, samples, reset_after=after)
    assert results == [model(policy, sample, bias, params) for sample in samples]


@pytest.mark.parametrize("policy", ["max_logit", "softmax"])
@pytest.mark.parametrize("confidence_bits", [1, 8, 32])
@pytest.mark.parametrize(("acc_bits", "bias_range"), [(8, 0), (8, 100_000), (32, 2**31)])
def test_widths(policy, confidence_bits, acc_bits, bias_range):
    """Biases much wider than the logits, 32-bit logits, and confidences narrower and wider than the score."""
    dut, bias, params = build(policy, 10, 5, acc_bits=acc_bits, bias_range=bias_range, confidence_bits=confidence_bits)
    samples = cases(policy, 10, acc_bits, bias, params)
    samples = [Sample(item.logits, max(min(item.threshold, 2**31 - 1), -(2**31)), item.enable) for item in samples]
    results, _, _ = play(dut, samples)
    assert results == [model(policy, sample, bias, params, confidence_bits) for sample in samples]


@pytest.mark.parametrize(("bias", "bits"), [([0, 0], 8), ([1, 0], 9), ([0, -1], 9), ([-128, 127], 9), ([1000, 1000], 12)])
def test_logit_bits(bias, bits):
    assert ExitDecision(classes=2, pe=1, acc_bits=8, bias=bias, policy="max_logit", params={}).logit_bits == bits


@pytest.mark.parametrize("scale", [0.0007, 0.003, 0.05, 0.7, 40.0])
@pytest.mark.parametrize("extra", [
    {}, {"table_bits": 8, "conf_shift": 4}, {"frac_bits": 10, "table_bits": 0, "mult_frac": 11, "conf_shift": 1},
])
def test_softmax_scales(scale, extra):
    """At any logit scale, from distances that all count to distances that are all beyond the table."""
    params = softmax_params(scale, **extra)
    bias = [0] * 10
    dut = ExitDecision(classes=10, pe=10, acc_bits=16, bias=bias, policy="softmax", params=params)
    samples = draw(random.Random(9), "softmax", 60, 10, 16, params)
    results, _, _ = play(dut, samples)
    assert results == [model("softmax", sample, bias, params) for sample in samples]


@pytest.mark.parametrize("scale", [0.001, 0.01, 0.05])
def test_softmax_is_softmax(scale):
    """2^F / S is the greatest probability, to half a percent, and leaving means that it is at least the tau of the threshold."""
    params = softmax_params(scale)
    dut = ExitDecision(classes=10, pe=10, acc_bits=16, bias=[0] * 10, policy="softmax", params=params, confidence_bits=24)
    rng = random.Random(10)
    rows = [[rng.randint(0, int(rng.uniform(1, 8) / scale)) for _ in range(10)] for _ in range(200)]
    tau = 0.8
    results, _, _ = play(dut, [Sample(row, math.floor(2**16 / tau)) for row in rows])
    left = 0
    for row, (label, leaves, confidence) in zip(rows, results, strict=True):
        exact = 1 / sum(math.exp(scale * (value - max(row))) for value in row)
        assert label == row.index(max(row))
        assert 2**16 / confidence == pytest.approx(exact, rel=0.006)
        if abs(exact - tau) > 0.006:
            assert leaves == (exact > tau)
        left += leaves
    assert 0 < left < 200


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_small_shape(data):
    """Shapes, widths, biases, logits, gaps and stalls as they come."""
    classes = data.draw(st.integers(2, 12))
    pe = data.draw(st.sampled_from([pe for pe in range(1, classes + 1) if classes % pe == 0]))
    acc_bits = data.draw(st.integers(1, 10))
    bias = data.draw(st.lists(st.integers(-600, 600), min_size=classes, max_size=classes))
    policy = data.draw(st.sampled_from(POLICIES))
    params = softmax_params(data.draw(st.sampled_from([0.004, 0.03, 0.3])), table_bits=4) if policy == "softmax" else {}
    row = st.lists(st.integers(-(2 ** (acc_bits - 1)), 2 ** (acc_bits - 1) - 1), min_size=classes, max_size=classes)
    limit = st.integers(2**16, 2**20) if policy == "softmax" else st.integers(-700, 700)
    samples = data.draw(st.lists(st.builds(Sample, row, limit, st.integers(0, 1)), min_size=1, max_size=6))
    dut = ExitDecision(classes=classes, pe=pe, acc_bits=acc_bits, bias=bias, policy=policy, params=params)
    gap, stall = data.draw(st.sampled_from([(0, 0), (0.4, 0.4)]))
    results, _, _ = play(dut, samples, gap=gap, stall=stall)
    assert results == [model(policy, sample, bias, params) for sample in samples]


@pytest.mark.parametrize(("policy", "most"), [("max_logit", 5), ("always", 5), ("never", 5), ("softmax", 12)])
def test_latency_of_ten_classes(policy, most):
    assert build(policy, 10, 10)[0].latency <= most


@pytest.mark.parametrize(("policy", "classes", "pe"), [("max_logit", 10, 10), ("softmax", 10, 5), ("always", 1000, 1), ("never", 2, 2)])
def test_verilog(policy, classes, pe):
    """Converts, and the same parameters give the same text."""
    texts = [verilog.convert(build(policy, classes, pe)[0], strip_internal_attrs=True) for _ in range(2)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("change", "message"), [
    ({"classes": 1, "bias": [0]}, "classes must be from 2 to 1000, not 1"),
    ({"pe": 3}, "pe must divide classes, not pe=3, classes=10"),
    ({"acc_bits": 33}, "acc_bits must be from 1 to 32, not 33"),
    ({"bias": [0] * 9}, "bias must have one integer per class, not 9 for 10 classes"),
    ({"policy": "luck"}, "policy must be one of always, max_logit, never, softmax, not 'luck'"),
    ({"confidence_bits": 0}, "confidence_bits must be from 1 to 32, not 0"),
    ({"params": {"tau": 1}}, "params of MaxLogit must have no key, not tau"),
    ({"policy": "softmax"}, "params of Softmax must have frac_bits, mult, mult_frac, table_bits, table and may have conf_shift, not none"),
])
def test_refuses(change, message):
    good = {"classes": 10, "pe": 5, "acc_bits": 14, "bias": [0] * 10, "policy": "max_logit", "params": {}}
    with pytest.raises(ValueError, match=message):
        ExitDecision(**{**good, **change})
