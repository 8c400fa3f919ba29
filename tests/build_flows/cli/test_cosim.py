"""``offramp cosim`` as a step of a small project, and its answer."""

import json
import subprocess
import sys

import numpy as np
import pytest

from build_flows.board.boards import find_board
from build_flows.cli.cosim import _figures
from build_flows.project.load import Project
from build_flows.steps import cosim
from build_flows.steps.engine import Build
from build_flows.steps.simulate import Options
from sim import golden
from sim.result_word import saturate
from tests.build_flows.board.compiled import CompiledFlow
from tests.build_flows.board.golden_toy import write_filelist, write_golden

DMA = [
    {"name": "images in", "bits": 32, "words": 16, "least": 16, "payload": 1.0, "mb_per_second": 46.0, "stream_mb_per_second": 400.0,
     "port_mb_per_second": 800.0, "used": 0.115, "most_samples": 6.25e6},
    {"name": "results out", "bits": 64, "words": 1, "least": 1, "payload": 0.97, "mb_per_second": 5.8, "stream_mb_per_second": 800.0,
     "port_mb_per_second": 800.0, "used": 0.007, "most_samples": 1e8},
]


def test_what_a_person_is_told() -> None:
    rows = dict(_figures({"samples": 1300, "agree": 1300, "batch": 500, "cycles_per_sample": 138.25, "simulated_cycles_per_sample": 130.4,
                          "dma": DMA, "seconds": 21.84}))
    assert rows == {
        "images through driver, DMA and RTL": "1,300", "equal to the simulation": "1,300", "cycles per sample, 500 in a batch": "138.2",
        "without a DMA, at steady state": "130.4", "DMA words an image (at least)": "16 of 32 bits (16)",
        "DMA words a result (at least)": "1 of 64 bits (1)", "input bandwidth used": "46.0 of 400 MB/s (11.5 %)", "seconds": "21.8"}


class SimulatedFlow(CompiledFlow):
    """Its simulation is the golden model's results; its data set is the toy's images."""

    def simulate(self, options: Options) -> dict:
        return {}


@pytest.mark.cosim
def test_it_is_a_step_that_is_skipped_while_nothing_changes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from build_flows.steps import training
    from hw.netlist import load
    from tests import toy

    netlist = load((project.output / "netlist.json").read_text())
    golden_file, exits = write_golden(project.output, netlist)
    write_filelist(project.output / "rtl")
    images = toy.images(20)
    found = golden.decide(golden.load(golden_file).run(images), golden.load_exits(exits))
    confidence = saturate(found.confidence, next(item for item in netlist.result.fields if item.name == "confidence"))
    rows = [{"label": int(a), "exit": int(b), "confidence": int(c)} for a, b, c in zip(found.label, found.exit, confidence, strict=True)]
    (project.output / "sim.json").write_text(json.dumps({"version": 1, "samples": rows, "cycles_per_sample": 20.0}))

    class Data:
        x_test, y_test = images, np.arange(20) % 3

    monkeypatch.setattr(training, "dataset", lambda project: Data)
    with Build(project.output) as build:
        flow = SimulatedFlow(project, build.ui, build)
        found = cosim.cosim(flow, find_board("pynq-z2"), samples=12)
        assert (found["samples"], found["agree"]) == (12, 12)
        assert cosim.cosim(flow, find_board("pynq-z2"), samples=12) == found
        assert (build.ran, build.skipped) == (["cosim"], ["cosim"])
        assert cosim.cosim(flow, find_board("pynq-z2"), samples=12, seed=2)["seed"] == 2
        assert build.ran == ["cosim", "cosim"]
        assert json.loads((project.output / "cosim.json").read_text())["seed"] == 2


def test_bad_options_are_one_line() -> None:
    for words in (["--samples", "0"], ["--seed", "-1"], ["--board", "zedboard"]):
        command = [sys.executable, "-m", "build_flows.cli.main", "cosim", "x.toml", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"Invalid value for '{words[0]}'" in done.stderr
