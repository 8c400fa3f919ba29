"""Gate: the decision waits for the gate head's logit, and takes it in the cycle in which the sample's result goes on."""

import pytest

from hw.exits.decision import ExitDecision
from hw.exits.scores.gate import Gate


def build(bits=6, confidence_bits=4, **more):
    return Gate(classes=4, pe=4, logit_bits=6, params={"gate_bits": bits, **more}, confidence_bits=confidence_bits)


@pytest.mark.parametrize(("bits", "limits"), [(1, range(-1, 2)), (6, range(-32, 33)), (31, range(-(2**30), 2**30 + 1)),
                                              (32, range(-(2**31), 2**31))])
def test_thresholds(bits, limits):
    """Every logit of the gate, and one above them all where a 32-bit register holds it."""
    assert build(bits).threshold_range == limits


def test_condition_and_handshake(clocked):
    dut = build()

    async def bench(ctx):
        ctx.set(dut.i.valid, 1), ctx.set(dut.i.first, 1), ctx.set(dut.i.last, 1), ctx.set(dut.i.values, [1, 5, 5, 2])
        for _ in range(dut.latency):
            assert not ctx.get(dut.valid)
            await ctx.tick()
        ctx.set(dut.i.valid, 0)
        assert (ctx.get(dut.valid), ctx.get(dut.label), ctx.get(dut.hold)) == (1, 1, 1)
        ctx.set(dut.gate.valid, 1)
        for value, threshold, leaves, confidence in ((-32, -32, 1, 8), (31, 32, 0, 7), (3, 3, 1, 3), (2, 3, 0, 2), (-9, -8, 0, 8)):
            ctx.set(dut.gate.payload, value), ctx.set(dut.threshold, threshold)
            assert (ctx.get(dut.leave), ctx.get(dut.confidence), ctx.get(dut.hold)) == (leaves, confidence, 0)
        for advance in (0, 1):
            ctx.set(dut.advance, advance)
            assert ctx.get(dut.gate.ready) == advance
        await ctx.tick()
        assert not ctx.get(dut.gate.ready), "no sample, no gate's logit"

    clocked(dut, bench)


def test_a_bias_is_added_first(clocked):
    """To a narrower accumulator; threshold and confidence are those of the sum."""
    dut = build(bits=7, confidence_bits=8, gate_acc_bits=5, gate_bias=-37, gate_scale=0.25)
    assert len(dut.gate.payload) == 5
    assert dut.threshold_range == range(-64, 65)

    async def bench(ctx):
        ctx.set(dut.i.valid, 1), ctx.set(dut.i.first, 1), ctx.set(dut.i.last, 1), ctx.set(dut.i.values, [1, 5, 5, 2])
        for _ in range(dut.latency):
            await ctx.tick()
        ctx.set(dut.gate.valid, 1)
        for value, threshold, leaves in ((-16, -53, 1), (-16, -52, 0), (15, -22, 1), (15, -21, 0), (0, -37, 1)):
            ctx.set(dut.gate.payload, value), ctx.set(dut.threshold, threshold)
            assert (ctx.get(dut.leave), ctx.get(dut.confidence)) == (leaves, (value - 37) & 0xFF)

    clocked(dut, bench)


@pytest.mark.parametrize("first", ["gate", "logits"])
def test_either_may_come_first(clocked, first):
    dut = ExitDecision(classes=4, pe=4, acc_bits=6, bias=[0] * 4, policy="gate", params={"gate_bits": 6})

    async def bench(ctx):
        ctx.set(dut.o.ready, 1), ctx.set(dut.enable, 1), ctx.set(dut.threshold, 3)
        ctx.set(dut.gate.payload, 3), ctx.set(dut.gate.valid, first == "gate")
        for _ in range(5):
            await ctx.tick()
            assert not ctx.get(dut.gate.ready)
        ctx.set(dut.logits.valid, 1)
        await ctx.tick()
        ctx.set(dut.logits.valid, 0)
        if first == "logits":
            for _ in range(5):
                assert not ctx.get(dut.o.valid)
                await ctx.tick()
            assert not ctx.get(dut.logits.ready), "everything waits"
            ctx.set(dut.gate.valid, 1)
        while not ctx.get(dut.gate.ready):
            await ctx.tick()
        await ctx.tick()
        assert (ctx.get(dut.o.valid), ctx.get(dut.o.payload.exit), ctx.get(dut.o.payload.confidence)) == (1, 1, 3)

    clocked(dut, bench)


@pytest.mark.parametrize("bits", [0, 33])
def test_refuses(bits):
    with pytest.raises(ValueError, match=f"gate_bits must be from 1 to 32, not {bits}"):
        build(bits)


@pytest.mark.parametrize("bits", [0, 7])
def test_refuses_a_wider_accumulator(bits):
    with pytest.raises(ValueError, match=f"gate_acc_bits must be from 1 to gate_bits = 6, not {bits}"):
        build(6, gate_acc_bits=bits)
