"""The accelerator's run against the golden model, and the figures that come of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.simulation import Figures, SimulationFile
from build_flows.base.ui import Ui
from build_flows.project.load import Project
from build_flows.steps import simulate
from build_flows.steps.simulate_options import Options
from sim.errors import AgreementError
from tests.build_flows.alone import work_of
from tests.build_flows.uis import Listening

pytestmark = pytest.mark.cosim


def simulated(tiny: Project, work: Path, options: Options, ui: Ui | None = None, **changes: Path) -> Figures:
    """The figures of a run with ``options``, told to ``ui``; ``changes`` of artefacts by name."""
    work.mkdir(exist_ok=True)
    inputs = {**simulate.step(tiny, {name: tiny.output / name for name in simulate.INPUTS}).inputs, **changes}
    return simulate.simulate(simulate.settings(tiny, options), inputs, work_of(tiny, work, ui))


def test_figures_are_those_of_the_samples(tiny: Project) -> None:
    found = SimulationFile.load(tiny.output / "sim.json")
    figures, labels = found.figures, np.array(found.labels)
    label, leaves, latency = np.array([(sample.label, sample.exit, sample.cycle_out - sample.cycle_in) for sample in found.samples]).T
    assert figures.samples == figures.agree == len(labels) == 40
    assert figures.accuracy == pytest.approx(float((label == labels).mean()))
    for index, item in enumerate(figures.exits):
        here = leaves == index
        assert item.share == pytest.approx(float(here.mean()))
        assert item.accuracy == (pytest.approx(float((label == labels)[here].mean())) if here.any() else None)
        assert item.latency_median == (float(np.median(latency[here])) if here.any() else None)
    assert sum(item.share for item in figures.exits) == pytest.approx(1)
    planned = json.loads((tiny.output / "netlist.json").read_text())["stages"]
    assert [item.planned for item in figures.stages] == [item["reach"] for item in planned]
    assert figures.samples_per_second == pytest.approx(1e6 * figures.clock_mhz / figures.cycles_per_sample)


def test_stalls_cost_cycles_and_change_nothing_else(tiny: Project, tmp_path: Path) -> None:
    plain = SimulationFile.load(tiny.output / "sim.json").figures
    stalled = simulated(tiny, tmp_path, Options(samples=40, stall=0.9, seed=3))
    assert stalled.agree == 40
    assert [item.share for item in stalled.exits] == [item.share for item in plain.exits]
    assert stalled.cycles > plain.cycles
    assert json.loads((tmp_path / "sim.json").read_text())["stall"] == 0.9


def test_one_sample_and_more_than_there_are(tiny: Project, tmp_path: Path) -> None:
    one = simulated(tiny, tmp_path, Options(samples=1))
    assert (one.samples, one.agree) == (1, 1)
    assert one.cycles_per_sample > 0
    json.dumps(one.to_json(), allow_nan=False)
    heard = Listening()
    assert simulated(tiny, tmp_path, Options(samples=1000), ui=heard).samples == 60
    assert "1,000 test images are asked for; there are 60, and all are run" in heard.said


def test_a_result_that_differs_is_named(tiny: Project, tmp_path: Path) -> None:
    exits = json.loads((tiny.output / "exits.json").read_text())
    exits["exits"][1]["enabled"] = False
    changed = tmp_path / "exits.json"
    changed.write_text(json.dumps(exits))
    with pytest.raises(AgreementError, match=r"of 40 samples differ; the first is sample \d+, .* at exit 2: .*exit 1 instead of 2"):
        simulated(tiny, tmp_path, Options(samples=40), **{"exits.json": changed})
    assert not (tmp_path / "sim.json").exists()
