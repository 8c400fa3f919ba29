"""The core with the toy's layers around it, in Amaranth's simulator: every image gives the results that a few lines of numpy expect."""

import dataclasses

import numpy as np
import pytest

from hw.core import RESET_CYCLES, AcceleratorCore, counted_streams
from hw.exits.decision import Mode
from hw.exits.exit_path import RESULT_DEPTH, exit_decision
from hw.netlist import NetlistError
from sim.accelerator.identity import positions
from sim.accelerator.images import pack
from sim.golden import Exit, decide
from sim.result_word import unpack
from tests import toy
from tests.hw.toy_core import run, toy_core

BIASES = ((0, 5, -9), (-40, 0, 3), (7, 0, 0), (0, 60, 0))
ARRIVAL = {"exits": 3, "thresholds": (920, 880), "biases": BIASES[:3]}
INPUT = {"exits": 2, "thresholds": (900,), "order": "input", "result_bits": 32, "bus_bits": 64}
ONE = {"exits": 1, "max_in_flight": 2}
CHAIN = {"exits": 4, "policies": ("gate", "patience", "patience"), "thresholds": (900, 1, 2), "biases": BIASES, "paces": (4,) * 4,
         "params": ({"gate_bits": 11}, {"id_bits": 16, "run_bits": 3, "first": True}, {"id_bits": 16, "run_bits": 3})}
SPANS = {"exits": 3, "thresholds": (920, 880), "biases": BIASES[:3], "spans": True}
BATCHES = [1, 1, 3, 9, 2, 1, 12]
PACES = [(0.0, 0.0), (0.4, 0.4)]


def expected(netlist, images, enabled=None):
    """Class and exit of every image."""
    exits = [Exit(index=item.index, policy=item.policy, params=item.params, threshold=item.threshold,
                  enabled=item.enabled if enabled is None else enabled[item.index]) for item in netlist.exits]
    return decide(toy.logits(images, netlist), exits, {k: toy.gates(images) for k in range(len(exits))})


def agrees(netlist, ran, batches, want):
    """Every image's result came once, in its batch and, where that is asked for, in its turn; ``last`` and the counters go with them."""
    found = ran.fields(netlist)
    width = next(item.width for item in netlist.result.fields if item.name == "id")
    order = positions(found["id"].tolist(), ran.last, batches, width)
    assert found["label"].tolist() == want.label[order].tolist()
    assert found["exit"].tolist() == want.exit[order].tolist()
    if netlist.order == "input":
        assert order.tolist() == list(range(len(order)))
    assert ran.batches_done == len(batches)
    assert ran.status["samples_in"] == ran.status["samples_out"] == sum(batches)
    left = [ran.status[f"exit_count{item.index}"] for item in netlist.exits]
    assert left == np.bincount(want.exit, minlength=len(netlist.exits)).tolist()
    assert (ran.status["busy"], ran.status["in_flight"]) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("gaps", "stalls"), PACES)
@pytest.mark.parametrize("shape", [ARRIVAL, INPUT, ONE, CHAIN], ids=["arrival", "input-order", "one-exit", "gate-and-patience"])
def test_every_image_gives_its_result_once(shape, gaps, stalls):
    core = toy_core(**shape)
    images = toy.images(sum(BATCHES), seed=3)
    want = expected(core.netlist, images)
    if shape is not CHAIN:
        assert set(want.exit.tolist()) == set(range(len(core.netlist.exits)))
    agrees(core.netlist, run(core, images, BATCHES, gaps=gaps, stalls=stalls), BATCHES, want)


