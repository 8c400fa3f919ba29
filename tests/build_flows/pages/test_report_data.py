"""The report is gathered from the artefacts as the steps write them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import write_json
from build_flows.pages.report import write_report
from build_flows.pages.report_data import gather
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.project.template import template
from build_flows.steps import simulate as simulation
from build_flows.steps.report import INPUTS
from hw.netlist import load
from sim.accelerator.run import SimResult, StageUse, StreamUse
from tests.build_flows.report_samples import netlist, sample_data

COUNT = 30


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose output folder holds every artefact that the report reads."""
    (tmp_path / "config.toml").write_text(template("digits"))
    made = load_config(tmp_path / "config.toml")
    sample, output = sample_data(count=COUNT), made.output
    write_json(output / "netlist.json", netlist())
    (output / "folding.toml").touch()
    write_json(output / "exits.json", sample.exits)
    write_json(output / "metrics.json", {"version": 1, **(sample.metrics or {})})
    write_json(output / "tradeoff.json", {"version": 1, "curves": sample.curves})
    stages = [{"interval": interval} for interval in (101, 290, 577)]
    gates = [{"frames": 6, "loss": 0.01, "utilisation": 0.6}, {"frames": 4, "loss": 0.02, "utilisation": 0.7}]
    fifos = {"stage0_a": {"depth": 32, "reached": 20}, "stage1_b": {"depth": 2, "reached": 34}, "wire": {"depth": 0, "reached": 0}}
    write_json(output / "sizing.json", {"version": 1, "stages": stages, "fifos": fifos, "gates": gates})
    write_json(output / "agreement.json", {"version": 1, "brevitas": 360, "finn": 256, "layers": 9, "thresholds_rounded": 0})

    values = np.arange(COUNT)
    taken, first = values % 3, 130 * values
    result = SimResult(
        id=values,
        label=values % 10,
        exit=taken,
        confidence=values,
        latency=values,
        cycle_in=first,
        cycle_out=first + 200 + 50 * taken,
        arrival=values,
        cycles=4000,
        cycles_per_sample=130.0,
        sim_cycles=4100,
        seconds=0.5,
        streams=(StreamUse(name="input", stall=1200, occupancy=2), StreamUse(name="gate0", stall=40, occupancy=64),
                 StreamUse(name="output", stall=3, occupancy=1), StreamUse(name="exit0", stall=0, occupancy=1)),
        stages=tuple(StageUse(index=k, samples=10, reach=0.3, unit="u", cycles=100, busy=0.5) for k in range(3)),
        gates=(3, 2),
        limited_by="stage 0, stage0_conv0",
    )
    figures = simulation.figures(load((output / "netlist.json").read_text()), result, values % 10, COUNT)
    write_json(output / "sim.json", {**result.to_json(), "stall": 0.3, "seed": 7, "figures": figures})
    return made


VERSIONS = {"python": "3.11.0", "finn-plus": "1.2"}


def given(project: Project) -> tuple[dict[str, Any], str, dict[str, str], dict[str, Path]]:
    """What the report is gathered from."""
    return project.config.model_dump(mode="json"), "config.toml", VERSIONS, {name: project.output / name for name in INPUTS}


def test_everything_is_found(project: Project) -> None:
    data = gather(*given(project))
    assert data.samples["cycle_out"][1] == 130 + 250
    assert data.intervals == [101, 290, 577]
    assert data.results["accuracy"] == 1.0
    rows = {row["name"]: row for row in data.streams}
    assert rows["input"] == {"name": "input", "depth": None, "max": 2, "unit": "words", "stalls": 1200, "cycles": 4100}
    assert (rows["gate0"]["depth"], rows["gate0"]["max"], rows["gate0"]["unit"]) == (6, 3, "frames")
    assert [row["name"] for row in data.streams] == ["input", "exit0", "gate0", "output"]
    assert (rows["exit0"]["depth"], rows["output"]["depth"]) == (2, 12)
    assert data.fifos == [
        {"name": "stage0_a", "bits": 16, "depth": 32, "reached": 20},
        {"name": "stage1_b", "bits": 64, "depth": 2, "reached": 34},
    ]
    assert data.gates[0] == {"exit": 0, "frames": 6, "held": 3, "kilobits": 12.0, "loss": 0.01, "utilisation": 0.6}
    assert [curve["exit"] for curve in data.curves] == [0, 1]


def test_the_report_is_written_whole(project: Project, tmp_path: Path) -> None:
    write_report(*given(project), tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    for part in (
        "All 30 results",
        "<b>stage 0</b>",
        "577",
        "made smaller, same cycles a frame",
        "1 result<",
        "9 layers, 256 images",
        "3 frames",
        "30 % of the cycles",
        "offramp run config.toml",
        "finn-plus",
    ):
        assert part in html, part
    assert html.count("<svg") == 6


def test_a_missing_artefact_is_named(project: Project) -> None:
    (project.output / "sim.json").unlink()
    with pytest.raises(OfframpError, match=r"sim\.json is missing"):
        gather(*given(project))
