"""Step ``energy``: what was counted becomes what units, stages and exits switch; counting itself is made up here."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from build_flows.artefacts.energy import EnergyFile, Switching
from build_flows.artefacts.simulation import StageUseRecord
from build_flows.base.errors import ConfigError
from build_flows.base.ui import SilentUi
from build_flows.steps import energy as module
from build_flows.steps.energy import IDLE, INPUTS, LEAST, Settings, measure, run, switched
from build_flows.steps.engine import Work
from sim.accelerator.changes import Changes
from sim.errors import ToolError
from tests.build_flows.compare_samples import resources
from tests.build_flows.projects import changed
from tests.build_flows.simulation_samples import simulation
from tests.build_flows.uis import Listening


class Counter:
    """Every bit changes in a tenth of the cycles, those of images twice as often where they are brighter; none without images."""

    runs: ClassVar[list[int]] = []

    def __init__(self, netlist, rtl, cache, progress):
        self.units = [unit.name for unit in resources(1).units]

    def _found(self, cycles, images, often):
        return Changes(cycles=cycles, images=images, bits=dict.fromkeys(self.units, 10),
                       changes=dict.fromkeys(self.units, round(10 * cycles * often)))

    def run(self, images, work):
        self.runs.append(len(images))
        return self._found(100 * len(images), len(images), 0.1 if images.max() < 128 else 0.2)

    def idle(self, cycles, work):
        return self._found(cycles, 0, 0.0)


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """Of 40 images 30 leave at exit 0, bright ones at exit 1."""
    exits = np.array([0, 0, 0, 1] * 10)
    images = np.where(exits[:, None, None, None] == 1, 200, 100).astype(np.uint8)
    monkeypatch.setattr(module, "ChangeCounter", Counter)
    monkeypatch.setattr(module, "load", lambda text: SimpleNamespace(exits=[0, 1]))
    monkeypatch.setattr(module, "dataset", lambda *_: SimpleNamespace(x_test=images))
    monkeypatch.setattr(Counter, "runs", [])
    (tmp_path / "netlist.json").write_text("{}")
    resources(1).save(tmp_path / "resources.json")
    stages = [StageUseRecord(index=k, samples=40, reach=1.0, unit="a", cycles=20, busy=busy) for k, busy in enumerate((0.9, 0.3))]
    simulation(np.zeros(40, np.int64), exits, np.zeros(40, np.int64)).replace(stages=stages).save(tmp_path / "sim.json")
    return {name: tmp_path / name for name in INPUTS}


def found_in(inputs, tmp_path, images=200, ui=None):
    out = tmp_path / "out"
    out.mkdir()
    work = Work(folder=out, ui=ui or SilentUi(), output=out, file=tmp_path / "c.toml")
    run(Settings(data=None, images=images, name="made up"), inputs, work)
    return EnergyFile.load(out / "energy.json")


def test_each_exit_is_counted_by_itself(inputs, tmp_path):
    found = found_in(inputs, tmp_path)
    assert Counter.runs == [40, 30, 10]
    assert (found.project, found.images, found.cycles_per_sample) == ("made up", 40, 100.0)
    assert [(item.exit, item.images) for item in found.exits] == [(0, 30), (1, 10)]
    assert found.exits[0].switches.lut < found.exits[1].switches.lut
    assert (tmp_path / "out" / "energy.html").is_file()


def test_what_is_switched_is_resources_times_changes_a_sample(inputs, tmp_path):
    found = found_in(inputs, tmp_path)
    units = resources(1).units
    assert len(found.units) == len(units) > 0
    for made, unit in zip(found.units, units, strict=True):
        assert made.activity == pytest.approx(0.2)
        assert made.idle_activity == 0
        assert made.switches == Switching(lut=20 * (unit.lut + unit.lutram), ff=20 * unit.ff, dsp=20 * unit.dsp, bram36=20 * unit.bram36,
                                          clock=100 * unit.ff)
        assert made.idle == Switching(clock=unit.ff)
    assert found.sample.weighed(found.weights) == pytest.approx(sum(unit.switches.weighed(found.weights) for unit in found.units))
    assert sum((stage.switches for stage in found.stages), Switching()).weighed(found.weights) == pytest.approx(
        found.sample.weighed(found.weights))
    assert [stage.busy for stage in found.stages] == [0.9, 0.3, None]
    assert found.idle.clock == sum(unit.ff for unit in units)


def test_what_a_stage_takes_in_samples_that_pass_it_is_that_of_earlier_exits(inputs, tmp_path):
    found = found_in(inputs, tmp_path)
    first, second, none = found.stages[0], found.stages[1], found.stages[-1]
    assert (first.passed, none.passed, none.stage, none.busy) == (None, None, None, None)
    own = [unit for unit in resources(1).units if unit.stage == 1]
    counted = Counter(None, None, None, None).run(np.full((30, 1, 1, 1), 100, np.uint8), None)
    assert second.passed == switched(own, counted).times(1 / 30)


def test_an_exit_that_few_leave_at_is_not_told(inputs, tmp_path):
    found = found_in(inputs, tmp_path, images=4 * (LEAST - 1))
    assert [item.exit for item in found.exits] == [0]
    assert found.images == 4 * (LEAST - 1)
    assert IDLE > 0


def test_images_that_were_not_simulated_are_told(inputs, tmp_path):
    ui = Listening()
    assert found_in(inputs, tmp_path, 41, ui).images == 40
    assert ui.said == ["41 test images are to be counted; 40 were simulated, and all are"]


def test_what_is_missing_is_told_before_anything_is_simulated(small, monkeypatch):
    """Yosys, say: synthesis asks for it before anything else."""
    class Flow:
        def synth(self):
            raise ToolError("Yosys is missing")

    @contextmanager
    def opened(project, ui):
        yield Flow()

    monkeypatch.setattr(module, "open_flow", opened)
    with pytest.raises(ToolError, match="Yosys is missing"):
        measure(small, SilentUi())


def test_answers_at_any_time_cannot_be_counted(small, monkeypatch):
    @contextmanager
    def never(project, ui):
        raise AssertionError("nothing is to be done")
        yield

    monkeypatch.setattr(module, "open_flow", never)
    with pytest.raises(ConfigError, match=r'build\.mode = "anytime": samples are counted by their answers; allowed: "all", "subnet" or'):
        measure(changed(small, {"build": {"mode": "anytime"}}), SilentUi())
