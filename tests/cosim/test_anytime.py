"""Accelerators whose exits all answer, with toy layers, in Verilator: every word that is due comes once, in its place, whatever happens."""

import numpy as np
import pytest

from quant_models.exits.policies import Head, integer_threshold, policy
from sim import golden
from sim.accelerator.agreement import compare
from sim.accelerator.answers import compare_answers
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.result import assemble
from sim.accelerator.run import expected_ids, simulate
from sim.accelerator.scenario import Cycles, Read, Reset, Results, Send, Sent, Stall, Write
from tests import toy

pytestmark = pytest.mark.cosim

BIASES = ((0, 5, -9), (-40, 0, 3), (7, 0, 0))
THREE = {"exits": 3, "thresholds": (920, 880), "biases": BIASES, "anytime": True}
NARROW = {"exits": 2, "thresholds": (900,), "result_bits": 32, "bus_bits": 64, "paces": (1,), "anytime": True}
MIXED = [1, 1, 1, 2, 17, 2, 1, 17, 17, 140, 1]


def model(netlist, images, writes=None):
    """Golden decisions and answers, with MODE and ENABLE as ``writes`` sets them."""
    writes = writes or {}
    exits = []
    for item in netlist.exits:
        mode = writes.get(f"MODE_{item.index}", 0) & 3
        policy = {0: item.policy, 1: "always", 2: item.policy}[mode]
        enabled = mode != 2 and bool(writes.get(f"ENABLE_{item.index}", 1))
        exits.append(golden.Exit(index=item.index, policy=policy, threshold=item.threshold, enabled=enabled, params=item.params))
    plain = [golden.Exit(index=item.index, policy=item.policy, threshold=item.threshold, params=item.params) for item in netlist.exits]
    logits, gates = toy.logits(images, netlist), {item.index: toy.gates(images) for item in netlist.exits}
    taken = golden.decide(logits, exits, gates)
    said = golden.answers(logits, plain, gates)
    # An exit's score is that of its policy, whatever lets a sample leave.
    score = said.confidence[np.arange(len(images)), taken.exit]
    return golden.Decisions(label=taken.label, exit=taken.exit, confidence=score), said


def agrees(netlist, images, result, batches, writes=None):
    taken, said = model(netlist, images, writes)
    fields = {item.name: item for item in netlist.result.fields}
    compare(taken, result, confidence=fields["confidence"], ids=expected_ids(batches, fields["id"].width))
    compare_answers(said, taken.exit, result.provisional, confidence=fields["confidence"])
    assert result.words == int((taken.exit + 1).sum())
    counts = np.bincount(taken.exit, minlength=len(netlist.exits)).tolist()
    if result.registers:
        assert [result.registers[f"EXIT_COUNT_{k}"] for k in range(len(counts))] == counts
        assert result.registers["SAMPLES_IN"] == result.registers["SAMPLES_OUT"] == len(images)
        assert result.registers["STATUS"] == 0
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("shape", [THREE, NARROW], ids=["three exits", "32-bit words"])
@pytest.mark.parametrize("stall", [(0, 0), (0.3, 0.3), (0, 0.97)])
def test_every_exit_on_the_way_answers_once_and_in_order(toy_rtl, model_cache, tmp_path, shape, stall):
    """That words of one sample come in the order of the exits is asked of every run (``sim.accelerator.answers.owners``). With a sink that
    sits out 97 % of the cycles words of all exits wait side by side."""
    netlist, rtl = toy_rtl(**shape)
    images = toy.images(sum(MIXED), seed=3)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, stall_in=stall[0], stall_out=stall[1], seed=5, batches=MIXED,
                      optimise="O1")
    taken = agrees(netlist, images, result, MIXED)
    assert set(taken.exit.tolist()) == set(range(len(netlist.exits)))
    early = result.provisional
    assert (early.cycle_out < result.cycle_out[:, None])[early.answered].all()
    assert (np.diff(np.where(early.answered, early.cycle_out, 2**40), axis=1)[early.answered[:, 1:]] > 0).all()
    assert (early.answered.sum(axis=1) == result.exit).all()


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True])
def test_answers_of_all_exits_cost_no_throughput(toy_rtl, model_cache, tmp_path, hard):
    """Batches of one too: words of exits that wait for the batch before hold nobody up."""
    images = toy.images(200) // 4 if hard else 255 - toy.images(200) // 16
    paces = {}
    for anytime in (False, True):
        netlist, rtl = toy_rtl(**(THREE | {"anytime": anytime}))
        for name, batches in (("one", None), ("ones", [1] * 200)):
            result = simulate(netlist, rtl, images.astype(np.uint8), work=tmp_path / f"{anytime}{name}", cache=model_cache, optimise="O1",
                              batches=batches, jobs=1)
            paces[anytime, name] = result.cycles_per_sample
            assert result.words == (600 if anytime and hard else 200)
    for name in ("one", "ones"):
        assert paces[True, name] <= paces[False, name] * 1.01


