"""``offramp cosim`` as a step of a small project: it runs when what it depends on has changed, and only then."""

import numpy as np
import pytest

from build_flows.artefacts.cosim import CosimFile
from build_flows.artefacts.simulation import Figures, SimulationFile
from build_flows.board.platforms import find_platform
from build_flows.project.load import Project
from build_flows.steps import cosim
from build_flows.steps.engine import Build
from build_flows.steps.simulate_options import Options
from hw.netlist import load
from sim import golden
from sim.result_word import saturate
from tests import toy
from tests.build_flows.board.compiled import CompiledFlow
from tests.build_flows.board.golden_toy import write_golden
from tests.build_flows.simulation_samples import simulation


class SimulatedFlow(CompiledFlow):
    """Its simulation is the golden model's results; its data set is the toy's images."""

    def simulate(self, chosen: Options) -> Figures:
        return SimulationFile.load(self.path("sim.json")).figures


@pytest.mark.slow
@pytest.mark.cosim
def test_it_is_a_step_that_is_skipped_while_nothing_changes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = load((project.output / "netlist.json").read_text())
    golden_file, exits = write_golden(project.output, netlist)
    images = toy.images(20)
    found = golden.decide(golden.load(golden_file).run(images), golden.load_exits(exits))
    confidence = saturate(found.confidence, next(item for item in netlist.result.fields if item.name == "confidence"))
    simulation(found.label, found.exit, confidence).save(project.output / "sim.json")

    class Data:
        x_test, y_test, scale = images, np.arange(20) % 3, None

    monkeypatch.setattr(cosim, "dataset", lambda *_: Data)
    with Build(project.output) as build:
        flow = SimulatedFlow(project, build.ui, build)
        told = cosim.cosim(flow, find_platform("pynq-z2"), samples=12)
        assert (told.samples, told.agree) == (12, 12)
        assert cosim.cosim(flow, find_platform("pynq-z2"), samples=12) == told
        assert (build.ran, build.skipped) == (["cosim"], ["cosim"])
        assert cosim.cosim(flow, find_platform("pynq-z2"), samples=12, seed=2).seed == 2
        assert build.ran == ["cosim", "cosim"]
        assert CosimFile.load(project.output / "cosim.json").seed == 2
