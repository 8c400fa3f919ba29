"""FIFO sizing, on the toy accelerator in Verilator and on a scripted probe."""

import pytest
from amaranth.back import verilog

from build_flows.planning import fifo_sizing
from build_flows.planning.fifo_sizing import SizingError, measure
from hw.stage_probe import StageProbe
from sim.accelerator.probe import VerilatedProbe, build_probe
from tests import toy


@pytest.mark.slow
@pytest.mark.cosim
def test_intervals_and_levels_of_the_toy(tmp_path, model_cache):
    netlist = toy.build(tmp_path, exits=3, paces=(7, 9))
    harness = StageProbe(netlist)
    (tmp_path / "stage_probe.v").write_text(verilog.convert(harness, name="stage_probe", emit_src=False, strip_internal_attrs=True))
    model = build_probe(sorted(tmp_path.glob("*.v")), (), ("*",), model_cache)
    with VerilatedProbe(model, tmp_path) as probe:
        sizing = measure(netlist, harness, probe)
        moved = _moved(harness, probe)
    assert [stage.interval for stage in sizing.stages] == [16, 4 * 7, 4 * 9]
    assert sizing.stages[2].verdict_latency == 0
    # A FIFO, the sum's output register and the decision lie between a frame's last beat and its verdict.
    assert 4 <= sizing.stages[0].verdict_latency <= 9
    assert set(sizing.depths) == {item.name for item in harness.streams}
    assert all(sizing.depths[name] > level for name, level in sizing.reached.items())
    assert moved[0] < 100, "after its first beat an idle stage stands still"
    assert moved[1] > 900
    assert moved[2] < 100, "its FIFOs take nothing"


def _moved(harness, probe):
    """When a beat moved last in each stage: stage 0 was fed one, stage 1 all that it took, and stage 2 can take few."""
    for stage, interval in enumerate((1 << 30, 0, 0)):
        probe.write(harness.stage_base(stage), interval)
    for j, item in enumerate(harness.streams):
        probe.write(harness.fifo_base + 2 * j, 0 if item.name.startswith("stage2") else 4)
    probe.reset(4)
    probe.run(1000)
    return [probe.read(harness.stage_base(stage)) for stage in range(3)]


class Scripted:
    """A probe whose stages take 100 cycles a frame, or 150 where a FIFO is less deep than its ``needs``, and stand still where one is less
    deep than it ``must`` be; a FIFO reaches its ``levels``, but for what it is told 3."""

    def __init__(self, harness, netlist, needs, levels, whole, must):
        self.needs, self.levels, self.whole, self.must = needs, levels, whole, must
        self.cycles = 0
        self.place = {item.name: harness.fifo_base + 2 * j for j, item in enumerate(harness.streams)}
        self.stage = {item.name: netlist.layer(item.src[0]).stage for item in harness.streams}
        self.written, self.now = {}, 0

    def reset(self, cycles):
        self.now = 0

    def write(self, address, value):
        self.written[address] = value

    def read(self, address):
        for name, place in self.place.items():
            if address == place + 1:
                return min(self.levels.get(name, 3), self.written[place])
        stage, word = divmod(address, 8)
        short, still = (any(self.written[self.place[name]] < need for name, need in given.items() if self.stage[name] == stage)
                        for given in (self.needs, self.must))
        if still:
            return 0
        pace = max(self.written[8 * stage], 150 if short else 100)
        done = self.now // pace
        return {0: self.now, 1: done, 2: done * pace, 3: self.whole, 4: 95, 7: 80}[word]

    def run(self, cycles):
        self.now += cycles
        self.cycles += cycles


def scripted(classes, *, needs=None, levels=None, whole=80, must=None):
    """A toy of three exits, streams ``8 * classes`` bits wide, its harness, and such a probe."""
    netlist = toy.build(None, exits=3, classes=classes)
    harness = StageProbe(netlist)
    return netlist, harness, Scripted(harness, netlist, needs or {}, levels or {}, whole, must or {})


def sized(classes, *, skips=(), **given):
    """What is measured of it."""
    return measure(*scripted(classes, **given), skips=skips)


