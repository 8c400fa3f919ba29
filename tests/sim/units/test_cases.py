"""The case list: the same each time, with every corner case in it, played here through Amaranth's simulator."""

import random
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from build_flows.exit_unit.simulate import plain_unit
from build_flows.exit_unit.spec import UnitSpec
from quant_models.exits.policies import POLICIES
from sim.units.cases import draw, draw_body, edges
from sim.units.unit import expect, score
from sim.units.verilog import make

SHAPES = [(2, 1), (6, 2), (5, 5)]


def unit_of(policy, classes=6, pe=2, **more):
    return plain_unit(UnitSpec(policy=policy, classes=classes, pe=pe, **{"logit_bits": 10, "scale": 0.05, **more}))


def test_the_list_is_the_same_every_time() -> None:
    unit = unit_of("softmax")
    first, again, other = draw(unit, 300, 7), draw(unit, 300, 7), draw(unit, 300, 8)
    for name in ("head", "body", "rules", "exact"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.body, other.body)
    assert np.array_equal(draw_body(6, 10, 50, 3, 0.05), draw_body(6, 10, 50, 3, 0.05))


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize(("classes", "bits"), [(2, 16), (10, 16), (10, 4), (1000, 12), (3, 2), (7, 32)])
def test_every_corner_case_is_in_the_list(policy, classes, bits) -> None:
    unit = unit_of(policy, classes, 1, logit_bits=bits, scale=0.05 if bits > 4 else 1.0, threshold=1.0 if bits == 2 else None)
    samples = draw(unit, 600, 1)
    found = expect(unit, samples)
    assert len(samples) == len(found.words) == 600
    for name, count in found.seen.items():
        assert count > 0, name
    assert 0 < found.left.sum() < 600
    if unit.limits[0] < unit.limits[1]:
        assert samples.exact.sum() >= 5
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    for _, logits in samples.chunks():
        assert (logits >= least).all()
        assert (logits <= most).all()


@pytest.mark.parametrize("policy", [name for name in POLICIES if POLICIES[name].unit])
def test_edges_are_the_strictest_thresholds_at_which_samples_leave(policy) -> None:
    unit = unit_of(policy)
    samples = draw(unit, 200, 5)
    where = np.arange(200)
    edge, step = edges(unit, samples.take(where), samples.side(where))
    assert step == (-1 if unit.scoring in ("softmax", "entropy") else 1)
    side = samples.side(where)
    assert score(unit, samples.take(where), edge, side).leaves.all()
    beyond = (edge + step < unit.limits[0]) | (edge + step > unit.limits[1])
    assert (beyond | ~score(unit, samples.take(where), edge + step, side).leaves).all()
    assert beyond.mean() < 0.5


def test_few_samples_and_a_body_that_is_there_already() -> None:
    unit = unit_of("margin")
    for count in (1, 2, 11, 12, 40):
        samples = draw(unit, count, 1)
        assert len(samples) == sum(len(rows) for _, rows in samples.chunks()) == count
        assert len(expect(unit, samples).words) == count
    body = draw_body(6, 10, 500, 1, 0.05)
    shared = draw(unit, 400, 1, body)
    assert np.shares_memory(shared.body, body)
    assert np.array_equal(shared.take([399, 0])[0], body[399 - len(shared.head)])


def play(unit, samples, stall):
    """Results and tokens out of Amaranth's simulator. Rules are on the ports with a sample's first beat only, and noise otherwise."""
    dut, rng, count = make(unit), random.Random(3), len(samples)
    mask = (1 << unit.bits) - 1
    logits = samples.take(np.arange(count)).tolist()
    beats = [(n, at, sum((value & mask) << (unit.bits * lane) for lane, value in enumerate(row[at:at + unit.pe])))
             for n, row in enumerate(logits) for at in range(0, unit.classes, unit.pe)]
    side = samples.gate if unit.side == "gate" else (
        unit.pack_token(np.arange(count), samples.label, samples.run) if unit.side else None)
    streams = [(dut.logits, beats)] + ([(getattr(dut, unit.side), side.tolist())] if unit.side else [])
    sinks = [dut.o] + ([dut.token_o] if unit.gives_tokens else [])
    results: list[list[int]] = [[] for _ in sinks]

    async def bench(ctx):
        for index, value in samples.class_thresholds.tolist():
            ctx.set(dut.class_write, 1)
            ctx.set(dut.class_index, index)
            ctx.set(dut.class_value, value)
            await ctx.tick()
        if len(samples.class_thresholds):
            ctx.set(dut.class_write, 0)
        done, offered, spare = [0] * len(streams), [False] * len(streams), 0
        while spare < 12:
            spare += len(results[0]) == count
            noise = rng.choice(samples.rules.tolist())
            noise[1:] = rng.randrange(2), rng.randrange(3)
            for at, (port, items) in enumerate(streams):
                offered[at] = done[at] < len(items) and (offered[at] or rng.random() >= stall)
                ctx.set(port.valid, offered[at])
                if offered[at]:
                    item = items[done[at]]
                    ctx.set(Value.cast(port.payload), item[2] if at == 0 else item)
                    if at == 0 and item[1] == 0:
                        noise = samples.rules[item[0]].tolist()
            ctx.set(dut.threshold, noise[0])
            ctx.set(dut.enable, noise[1])
            ctx.set(Value.cast(dut.mode), noise[2])
            for port in sinks:
                ctx.set(port.ready, rng.random() >= stall)
            values = (await ctx.tick().sample(*(port.ready for port, _ in streams), *(port.valid & port.ready for port in sinks),
                                              *(Value.cast(port.payload) for port in sinks)))[2:]
            for at in range(len(streams)):
                if offered[at] and values[at]:
                    offered[at] = False
                    done[at] += 1
            for at, found in enumerate(results):
                if values[len(streams) + at]:
                    found.append(values[len(streams) + len(sinks) + at])

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return results


@pytest.mark.slow
@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("policy", list(POLICIES))
def test_amaranths_simulator_agrees(policy, stall) -> None:
    for classes, pe in SHAPES:
        unit = unit_of(policy, classes, pe)
        samples = draw(unit, 90, 2)
        wanted = expect(unit, samples)
        found, *tokens = play(unit, samples, stall)
        assert found == wanted.words.tolist(), unit.name
        assert [token for given in tokens for token in given] == wanted.tokens.tolist(), unit.name


def test_amaranths_simulator_agrees_with_biases_other_scores_and_the_first_exit_of_patience() -> None:
    bias = [3, -200, 0, 77, -1, 50]
    patient = UnitSpec(policy="patience", classes=6, pe=2, logit_bits=10)
    units = [unit_of(policy, bias=bias) for policy in ("max_logit", "margin", "softmax", "entropy", "patience")]
    units += [unit_of("class_threshold", score=name) for name in ("max_logit", "margin", "entropy", "patience", "gate")]
    units.append(plain_unit(replace(patient, made=({**patient.params, "first": True}, 1))))
    for unit in units:
        samples = draw(unit, 70, 4)
        wanted = expect(unit, samples)
        found, *tokens = play(unit, samples, 0.2)
        assert found == wanted.words.tolist(), unit.name
        assert [token for given in tokens for token in given] == wanted.tokens.tolist(), unit.name
