"""Patience: how runs grow, who gives tokens, and that each is given once."""

import pytest

from hw.exits.decision import ExitDecision
from hw.exits.scores.patience import Patience, run_token


def build(*, first=False, **params):
    made = {"id_bits": 3, "run_bits": 2, "first": first, **params}
    return ExitDecision(classes=3, pe=3, acc_bits=6, bias=[0] * 3, policy="patience", params=made)


def feed(ctx, dut, label):
    """Offers a sample of that class."""
    ctx.set(dut.logits.valid, 1), ctx.set(dut.logits.payload, 5 << 6 * label)


def test_token():
    layout = run_token(id_bits=5, classes=10, run_bits=3)
    assert [(name, field.width) for name, field in layout] == [("id", 5), ("label", 4), ("run", 3)]


def test_ports():
    assert set(build(first=True).score.ports) == {"token_o"}
    assert set(build().score.ports) == {"token_i", "token_o"}
    made = Patience(classes=3, pe=1, logit_bits=6, params={"id_bits": 3, "run_bits": 4}, confidence_bits=4)
    assert not made.first
    assert made.threshold_range == range(17)


@pytest.mark.parametrize(("token", "run"), [
    ((1, 1), 2), ((1, 2), 3), ((1, 3), 3),  # stops at the greatest number
    ((1, 0), 1), ((0, 3), 1), ((2, 1), 1),  # none yet, another class
])
@pytest.mark.parametrize("threshold", [0, 1, 2, 3, 4])
def test_run(clocked, token, run, threshold):
    dut = build()

    async def bench(ctx):
        feed(ctx, dut, 1)
        ctx.set(dut.threshold, threshold), ctx.set(dut.enable, 1), ctx.set(dut.o.ready, 1), ctx.set(dut.token_o.ready, 1)
        ctx.set(dut.token_i.valid, 1), ctx.set(dut.token_i.payload, {"id": 6, "label": token[0], "run": token[1]})
        await ctx.tick()
        ctx.set(dut.logits.valid, 0)
        given = []
        while not ctx.get(dut.o.valid):
            if ctx.get(dut.token_o.valid):
                payload = ctx.get(dut.token_o.payload)
                given.append((payload.id, payload.label, payload.run))
            await ctx.tick()
        assert (ctx.get(dut.o.payload.exit), ctx.get(dut.o.payload.confidence)) == (run >= threshold, run)
        assert given == ([] if run >= threshold else [(6, 1, run)])

    clocked(dut, bench)


def test_the_first_exit_numbers_all_samples(clocked):
    """Those that leave too, from 0 after a reset, and begins again after the last number."""
    dut = build(first=True)
    given = []

    async def bench(ctx):
        ctx.set(dut.enable, 1), ctx.set(dut.o.ready, 1), ctx.set(dut.token_o.ready, 1)
        for number in range(20 + dut.latency):
            feed(ctx, dut, number % 3)
            ctx.set(dut.logits.valid, number < 20)
            ctx.set(dut.threshold, 1 if number % 4 == 2 else 2)
            if ctx.get(dut.token_o.valid):
                payload = ctx.get(dut.token_o.payload)
                given.append((payload.id, payload.label, payload.run))
            await ctx.tick()

    clocked(dut, bench)
    assert given == [(number % 8, number % 3, 1) for number in range(20) if number % 4 != 2]


@pytest.mark.parametrize(("o_waits", "token_waits"), [(0, 0), (6, 0), (0, 6), (3, 6), (6, 3)])
def test_a_token_is_given_once_whoever_waits(clocked, o_waits, token_waits):
    """Two samples right behind each other; results and tokens are not taken for a while."""
    dut = build(first=True)
    tokens, results = [], []

    async def bench(ctx):
        ctx.set(dut.enable, 1), ctx.set(dut.threshold, 2)
        position = 0
        for cycle in range(30):
            feed(ctx, dut, position % 3)
            ctx.set(dut.logits.valid, position < 2)
            ctx.set(dut.o.ready, cycle >= o_waits), ctx.set(dut.token_o.ready, cycle >= token_waits)
            position += ctx.get(dut.logits.ready) and position < 2
            if ctx.get(dut.token_o.valid) and ctx.get(dut.token_o.ready):
                tokens.append(ctx.get(dut.token_o.payload.id))
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                results.append(ctx.get(dut.o.payload.label))
            await ctx.tick()

    clocked(dut, bench)
    assert tokens == [0, 1]
    assert results == [0, 1]


@pytest.mark.parametrize(("change", "message"), [
    ({"id_bits": 0}, "id_bits must be from 1 to 32, not 0"), ({"id_bits": 33}, "id_bits must be from 1 to 32, not 33"),
    ({"run_bits": 0}, "run_bits must be from 1 to 8, not 0"), ({"run_bits": 9}, "run_bits must be from 1 to 8, not 9"),
    ({"patience": 2}, "params of Patience must have id_bits, run_bits and may have first, not first, id_bits, patience, run_bits"),
])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)