def test_a_fifo_is_deeper_than_the_level_that_it_reached():
    """By the beat in its output register and the one on its way."""
    found = sized(2, levels={"fork0__head0_sum0": 7, "stage1_slow0__fork1": 0})
    assert found.depths == {"stage0_pool0__fork0": 5, "fork0__head0_sum0": 9, "stage1_slow0__fork1": 2, "fork1__head1_sum0": 5,
                            "stage2_slow0__head2_sum0": 5}
    assert found.reached["fork0__head0_sum0"] == 7
    assert [(item.interval, item.verdict_latency) for item in found.stages] == [(100, 15), (100, 15), (100, 0)]


@pytest.mark.parametrize(("whole", "latency"), [(90, 15), (120, 40)])
def test_a_slot_of_several_tensors_is_taken_until_the_verdict_and_the_last_tensor(whole, latency):
    """The first tensor is wholly in after 80 cycles, the verdict there after 95, all tensors after ``whole``."""
    assert [item.verdict_latency for item in sized(2, whole=whole).stages] == [latency, latency, 0]


def test_depths_of_a_late_stage_are_doubled_until_they_hold():
    """Of all its FIFOs, since nobody knows which one is too small."""
    found = sized(2, needs={"fork1__head1_sum0": 33})
    assert found.depths == {"stage0_pool0__fork0": 5, "fork0__head0_sum0": 5, "stage1_slow0__fork1": 40, "fork1__head1_sum0": 40,
                            "stage2_slow0__head2_sum0": 5}
    with pytest.raises(SizingError, match="stage 1 takes 150 cycles a frame with FIFOs 256 times the levels it reached, but at most 101 "):
        sized(2, needs={"fork1__head1_sum0": 5000})


def test_large_fifos_are_made_smaller_as_long_as_the_interval_holds():
    """To within a quarter of what they need; 96 bits wide, so that from 11 beats on they are large."""
    found = sized(12, needs={"fork0__head0_sum0": 60, "fork1__head1_sum0": 2},
                  levels={"fork0__head0_sum0": 300, "fork1__head1_sum0": 300, "stage2_slow0__head2_sum0": 8})
    assert 60 <= found.depths["fork0__head0_sum0"] <= 75
    assert found.depths["fork1__head1_sum0"] == 2
    assert found.depths["stage2_slow0__head2_sum0"] == 10


DEEP = {"fork0__head0_sum0": 300, "fork1__head1_sum0": 300}


def test_a_stage_that_stands_still_is_not_waited_for():
    """It counts for the budget all the same as if it had been, so that what is found does not depend on how soon it is seen."""
    *toy_of, probe = scripted(12, levels=DEEP, must={"fork0__head0_sum0": 60})
    assert 60 <= measure(*toy_of, probe).depths["fork0__head0_sum0"] <= 75
    assert probe.cycles < 2 * fifo_sizing.PATIENCE * 64


@pytest.mark.parametrize(("budget", "depth"), [(fifo_sizing.PATIENCE * 64, 302), (fifo_sizing.BUDGET, 2)])
def test_a_budget_that_is_spent_leaves_fifos_as_they_are(monkeypatch, budget, depth):
    monkeypatch.setattr(fifo_sizing, "BUDGET", budget)
    found = sized(12, levels=DEEP, must={"fork0__head0_sum0": 302})
    # of two of one size, the first in the netlist is tried first, and one run that stands still spends all
    assert found.depths["fork0__head0_sum0"] == 302
    assert found.depths["fork1__head1_sum0"] == depth


def test_fifos_of_skips_are_made_as_small_as_holds():
    """To within a sixteenth of what they need, however small they are."""
    found = sized(2, needs={"fork0__head0_sum0": 60, "fork1__head1_sum0": 7},
                  levels={"fork0__head0_sum0": 300, "fork1__head1_sum0": 20, "stage2_slow0__head2_sum0": 20},
                  skips=("fork0__head0_sum0", "fork1__head1_sum0"))
    assert 60 <= found.depths["fork0__head0_sum0"] <= 63
    assert found.depths["fork1__head1_sum0"] == 7
    assert found.depths["stage2_slow0__head2_sum0"] == 22


class Silent:
    """A probe whose stages never answer."""

    def reset(self, cycles):
        pass

    def write(self, address, value):
        pass

    def read(self, address):
        return 0

    def run(self, cycles):
        pass


def test_a_stage_that_stands_still_is_an_error():
    netlist = toy.build(None)
    with pytest.raises(SizingError, match="stage 0 stands still: 0 frames after"):
        measure(netlist, StageProbe(netlist), Silent())
