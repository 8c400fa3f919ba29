"""Units in one Verilated model: agreement at full rate and with stalls, resets, a stuck consumer, and planted faults that must be found."""

import os
import subprocess
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from build_flows.exit_unit.simulate import plain_unit
from build_flows.exit_unit.spec import UnitSpec
from quant_models.exits.policies import POLICIES
from sim.errors import SimulationError
from sim.units.cases import draw
from sim.units.report import judge
from sim.units.sweep import Event, Play, play
from sim.units.unit import expect
from sim.units.verilog import Place, build_models, make, unit_verilogs

pytestmark = pytest.mark.cosim

SHAPES = [(3, 1), (10, 5), (4, 4)]
STALLED = ("gap_at_input", "stalled_output")


def unit_of(policy, classes, pe, **more):
    return plain_unit(UnitSpec(policy=policy, classes=classes, pe=pe, **{"logit_bits": 12, "scale": 0.01, **more}))


UNITS = [unit_of(policy, classes, pe) for policy in POLICIES for classes, pe in SHAPES]
UNITS.append(replace(unit_of("patience", 6, 3), name="patience_first", params={**unit_of("patience", 6, 3).params, "first": True}))


@pytest.fixture(scope="module")
def places(model_cache):
    return build_models(UNITS, unit_verilogs(UNITS, model_cache / "verilog"), model_cache)


