"""ClassThreshold: another policy's score with the winner's threshold, which can be written at any time."""

import pytest
from amaranth.hdl import ResetInserter, Signal

from hw.exits.decision import ExitDecision
from hw.exits.scores import SCORES
from hw.exits.scores.class_threshold import ClassThreshold
from tests import plain_policies as plain

THRESHOLDS = [3, -4, 32]


def build(score="max_logit", thresholds=THRESHOLDS, **more):
    return ExitDecision(classes=3, pe=3, acc_bits=6, bias=[0] * 3, policy="class_threshold",
                        params={"score": score, "thresholds": thresholds, **more})


@pytest.mark.parametrize(("score", "params"), [
    ("max_logit", {}), ("margin", {}), ("softmax", plain.exponential_params(0.1)), ("entropy", plain.entropy_params(0.1)),
    ("gate", {"gate_bits": 8}), ("always", {}), ("never", {}),
])
def test_is_the_other_policy_but_for_its_threshold(score, params):
    dut = build(score, [SCORES[score](classes=3, pe=3, logit_bits=6, params=params, confidence_bits=16).threshold_range[0]] * 3,
                score_params=params)
    other = ExitDecision(classes=3, pe=3, acc_bits=6, bias=[0] * 3, policy=score, params=params)
    assert dut.latency == other.latency
    assert dut.score.lead == other.score.lead
    assert dut.score.value_range == other.threshold_range
    assert dut.threshold_range == range(1)
    assert set(dut.score.ports) == {*other.score.ports, "class_write", "class_index", "class_value"}


async def decide(ctx, dut, label, value):
    """What becomes of a sample of that class with that greatest logit."""
    ctx.set(dut.logits.valid, 1), ctx.set(dut.enable, 1), ctx.set(dut.o.ready, 1)
    ctx.set(dut.logits.payload, sum(((value if lane == label else -32) & 63) << 6 * lane for lane in range(3)))
    await ctx.tick()
    ctx.set(dut.logits.valid, 0)
    while not ctx.get(dut.o.valid):
        await ctx.tick()
    payload = ctx.get(dut.o.payload)
    assert (payload.label, payload.confidence) == (label, value % (1 << 16))
    await ctx.tick()
    return payload.exit


def write(ctx, dut, label, value):
    ctx.set(dut.class_write, 1), ctx.set(dut.class_index, label), ctx.set(dut.class_value, value)


def test_every_class_has_its_own_and_keeps_it_over_a_reset(clocked):
    dut, reset = build(), Signal()

    async def bench(ctx):
        assert [await decide(ctx, dut, label, value) for label, value in ((0, 3), (0, 2), (1, -4), (1, -5), (2, 31))] == [1, 0, 1, 0, 0]
        write(ctx, dut, 2, 31)
        await ctx.tick()
        ctx.set(dut.class_write, 0), ctx.set(dut.class_index, 0), ctx.set(dut.class_value, -32)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert [await decide(ctx, dut, label, value) for label, value in ((2, 31), (2, 30), (0, 2), (1, -4), (1, -5))] == [1, 0, 0, 1, 0]

    clocked(ResetInserter(reset)(dut), bench)


@pytest.mark.parametrize("standing", [False, True])
def test_a_write_holds_from_the_next_cycle_on(clocked, standing):
    """Whether the pipeline moves or not."""
    dut = build()

    async def bench(ctx):
        ctx.set(dut.enable, 1)
        if standing:  # one sample waits at the output, the next one behind it
            ctx.set(dut.logits.valid, 1), ctx.set(dut.logits.payload, 1)
            for _ in range(dut.latency + 3):
                await ctx.tick()
            assert not ctx.get(dut.logits.ready)
            write(ctx, dut, 0, 1)
            await ctx.tick()
            ctx.set(dut.class_write, 0), ctx.set(dut.o.ready, 1), ctx.set(dut.logits.valid, 0)
            results = []
            for _ in range(4):
                if ctx.get(dut.o.valid):
                    results.append(ctx.get(dut.o.payload.exit))
                await ctx.tick()
            assert results[0] == 0, "it was compared before"
            assert set(results[1:]) == {1}
        else:
            write(ctx, dut, 0, 1)
            await ctx.tick()
            ctx.set(dut.class_write, 0)
            assert [await decide(ctx, dut, 0, value) for value in (1, 0)] == [1, 0]

    clocked(dut, bench)


@pytest.mark.parametrize(("change", "message"), [
    ({"score": "luck"}, "score must be one of always, entropy, gate, margin, max_logit, never, patience, softmax, not 'luck'"),
    ({"score": "class_threshold"}, "score must be one of always, .*, not 'class_threshold'"),
    ({"thresholds": [1, 2]}, "thresholds must be one per class, not 2 for 3 classes"),
    ({"thresholds": [1, 2, 33]}, "thresholds must be from -32 to 32, not 33"),
    ({"thresholds": [1, 2, -33]}, "thresholds must be from -32 to 32, not -33"),
    ({"score_params": {"tau": 1}}, "params of MaxLogit must have no key, not tau"),
    ({"score": "softmax"}, "params of Softmax must have frac_bits, .*, not none"),
])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        ClassThreshold(classes=3, pe=3, logit_bits=6, params={"score": "max_logit", "thresholds": THRESHOLDS, **change}, confidence_bits=16)