@pytest.mark.slow
def test_modes_and_enables_by_register(toy_rtl, model_cache, tmp_path):
    netlist, rtl = toy_rtl(**THREE)
    images = toy.images(90, seed=8)
    for writes, taken in (({"MODE_0": 2, "MODE_1": 2}, {2}), ({"MODE_0": 1}, {0}), ({"ENABLE_0": 0}, {1, 2}),
                          ({"MODE_0": 2, "MODE_1": 1}, {1})):
        result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, writes=writes, optimise="O1", batches=[30, 60],
                          stall_out=0.2, resume=False)
        assert set(agrees(netlist, images, result, [30, 60], writes).exit.tolist()) == taken


@pytest.mark.slow
def test_modes_switched_while_samples_flow(toy_rtl, model_cache, tmp_path):
    """Each sample is answered by one rule or the other, whole: words up to where it leaves, and none beyond."""
    netlist, rtl = toy_rtl(**THREE)
    images = toy.images(300, seed=4)
    bench = AcceleratorBench(netlist, rtl, model_cache, optimise="O1")
    trace = bench.run(images, [
        Reset(), Stall(0.1, 0.1), Write("BATCH_LENGTH", 300), Send(0, 300 * bench.image_words), Results(60), Write("MODE_0", 2),
        Write("MODE_1", 2), Results(60), Write("MODE_1", 1), Results(60), Write("MODE_0", 0), Write("MODE_1", 0), Results(120), Read(),
    ], work=tmp_path)
    result = assemble(netlist, [300], [trace], seconds=1.0, resumed=False)
    _, said = model(netlist, images)
    compare_answers(said, result.exit, result.provisional,
                    confidence=next(item for item in netlist.result.fields if item.name == "confidence"))
    assert (result.label == said.label[np.arange(300), result.exit]).all()
    assert (result.exit == 2).sum() > 40
    assert ((result.exit == 1) & (model(netlist, images)[0].exit != 1)).any()
    assert trace.snapshots[0]["SAMPLES_OUT"] == 300


@pytest.mark.slow
def test_ids_that_wrap(toy_rtl, model_cache, tmp_path):
    """An id of 8 bits comes three times in a batch: words are told apart by the final one."""
    netlist, rtl = toy_rtl(**NARROW)
    images = toy.images(600, seed=6)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, stall_out=0.6, batches=[600], optimise="O1")
    agrees(netlist, images, result, [600])
    assert (result.id[256:512] == result.id[:256]).all()


@pytest.mark.slow
def test_soft_reset_in_the_middle_of_a_batch(toy_rtl, model_cache, tmp_path):
    """Words of before are forgotten, provisional ones whose final one never came too; the next batch is whole."""
    netlist, rtl = toy_rtl(**THREE)
    bench = AcceleratorBench(netlist, rtl, model_cache, optimise="O1")
    images = toy.images(60, seed=2)
    for cut in (5, 9, 12):
        trace = bench.run(images, [
            Reset(), Stall(0, 0.5), Write("BATCH_LENGTH", 30), Send(0, 20 * bench.image_words), Results(cut), Send(0, 0),
            Write("CONTROL", 1), Cycles(40), Send(0, 0), Write("BATCH_LENGTH", 30), Send(30, 30 * bench.image_words), Sent(), Results(30),
            Read(),
        ], work=tmp_path / str(cut))
        fresh = trace.after(8)
        offset = len(trace.images) - 30
        whole = assemble(netlist, [30], [type(trace)(images=trace.images[offset:], results=fresh, snapshots=trace.snapshots, cycles=1)],
                         seconds=1.0, resumed=False)
        agrees(netlist, images[30:], whole, [30])


HEAD = Head(classes=3, scale=0.01, logit_bits=12)
SOFTMAX = policy("softmax").constants(HEAD)
RUNS = {"id_bits": 8, "run_bits": 3}


@pytest.mark.slow
def test_policies_that_speak_with_each_other(toy_rtl, model_cache, tmp_path):
    """Gate heads and tokens between exits, of which each answers with its own score."""
    netlist, rtl = toy_rtl(exits=5, policies=("gate", "patience", "patience", "class_threshold"), thresholds=(900, 2, 2, 0),
                           params=({"gate_bits": 11}, {**RUNS, "first": True}, RUNS,
                                   {"score": "softmax", "score_params": SOFTMAX,
                                    "thresholds": [integer_threshold("softmax", tau, HEAD, SOFTMAX) for tau in (0.45, 0.5, 0.36)]}),
                           biases=(*BIASES, (0, 60, 0), (0, 0, 30)), paces=(4,) * 5, max_in_flight=16, anytime=True)
    images = toy.images(sum(MIXED), seed=3)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, stall_in=0.3, stall_out=0.3, seed=5, batches=MIXED,
                      optimise="O1")
    assert len(set(agrees(netlist, images, result, MIXED).exit.tolist())) > 2


@pytest.mark.slow
def test_an_interrupted_run_is_taken_up_at_a_batch(toy_rtl, model_cache, tmp_path):
    netlist, rtl = toy_rtl(**THREE)
    images = toy.images(400)

    def run(progress=None):
        return simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, batches=[100] * 4, jobs=1, optimise="O1",
                        progress=progress, tick=1000)

    def interrupt(state):
        if state["results"] >= 250:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupt)
    result = run()
    assert result.resumed
    taken, said = model(netlist, images)
    assert (result.exit == taken.exit).all()
    compare_answers(said, taken.exit, result.provisional,
                    confidence=next(item for item in netlist.result.fields if item.name == "confidence"))