def run(places, units, count, **more):
    samples = [draw(unit, count, 1) for unit in units]
    plays = [Play(place=places[unit.name], unit=unit, samples=own, **more) for unit, own in zip(units, samples, strict=True)]
    return [(unit, own, expect(unit, own), found) for unit, own, found in zip(units, samples, play(plays), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("stall", [0.0, 0.4, 0.9])
def test_every_unit_agrees_and_every_corner_is_seen(places, stall) -> None:
    for unit, samples, expected, measured in run(places, UNITS, 500, stall=stall, seed=3):
        verdict = judge(unit, samples, expected, measured, stalled=stall > 0, latency=make(unit).latency)
        assert verdict.faults == (), unit.name
        assert verdict.agree == 500
        if not stall:
            assert (verdict.ii, verdict.bubbles) == (unit.beats, 0)
        missing = {name for name, times in verdict.coverage.items() if times == 0}
        allowed = set() if stall else set(STALLED)
        if unit.scoring in ("always", "never"):
            allowed.add("score_at_threshold")
        assert missing <= allowed, f"{unit.name}: {missing}"


@pytest.mark.slow
def test_a_reset_at_any_cycle_loses_nothing_that_came_after_it(places) -> None:
    # Every reset comes one cycle later after a restart than the one before, so all phases of a sample and of the pipeline are met.
    events, at = [], 30
    for turn in range(90):
        events.append(Event(kind="reset", cycle=at, length=1 + turn % 3))
        at += 40 + turn
    for unit, _, expected, measured in run(places, UNITS, 6000, stall=0.3, seed=5, events=events):
        assert not measured.stuck
        assert (measured.surplus, measured.broken, len(measured.restarts)) == (0, 0, 90), unit.name
        came = measured.taken >= 0
        assert (measured.words[came] == expected.words[came]).all(), unit.name
        bounds = [0, *(sample for _, sample in measured.restarts), 6000]
        for low, high in pairwise(bounds):
            part = came[low:high]
            # All that is missing was inside when the reset came.
            assert part[: int(part.sum())].all()
            assert high == 6000 or len(part) - int(part.sum()) <= 3 + 60 // unit.beats
        assert came[bounds[-2]:].all()
        if unit.name == "patience_first":
            # it numbers the samples itself, from 0 after a reset
            at = np.searchsorted(measured.token_cycles, measured.restarts[-1][0])
            assert measured.tokens[at] & 0xFFFF == int((~expected.left[bounds[-2]:]).argmax())


@pytest.mark.slow
def test_tokens_after_a_reset_are_those_of_the_samples_after_it(places) -> None:
    units = [unit for unit in UNITS if unit.side == "token_i"]
    for _, _, expected, measured in run(places, units, 400, stall=0.3, events=[Event(kind="reset", cycle=333, length=1)]):
        (end, first), = measured.restarts
        late = measured.tokens[measured.token_cycles >= end]
        assert late.tolist() == expected.tokens[int((~expected.left[:first]).sum()):].tolist()


@pytest.mark.slow
def test_a_stuck_consumer_loses_nothing(places) -> None:
    events = [Event(kind="hold", cycle=70 + 1000 * turn, length=500 + turn) for turn in range(4)]
    for unit, samples, expected, measured in run(places, UNITS, 2000, events=events):
        verdict = judge(unit, samples, expected, measured, stalled=True)
        assert verdict.faults == (), unit.name
        # A token that waits keeps its sample from the output.
        assert verdict.coverage["stalled_output"] >= (1 if unit.gives_tokens else 4)
        held = (measured.first >= 70 + 100) & (measured.first < 70 + 500)
        assert not held.any(), "beats went in though nothing could come out"


class _Wrapped(wiring.Component):
    """A unit with a fault; ``spoil(m, self, unit)`` may connect what it likes, the rest is connected through."""

    def __init__(self, unit, spoil):
        self.inner, self.spoil = make(unit), spoil
        super().__init__(self.inner.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = inner = self.inner
        for name, member in self.signature.members.items():
            outer, own = getattr(self, name), getattr(inner, name)
            if member.is_signature:
                wiring.connect(m, wiring.flipped(outer), own)
            else:
                m.d.comb += own.eq(outer) if member.flow is wiring.In else outer.eq(own)
        self.spoil(m, self, inner)
        return m


def bubble(m, outer, inner):
    """Every 64th cycle nothing is taken."""
    cycle = Signal(6)
    m.d.sync += cycle.eq(cycle + 1)
    with m.If(cycle == 63):
        m.d.comb += [inner.logits.valid.eq(0), outer.logits.ready.eq(0)]


def late_threshold(m, outer, inner):
    """The threshold of the cycle before."""
    before = Signal.like(outer.threshold)
    m.d.sync += before.eq(outer.threshold)
    m.d.comb += inner.threshold.eq(before)


def changing(m, outer, inner):
    """A result that is not taken at once changes."""
    waits = Signal()
    m.d.sync += waits.eq(outer.o.valid & ~outer.o.ready)
    m.d.comb += outer.o.payload.eq(Mux(waits, Cat(~Value.cast(inner.o.payload)[0], Value.cast(inner.o.payload)[1:]), inner.o.payload))


def lost(m, outer, inner):
    """The 16th result in each 16 is thrown away."""
    count = Signal(4)
    m.d.sync += count.eq(count + (inner.o.valid & inner.o.ready))
    with m.If(count == 15):
        m.d.comb += [outer.o.valid.eq(0), inner.o.ready.eq(1)]


FAULTS = {
    "bubble": (bubble, 0.0, "bubble: sample"), "late_threshold": (late_threshold, 0.0, "samples differ: sample"),
    "changing": (changing, 0.5, "changed or went away"), "lost": (lost, 0.0, "samples differ: sample"),
    "table": (None, 0.0, "samples differ: sample"), "class_table": (None, 0.0, "samples differ: sample"),
}


@pytest.fixture(scope="module")
def faulty(model_cache):
    """Units by the fault in their Verilog, and where they are."""
    units, texts = {}, {}
    for name, (spoil, _, _) in FAULTS.items():
        right = replace(unit_of("class_threshold" if name == "class_table" else "softmax", 10, 2), name=f"faulty_{name}")
        units[name], wrong = right, right
        if name == "table":
            table = list(right.params["table"])
            table[len(table) // 2] ^= 64
            wrong = replace(right, params={**right.params, "table": table})
        if name == "class_table":
            wrong = replace(right, params={**right.params, "thresholds": [value - 400 for value in right.params["thresholds"]]})
        made = make(wrong) if spoil is None else _Wrapped(wrong, spoil)
        texts[right.name] = verilog.convert(made, name=right.name, emit_src=False, strip_internal_attrs=True)
    return units, build_models(list(units.values()), texts, model_cache)


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_planted_fault_is_found_and_named(faulty, fault) -> None:
    units, places = faulty
    _, stall, message = FAULTS[fault]
    ((unit, samples, expected, measured),) = run(places, [units[fault]], 3000, stall=stall)
    verdict = judge(unit, samples, expected, measured, stalled=stall > 0, latency=make(unit).latency)
    assert any(message in told for told in verdict.faults), verdict.faults
    if fault in ("table", "class_table", "late_threshold"):
        wrong = np.flatnonzero(measured.words != expected.words)
        got, wanted = (unit.fields(int(words[wrong[0]])) for words in (measured.words, expected.words))
        assert f"sample {wrong[0]} gave label {got['label']}, exit {got['exit']}, confidence {got['confidence']}, expected label " \
               f"{wanted['label']}, exit {wanted['exit']}, confidence {wanted['confidence']}" in verdict.faults[0]
        assert verdict.agree == 3000 - len(wrong)
    if fault == "bubble":
        assert verdict.bubbles > 0
        assert verdict.ii > unit.beats
        assert verdict.agree == 3000


@pytest.mark.slow
def test_progress_tells_every_unit(places) -> None:
    units = UNITS[:3]
    plays = [Play(place=places[unit.name], unit=unit, samples=draw(unit, 50, 1)) for unit in units]
    told = []
    play(plays, progress=lambda *words: told.append(words))
    assert sorted(index for index, count, done in told if done and count == 50) == [0, 1, 2]


@pytest.mark.slow
def test_what_a_killed_run_left_is_removed(places, tmp_path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"offramp-units-{ended.pid}-x", f"offramp-units-{os.getpid()}-y", "offramp-units-odd-z"):
        (tmp_path / name).mkdir()
    play([Play(place=places[UNITS[0].name], unit=UNITS[0], samples=draw(UNITS[0], 5, 1))], work=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"offramp-units-{os.getpid()}-y", "offramp-units-odd-z"}


def test_a_model_that_dies_is_told(tmp_path) -> None:
    model = tmp_path / "model"
    model.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    model.chmod(0o755)
    unit = UNITS[0]
    with pytest.raises(SimulationError, match="ended with code 3: out of luck"):
        play([Play(place=Place(model, 0), unit=unit, samples=draw(unit, 5, 1))], work=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
