"""The whole accelerator, with toy layers, in Verilator: every sample comes out once, as the golden decision says, whatever happens."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from hw.accelerator import RESULT_DEPTH, counted_streams
from quant_models.exits.policies import Head, integer_threshold, policy
from sim.accelerator.agreement import compare
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.identity import positions
from sim.accelerator.run import expected_ids, simulate
from sim.accelerator.scenario import Cycles, Read, Reset, Results, Send, Sent, Stall, Write
from sim.errors import AgreementError, StallError
from sim.golden import Exit, decide
from sim.result_word import unpack
from tests import toy

pytestmark = pytest.mark.cosim

ARRIVAL = {"exits": 3, "thresholds": (920, 880), "biases": ((0, 5, -9), (-40, 0, 3), (7, 0, 0))}
INPUT = {"exits": 2, "thresholds": (900,), "order": "input", "result_bits": 32, "bus_bits": 64}
MIXED = [1, 1, 1, 2, 17, 2, 1, 17, 17, 140, 1]


@pytest.fixture(params=[ARRIVAL, INPUT], ids=["arrival", "input-order"])
def design(request, toy_rtl):
    return toy_rtl(**request.param)


@pytest.fixture
def bench(toy_rtl, model_cache):
    netlist, rtl = toy_rtl(**ARRIVAL)
    return AcceleratorBench(netlist, rtl, model_cache, optimise="O1")


def golden(netlist, images, **changes):
    """Golden decisions; ``changes`` are exits' thresholds by index, as ``t0=...``."""
    exits = [Exit(index=item.index, policy=item.policy, threshold=changes.get(f"t{item.index}", item.threshold), enabled=item.enabled,
                  params=item.params) for item in netlist.exits]
    return decide(toy.logits(images, netlist), exits, {item.index: toy.gates(images) for item in netlist.exits})


def field(netlist, name):
    return next(item for item in netlist.result.fields if item.name == name)


def agrees(netlist, images, result, batches):
    compare(golden(netlist, images), result, confidence=field(netlist, "confidence"),
            ids=expected_ids(batches, field(netlist, "id").width))


def received(netlist, results, batches):
    """Fields of results by image, as :func:`compare` wants them."""
    found = unpack([word for _, _, word in results], netlist.result)
    place = np.argsort(positions(found["id"].tolist(), [last for _, last, _ in results], batches, field(netlist, "id").width))
    return type("Received", (), {name: values[place] for name, values in found.items()})


@pytest.mark.parametrize("stall", [
    (0, 0), (0.3, 0.3), (0.9, 0.9), *(pytest.param(stall, marks=pytest.mark.slow) for stall in ((0.9, 0), (0, 0.9))),
])
def test_every_sample_comes_out_as_decided(design, model_cache, tmp_path, stall):
    netlist, rtl = design
    images = toy.images(sum(MIXED), seed=3)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, stall_in=stall[0], stall_out=stall[1], seed=5, batches=MIXED,
                      optimise="O1")
    agrees(netlist, images, result, MIXED)
    assert set(result.exit.tolist()) == set(range(len(netlist.exits)))
    counts = [result.registers[f"EXIT_COUNT_{k}"] for k in range(len(netlist.exits))]
    assert counts == np.bincount(result.exit, minlength=len(counts)).tolist()
    assert result.registers["SAMPLES_IN"] == result.registers["SAMPLES_OUT"] == len(images)
    assert (result.cycle_out > result.cycle_in).all()
    assert [item.samples for item in result.stages] == [int((result.exit >= k).sum()) for k in range(len(netlist.exits))]
    if netlist.order == "input":
        assert result.arrival.tolist() == list(range(len(images)))
    for gate, fill in zip(netlist.gates, result.gates, strict=True):
        assert 0 < fill <= gate.frames