@pytest.mark.parametrize("hard", [pytest.param("none", marks=pytest.mark.slow), pytest.param("all", marks=pytest.mark.slow), "bursts"])
def test_easy_and_hard_images(hard):
    """At full rate the slowest stage that images reach sets the pace: 16 cycles for stage 0, 32 for stage 2."""
    core, count = toy_core(**ARRIVAL), 30
    pattern = {"none": np.zeros(count), "all": np.ones(count), "bursts": np.arange(count) // 7 % 2}[hard].astype(bool)
    images = np.where(pattern[:, None, None, None], toy.images(count) // 4, 255 - toy.images(count) // 16).astype(np.uint8)
    want = expected(core.netlist, images)
    assert (want.exit == np.where(pattern, 2, 0)).all()
    ran = run(core, images, [count])
    agrees(core.netlist, ran, [count], want)
    if hard != "bursts":
        assert (ran.cycles[-1] - ran.cycles[10]) / (count - 11) == (16 if hard == "none" else 32)
    assert ran.status["gate_occupancy1"] == (0 if hard == "none" else 2)


@pytest.mark.parametrize(("gaps", "stalls"), PACES)
def test_every_exit_answers_at_any_time(gaps, stalls):
    core = toy_core(**ARRIVAL, anytime=True)
    images = toy.images(20, seed=2)
    want = expected(core.netlist, images)
    ran = run(core, images, [20], gaps=gaps, stalls=stalls)
    found = ran.fields(core.netlist)
    assert sorted(zip(found["id"].tolist(), found["exit"].tolist(), found["final"].tolist(), strict=True)) == [
        (n, k, int(k == left)) for n, left in enumerate(want.exit.tolist()) for k in range(left + 1)]
    for n in range(20):
        assert found["exit"][found["id"] == n].tolist() == list(range(want.exit[n] + 1)), "out of the order of the exits"
    assert ran.status["samples_out"] == 20
    assert [ran.status[f"exit_count{k}"] for k in range(3)] == np.bincount(want.exit, minlength=3).tolist()


@pytest.mark.parametrize(("gaps", "stalls"), [(0.0, 0.0), (0.3, 0.3), pytest.param(0.0, 0.9, marks=pytest.mark.slow)])
def test_a_cut_of_two_tensors(gaps, stalls):
    """What stage 0 gives is read again by the last stage, which turns logits upside down where it gets another sample's."""
    core = toy_core(**SPANS)
    assert [[gate.src[0] for gate in cut] for cut in core.netlist.cuts] == [["fork0", "fork0"], ["fork1", "gate0"]]
    images = toy.images(sum(BATCHES), seed=3)
    want = expected(core.netlist, images)
    assert set(want.exit.tolist()) == {0, 1, 2}
    ran = run(core, images, BATCHES, gaps=gaps, stalls=stalls)
    agrees(core.netlist, ran, BATCHES, want)
    assert ran.status["gate_occupancy0"] == ran.status["occupancy_gate0"] == 2


@pytest.mark.parametrize("cycle", [40, 47, 55, 61, 68, 83])
def test_a_reset_in_the_middle_of_a_cut_of_two_tensors(cycle):
    core = toy_core(**SPANS)
    images = toy.images(16, seed=5)
    want = expected(core.netlist, images[8:])
    ran = run(core, images, [8], soft_reset=(cycle, 8))
    agrees(core.netlist, ran, [8], want)


def test_ids_that_come_round():
    """One hard sample takes as long as 20 easy ones, and there are 16 ids."""
    core = toy_core(exits=2, thresholds=(500,), paces=(100,), id_bits=4)
    images = (255 - toy.images(34) // 16).astype(np.uint8)
    images[3] //= 4
    want = expected(core.netlist, images)
    assert np.flatnonzero(want.exit).tolist() == [3]
    ran = run(core, images, [34])
    agrees(core.netlist, ran, [34], want)
    assert ran.fields(core.netlist)["exit"].tolist().index(1) == 15


@pytest.mark.parametrize("how", ["enable", "mode"])
def test_exits_that_are_off(how):
    core = toy_core(**ARRIVAL)
    images = toy.images(12, seed=1)

    def script(ctx, cycle):
        if how == "enable":
            ctx.set(core.exit0.enable, 0)
        else:
            ctx.set(core.exit0.mode, Mode.NEVER)

    agrees(core.netlist, run(core, images, [12], script=script), [12], expected(core.netlist, images, enabled=(False, True, True)))


def test_an_exit_that_all_leave_at_and_a_threshold_beyond_its_range():
    core = toy_core(**ARRIVAL)
    images = toy.images(12, seed=1)

    def script(ctx, cycle):
        ctx.set(core.exit0.threshold, 2**31 - 1)
        ctx.set(core.exit1.mode, Mode.ALWAYS)

    assert set(run(core, images, [12], script=script).fields(core.netlist)["exit"].tolist()) == {1}


@pytest.mark.parametrize(("at", "stalls"), [(257, 0.0), (262, 0.0), (300, 0.97)])
def test_a_soft_reset_forgets_what_is_inside_and_the_next_batches_are_whole(at, stalls):
    """It strikes in the middle of an image, with samples at every stage; nothing of them comes out, and ids begin anew."""
    core, kept = toy_core(**ARRIVAL), [7, 2]
    images = toy.images(40, seed=2)
    ran = run(core, images, kept, stalls=stalls, soft_reset=(at, 31))
    agrees(core.netlist, ran, kept, expected(core.netlist, images[31:]))
    assert ran.resets == [RESET_CYCLES] * 2
    assert (ran.status["output_pending"], len(ran.stale)) == (0, int(stalls > 0))


@pytest.mark.parametrize("discard", [False, True])
@pytest.mark.parametrize("shape", [
    pytest.param(ARRIVAL, id="arrival"), pytest.param({**ARRIVAL, "anytime": True}, id="anytime", marks=pytest.mark.slow),
    pytest.param(INPUT, id="input-order", marks=pytest.mark.slow),
])
def test_what_is_on_offer_when_a_soft_reset_comes(shape, discard):
    """It stays there for as long as nobody takes it, and nothing enters; then the batches of after, whole. The bench looks at every cycle.
    It counts nowhere."""
    core, kept, until = toy_core(**shape), [3, 1], 420
    images = toy.images(30, seed=2)
    seen = []

    def script(ctx, cycle):
        ctx.set(core.results.ready, cycle > until or cycle < 200)
        if cycle in (301, until):
            seen.append((ctx.get(core.busy), ctx.get(core.output_pending)))

    ran = run(core, images, kept, soft_reset=(300, 26), discard=discard, script=script)
    want = expected(core.netlist, images[26:])
    if not core.netlist.anytime:
        agrees(core.netlist, ran, kept, want)
    assert ran.status["samples_out"] == ran.status["samples_in"] == 4
    if discard:
        assert (seen[0], ran.stale) == ((1, 0), [])
        assert ran.cycles[-1] > until
        return
    assert seen == [(1, 1), (0, 1)]
    (word, last), = ran.stale
    assert not last
    found, before = unpack([word], core.netlist.result), expected(core.netlist, images)
    number = int(found["id"][0])
    assert 0 < number < 26
    if not core.netlist.anytime:
        assert (found["label"][0], found["exit"][0]) == (before.label[number], before.exit[number])


def test_a_second_soft_reset_and_a_late_discard():
    """The result on offer survives any number of resets; a discard drops it, and one at any other time drops nothing."""
    core = toy_core(**ARRIVAL)
    pending = []

    def script(ctx, cycle):
        ctx.set(core.results.ready, cycle < 200 or cycle > 380)
        ctx.set(core.soft_reset, cycle in (300, 320, 341))
        ctx.set(core.discard, cycle in (250, 370, 500))
        pending.append(ctx.get(core.output_pending))

    with pytest.raises(AssertionError, match="a result on offer was taken back"):
        run(core, toy.images(30, seed=2), [30], script=script)
    assert pending == [0] * 301 + [1] * 70 + [0]


CHECKED = [3, 1, 2]


@pytest.mark.parametrize("shape", [
    pytest.param(ARRIVAL, id="many words"),
    pytest.param({"exits": 1, "classes": 4, "size": 2, "bus_bits": 128}, id="one word", marks=pytest.mark.slow),
])
@pytest.mark.parametrize(("what", "change", "errors"), [
    ("each batch's last word", lambda words, ends: {words * end - 1 for end in ends}, 0),
    pytest.param("each image's last word", lambda words, ends: {words * n - 1 for n in range(1, 7)}, 0, marks=pytest.mark.slow),
    ("none", lambda words, ends: set(), 3),
    pytest.param("none at the second batch", lambda words, ends: {words * ends[0] - 1, words * ends[2] - 1}, 1, marks=pytest.mark.slow),
    ("one word early", lambda words, ends: {words * ends[0] - 1, words * ends[1] - 1, words * ends[2] - 2}, 2),
    ("every word", lambda words, ends: set(range(words * 6)), -6),
])
def test_tlast_stands_on_images_last_words_and_on_those_of_batches(shape, what, change, errors):
    core = toy_core(**shape)
    images = toy.images(6, seed=4, classes=core.netlist.classes, size=core.netlist.input.height)
    words = pack(images, core.netlist.input.bus_bits).shape[1]
    assert (words == 1) == (shape is not ARRIVAL)
    # Of images of one word several wait outside, so batches are of one length.
    batches = [2, 2, 2] if words == 1 else CHECKED
    if words == 1 and what == "one word early":
        errors = 1  # it is an image's last word
    for gaps in (0.0, 0.5):
        ran = run(core, images, batches, gaps=gaps, lasts=change(words, np.cumsum(batches).tolist()))
        assert ran.status["tlast_errors"] == (errors if errors >= 0 else 6 * words - 6)
        agrees(core.netlist, ran, batches, expected(core.netlist, images))


def test_tlast_is_not_looked_at_unless_it_is_asked_for():
    core = toy_core(**ARRIVAL)
    ran = run(core, toy.images(6, seed=4), CHECKED, lasts=(), script=lambda ctx, cycle: ctx.set(core.check_tlast, 0))
    assert ran.status["tlast_errors"] == 0


def test_counters_are_cleared_and_go_on():
    core, at = toy_core(**ARRIVAL), 200
    seen = []

    def script(ctx, cycle):
        ctx.set(core.clear_counters, cycle == at)
        if cycle in (at, at + 1):
            seen.append([ctx.get(getattr(core, name)) for name in ("cycles", "samples_in", "stall_input", "gate_occupancy0")])

    ran = run(core, toy.images(20, seed=2), [20], script=script)
    assert seen[0][0] == at - RESET_CYCLES
    assert all(seen[0])
    assert seen[1] == [0, 0, 0, 0]
    assert 0 < ran.status["samples_in"] < 20
    assert ran.status["cycles"] > ran.cycles[-1] - at


def test_stalls_and_levels_are_those_of_the_streams_they_are_named_after():
    """Images that all leave at exit 0, and no result is taken: what leads there fills up, from the output back to the input."""
    core = toy_core(**ARRIVAL, max_in_flight=16, frames=3)
    images = (255 - toy.images(30) // 16).astype(np.uint8)
    ran = run(core, images, [30], script=lambda ctx, cycle: ctx.set(core.results.ready, cycle > 600))
    assert ran.cycles[0] == 601
    stalled = {name: ran.status[f"stall_{name}"] > 100 for name in counted_streams(core.netlist)}
    assert stalled == {"input": True, "gate0": False, "gate1": False, "exit0": True, "exit1": False, "exit2": False, "output": True}
    assert ran.status["stall_output"] > ran.status["stall_exit0"]
    assert ran.status["exit_count0"] == ran.status["samples_out"] == 30
    # The gate is full before the FIFO of logits is.
    levels = {name: ran.status[f"occupancy_{name}"] for name in counted_streams(core.netlist)}
    assert levels == {"input": 2, "gate0": 3, "gate1": 0, "exit0": 1, "exit1": 0, "exit2": 0, "output": RESULT_DEPTH}
    assert (ran.status["gate_occupancy0"], ran.status["gate_occupancy1"]) == (3, 0)


def test_latencies_are_those_of_the_docstring():
    """Of one image that leaves at exit 0, nothing in its way."""
    core = toy_core(**ARRIVAL)
    first = {}

    def script(ctx, cycle):
        for name in ("images", "to_stage0", "to_exit0", "results"):
            where = getattr(core, name)
            if ctx.get(where.valid) and ctx.get(where.ready):
                first.setdefault(name, cycle)

    ran = run(core, (255 - toy.images(1) // 16).astype(np.uint8), [1], script=script)
    fifo, decision = 1, exit_decision(core.netlist, 0).latency
    assert first["to_stage0"] - first["images"] == 3 + fifo
    assert first["results"] - first["to_exit0"] == fifo + decision + 1 + 2
    # From the first word, which is taken before the one that completes the first beat, to the merge, one cycle before the result.
    words = -(-core.netlist.input.beat_bits // core.netlist.input.bus_bits)
    assert (words, first["results"] - first["images"] - 1) == (1, ran.fields(core.netlist)["cycles"].tolist()[0])


def test_ports_are_those_that_the_netlist_asks_for():
    netlist = toy.build(None, **CHAIN)
    members = AcceleratorCore(netlist).signature.members
    assert {name for name in members if name.startswith("to_")} == {
        "to_stage0", "to_stage1", "to_stage2", "to_stage3", "to_gate0", "to_gate1", "to_gate2", "to_exit0", "to_exit0_gate", "to_exit1",
        "to_exit2", "to_exit3"}
    assert list(members["exit0"].signature.members) == ["enable", "mode", "threshold"]
    assert list(members["exit3"].signature.members) == ["enable", "mode"]


def test_logits_of_a_gate_head_that_are_not_there():
    netlist = toy.build(None, **CHAIN)
    without = dataclasses.replace(netlist, streams=tuple(item for item in netlist.streams if item.dst != ("exit0", 1)))
    with pytest.raises(NetlistError, match="no stream ends at input 1 of 'exit0'"):
        AcceleratorCore(without).elaborate(None)