@pytest.mark.parametrize("hard", ["none", "all", "alternating", "bursts"])
def test_easy_and_hard_samples_in_every_pattern(toy_rtl, model_cache, tmp_path, hard):
    netlist, rtl = toy_rtl(**ARRIVAL)
    count = 300
    pattern = {"none": np.zeros(count), "all": np.ones(count), "alternating": np.arange(count) % 2,
               "bursts": np.arange(count) // 23 % 2}[hard].astype(bool)
    images = np.where(pattern[:, None, None, None], toy.images(count) // 4, 255 - toy.images(count) // 16).astype(np.uint8)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, optimise="O1")
    agrees(netlist, images, result, [count])
    assert (result.exit == np.where(pattern, 2, 0)).all()
    # a stage that every sample reaches sets the pace, else the first one does
    pace = {"none": 16, "all": 32}.get(hard)
    if pace:
        assert result.cycles_per_sample == pytest.approx(pace, rel=0.03)
        assert result.limited_by.startswith("stage 0" if hard == "none" else "stage 2")


HEAD = Head(classes=3, scale=0.01, logit_bits=12)
SOFTMAX, ENTROPY = (policy(name).constants(HEAD) for name in ("softmax", "entropy"))
RUNS = {"id_bits": 8, "run_bits": 3}
BIASES = ((0, 5, -9), (-40, 0, 3), (7, 0, 0), (0, 60, 0), (0, 0, 30), (0, 0, 0))
POLICIES = {
    "scores": {"policies": ("margin", "entropy", "softmax"), "params": ({}, ENTROPY, SOFTMAX),
               "thresholds": (100, integer_threshold("entropy", 0.9, HEAD, ENTROPY), integer_threshold("softmax", 0.5, HEAD, SOFTMAX))},
    "chain": {"policies": ("gate", "patience", "patience", "class_threshold", "patience"),
              "params": ({"gate_bits": 11}, {**RUNS, "first": True}, RUNS,
                         {"score": "softmax", "score_params": SOFTMAX,
                          "thresholds": [integer_threshold("softmax", tau, HEAD, SOFTMAX) for tau in (0.45, 0.5, 0.36)]},
                         {**RUNS, "first": True}),
              "thresholds": (900, 2, 2, 0, 1)},
}


def wide(name):
    shape = POLICIES[name]
    exits = len(shape["policies"]) + 1
    return {**shape, "exits": exits, "biases": BIASES[:exits], "paces": (4,) * exits, "max_in_flight": 16}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.parametrize("stall", [(0, 0), (0.5, 0.5)])
def test_every_policy_decides_in_the_accelerator(toy_rtl, model_cache, tmp_path, name, stall):
    """Gate heads' logits and the exits' tokens stay with their samples, whoever leaves between."""
    netlist, rtl = toy_rtl(**wide(name))
    images = toy.images(sum(MIXED), seed=3)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, stall_in=stall[0], stall_out=stall[1], seed=5, batches=MIXED,
                      optimise="O1")
    agrees(netlist, images, result, MIXED)
    taken = set(result.exit.tolist())
    assert taken == ({0, 1, 2, 3} if name == "scores" else {0, 2, 3, 4})


@pytest.mark.slow
def test_modes_and_class_thresholds_by_register(toy_rtl, model_cache, tmp_path):
    """A mode overrules the policy; a write to THRESHOLD sets that of the class which MODE names."""
    netlist, rtl = toy_rtl(**wide("chain"))
    images = toy.images(120, seed=8)

    def run(part, **writes):
        return simulate(netlist, rtl, images, work=tmp_path / part, cache=model_cache, writes=writes, optimise="O1")

    assert (run("all", MODE_0=1).exit == 0).all()
    none = {f"MODE_{k}": 2 for k in range(5)}
    assert (run("none", **none).exit == 5).all()
    assert (run("disabled", **(none | {"MODE_1": 1, "ENABLE_1": 0})).exit == 5).all()
    # of exit 3 alone, class 1 never leaves and the others always do
    limits = iter((2**31 - 1, 0, 2**31 - 1))
    steps = [Reset(), *(Write(key, value) for key, value in (none | {"MODE_3": 0}).items())]
    for index in range(3):
        steps += [Write("MODE_3", index << 16), Write("THRESHOLD_3", next(limits))]
    steps += [Write("BATCH_LENGTH", len(images)), Send(0, len(images) * netlist_words(netlist)), Sent(), Results(len(images))]
    trace = AcceleratorBench(netlist, rtl, model_cache, optimise="O1").run(images, steps, work=tmp_path / "classes")
    found = received(netlist, trace.results, [len(images)])
    winner = toy.logits(images, netlist)[3].argmax(axis=1)
    assert (found.exit == np.where(winner == 1, 5, 3)).all()
    assert set(winner.tolist()) == {0, 1, 2}


def netlist_words(netlist):
    shape = netlist.input
    return -(-shape.height * shape.width * shape.channels * 8 // shape.bus_bits)


@pytest.mark.slow
def test_ids_that_wrap_while_a_hard_sample_is_overtaken(toy_rtl, model_cache, tmp_path):
    """One hard sample takes as long as 600 easy ones, and an id of 8 bits comes again after 256."""
    netlist, rtl = toy_rtl(exits=2, thresholds=(500,), paces=(2500,), result_bits=32)
    images = (255 - toy.images(600) // 16).astype(np.uint8)
    images[3] = toy.images(1)[0] // 4
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, optimise="O1")
    agrees(netlist, images, result, [600])
    assert np.flatnonzero(result.exit).tolist() == [3]
    assert result.arrival[255] == 3


def test_reset_in_the_middle_of_a_batch(bench, tmp_path):
    netlist, words = bench.netlist, bench.image_words
    images = toy.images(40, seed=1)
    for cycles in (1, 16):
        trace = bench.run(images, [
            Reset(), Stall(0.2, 0.2), Write("BATCH_LENGTH", 40), Send(0, 40 * words), Results(7), Reset(cycles),
            Write("BATCH_LENGTH", 20), Cycles(50), Send(20, 20 * words), Sent(), Results(20), Read(),
        ], work=tmp_path / str(cycles))
        fresh = trace.after(5)
        assert len(fresh) == 20
        compare(golden(netlist, images[20:]), received(netlist, fresh, [20]), confidence=field(netlist, "confidence"),
                ids=expected_ids([20], 16))
        assert trace.snapshots[0]["SAMPLES_OUT"] == 20


@pytest.mark.parametrize("cut", [1, 5, 16])
def test_soft_reset_after_a_batch_cut_short(bench, tmp_path, cut):
    """``cut`` words of the eleventh image are all that ever comes; thresholds survive the soft reset."""
    netlist, words = bench.netlist, bench.image_words
    images = toy.images(60, seed=2)
    trace = bench.run(images, [
        Reset(), Write("THRESHOLD_0", 850), Write("BATCH_LENGTH", 30), Send(0, 10 * words + min(cut, words - 1)), Sent(), Cycles(400),
        Send(0, 0), Write("CONTROL", 1), Cycles(40), Write("BATCH_LENGTH", 30), Send(30, 30 * words), Sent(), Results(30), Read(),
    ], work=tmp_path)
    fresh = trace.after(8)
    assert len(trace.results) == 40
    compare(golden(netlist, images[30:], t0=850), received(netlist, fresh, [30]), confidence=field(netlist, "confidence"),
            ids=expected_ids([30], 16))
    assert trace.snapshots[0]["SAMPLES_IN"] == trace.snapshots[0]["SAMPLES_OUT"] == 30


@pytest.mark.slow
@pytest.mark.parametrize("shape", [{"bus_bits": 128}, {"bus_bits": 64, "classes": 12, "size": 2}], ids=["3 words", "6 words"])
def test_lengths_of_batches_of_images_of_few_words(toy_rtl, model_cache, tmp_path, shape):
    """A whole image waits in the FIFOs before admission while another one is in the accelerator."""
    netlist, rtl = toy_rtl(exits=2, thresholds=(240,), max_in_flight=1, paces=(40,), **shape)
    lengths = [2, 1, 3, 1, 2, 1, 4, 1, 1, 1, 4]
    images = toy.images(sum(lengths), seed=1, classes=netlist.classes, size=netlist.input.height)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, batches=lengths, jobs=1, optimise="O1")
    agrees(netlist, images, result, lengths)


@pytest.mark.parametrize("later", [[], [Cycles(1)], [Cycles(2)]])
def test_the_source_repeats_no_word_when_it_starts_again(bench, tmp_path, later):
    """The first word is just being taken, or was, when the source is told to send the others."""
    words = bench.image_words
    trace = bench.run(toy.images(1), [Reset(), Cycles(40), Write("BATCH_LENGTH", 1), Send(0, 1), *later, Send(0, words - 1), Results(1),
                                      Cycles(50)], work=tmp_path)
    assert (trace.counts["words_in"], trace.counts["images_in"]) == (words, 1)


def test_busy_until_the_last_result_is_taken(bench, tmp_path):
    images = toy.images(1)
    steps = [Reset(), Stall(0, 1), Write("BATCH_LENGTH", 1), Read(), Send(0, bench.image_words), Sent(), Read(), Cycles(1000), Read(),
             Stall(0, 0), Results(1), Read()]
    trace = bench.run(images, steps, work=tmp_path)
    assert [snapshot["STATUS"] & 1 for snapshot in trace.snapshots] == [0, 1, 1, 0]
    assert [snapshot["SAMPLES_OUT"] for snapshot in trace.snapshots] == [0, 0, 0, 1]


def test_waiting_results_are_counted_whichever_exit_they_are_of(bench, tmp_path):
    names, words = counted_streams(bench.netlist), bench.image_words
    easy = (255 - toy.images(30) // 16).astype(np.uint8)
    trace = bench.run(easy, [Reset(), Stall(0, 1), Write("BATCH_LENGTH", 30), Send(0, 30 * words), Cycles(2000), Read()], work=tmp_path)
    assert trace.snapshots[0][f"OCCUPANCY_MAX_{names.index('output')}"] == RESULT_DEPTH
    assert trace.snapshots[0][f"STALL_{names.index('output')}"] > 1500


def test_thresholds_rewritten_while_samples_flow(bench, tmp_path):
    """Every sample is decided by the old threshold or the new one, and none by the old one after the first by the new one."""
    netlist, words = bench.netlist, bench.image_words
    images = toy.images(400, seed=4)
    trace = bench.run(images, [
        Reset(), Stall(0.1, 0.1), Write("BATCH_LENGTH", 400), Send(0, 400 * words), Results(100), Write("THRESHOLD_0", 2000), Results(300),
    ], work=tmp_path)
    found = received(netlist, trace.results, [400])
    old, new = golden(netlist, images), golden(netlist, images, t0=2000)
    as_old, as_new = found.exit == old.exit, found.exit == new.exit
    assert (as_old | as_new).all()
    only_old, only_new = np.flatnonzero(~as_new), np.flatnonzero(~as_old)
    assert len(only_old) > 20
    assert len(only_new) > 20
    assert only_old[-1] < only_new[0]
    assert (found.label == np.where(as_old, old.label, new.label)).all()


def test_a_disabled_exit_lets_everything_pass(toy_rtl, model_cache, tmp_path):
    netlist, rtl = toy_rtl(**ARRIVAL)
    images = toy.images(60)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, writes={"ENABLE_0": 0, "THRESHOLD_1": 880}, optimise="O1")
    assert set(result.exit.tolist()) == {1, 2}
    assert (result.exit == golden(netlist, images, t0=10**6, t1=880).exit).all()


def test_the_watchdog_says_which_stream_stood_still(bench, tmp_path):
    images = toy.images(60)
    steps = [Reset(), Stall(0, 1), Write("BATCH_LENGTH", 60), Send(0, 60 * bench.image_words), Results(60)]
    with pytest.raises(StallError, match=r"for 3000 cycles in step 4 \(60 more results expected\); standing still: input.*output"):
        bench.run(images, steps, work=tmp_path, idle_limit=3000)
    with pytest.raises(StallError, match=r"1 more results expected\); no counted stream waits"):
        bench.run(images, [Reset(), Results(1)], work=tmp_path, idle_limit=3000)


def test_the_comparison_finds_one_wrong_sample(toy_rtl, model_cache, tmp_path):
    netlist, rtl = toy_rtl(**ARRIVAL)
    images = toy.images(30)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, optimise="O1")
    agrees(netlist, images, result, [30])
    result.label[17] ^= 1
    with pytest.raises(AgreementError, match=r"1 of 30 samples differ; the first is sample 17, .* exit \d: simulated class"):
        agrees(netlist, images, result, [30])
    json.dumps(result.to_json())


def _killed(netlist, rtl, images, work, cache):
    def progress(state):
        if state["results"] >= 900:
            os.kill(os.getpid(), signal.SIGKILL)

    os.setpgid(0, 0)
    simulate(netlist, rtl, images, work=work, cache=cache, batches=[200] * 40, stall_in=0.5, optimise="O1", progress=progress, tick=1000)


def test_a_killed_run_is_taken_up_where_it_was(toy_rtl, model_cache, tmp_path):
    netlist, rtl = toy_rtl(**ARRIVAL)
    images = toy.images(8000)
    AcceleratorBench(netlist, rtl, model_cache, optimise="O1")
    child = multiprocessing.get_context("fork").Process(target=_killed, args=(netlist, rtl, images, tmp_path, model_cache))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    time.sleep(0.2)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, batches=[200] * 40, stall_in=0.5, optimise="O1")
    assert result.resumed
    # Registers cover what was simulated after the kill: something, but not all. How much depends on when the kill came.
    assert 0 < result.registers["SAMPLES_IN"] < len(images)
    agrees(netlist, images, result, [200] * 40)


@pytest.mark.parametrize("changed", [False, True])
def test_an_interrupted_run_is_not_taken_up_with_other_weights(toy_rtl, model_cache, tmp_path, changed):
    """The model reads its memories when it starts: their contents are no part of what was Verilated."""
    netlist, source = toy_rtl(**ARRIVAL)
    rtl = Path(shutil.copytree(source, tmp_path / "rtl"))
    (rtl / "memories").mkdir()
    (rtl / "memories" / "weights.dat").write_text("00\n")
    images = toy.images(400)

    def run(progress=None):
        return simulate(netlist, rtl, images, work=tmp_path / "run", cache=model_cache, batches=[100] * 4, jobs=1, optimise="O1",
                        progress=progress, tick=1000)

    def interrupt(state):
        if state["results"] >= 250:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupt)
    if changed:
        (rtl / "memories" / "weights.dat").write_text("01\n")
    assert run().resumed != changed
