"""The report is gathered from the artefacts as the steps write them."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.agreement import AgreementFile
from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.sizing import CostRecord, FifoRecord, GateRecord, SizingFile, StageRecord
from build_flows.base.files import write_text
from build_flows.pages.report import write_report
from build_flows.pages.report_data import CountedStream, SizedFifo, SizedGate, gather
from build_flows.project.load import parse
from build_flows.project.template import template
from build_flows.steps import simulate as simulation
from build_flows.steps.report import INPUTS
from hw.netlist import dump
from quant_models.judge.records import TradeoffFile
from quant_models.records import ArtefactError
from quant_models.training.records import OwnRecord
from sim.accelerator.run import SimResult, StageUse, StreamUse
from tests.build_flows.report_samples import metrics, netlist, sample_data

COUNT = 30
CONFIG = parse(template("digits"))
VERSIONS = {"python": "3.11.0", "finn-plus": "1.2"}


@pytest.fixture
def artefacts(tmp_path: Path) -> dict[str, Path]:
    """Every artefact that the report reads."""
    sample, output = sample_data(count=COUNT), tmp_path
    write_text(output / "netlist.json", dump(netlist()))
    sample.exits.save(output / "exits.json")
    metrics().save(output / "metrics.json")
    TradeoffFile(curves=sample.curves).save(output / "tradeoff.json")
    SizingFile(
        stages=[
            StageRecord(index=k, interval=interval, verdict_latency=None, target=1, predicted=1, limited_by="a (b)", reach=1.0)
            for k, interval in enumerate((101, 290, 577))
        ],
        fifos={
            "stage0_a": FifoRecord(depth=32, reached=20), "stage1_b": FifoRecord(depth=2, reached=34),
            "wire": FifoRecord(depth=0, reached=0),
        },
        gates=[GateRecord(frames=6, loss=0.01, utilisation=0.6), GateRecord(frames=4, loss=0.02, utilisation=0.7)],
        cost=CostRecord(lut=1, lutram=1, ff=1, bram18=1, dsp=1),
    ).save(output / "sizing.json")
    AgreementFile(brevitas=360, finn=256, layers=9, thresholds_rounded=0).save(output / "agreement.json")

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
    figures = simulation.figures(netlist(), result, values % 10, COUNT)
    told = {"stall": 0.3, "seed": 7, "figures": figures, "labels": (values % 10).tolist()}
    SimulationFile.model_validate({**result.to_json(), **told}).save(output / "sim.json")
    return {name: output / name for name in INPUTS}


def test_everything_is_found(artefacts: dict[str, Path]) -> None:
    data = gather(CONFIG, "digits.toml", VERSIONS, artefacts)
    assert data.samples[1].cycle_out == 130 + 250
    assert data.intervals == [101, 290, 577]
    assert data.results.accuracy == 1.0
    rows = {row.name: row for row in data.streams}
    assert rows["input"] == CountedStream(name="input", depth=None, most=2, unit="words", stalls=1200, cycles=4100)
    assert (rows["gate0"].depth, rows["gate0"].most, rows["gate0"].unit) == (6, 3, "frames")
    assert [row.name for row in data.streams] == ["input", "exit0", "gate0", "output"]
    assert (rows["exit0"].depth, rows["output"].depth) == (2, 12)
    assert data.fifos == [
        SizedFifo(name="stage0_a", bits=16, depth=32, reached=20), SizedFifo(name="stage1_b", bits=64, depth=2, reached=34),
    ]
    assert data.gates[0] == SizedGate(exit=0, frames=6, held=3, kilobits=12.0, loss=0.01, utilisation=0.6)
    assert [curve.exit for curve in data.curves] == [0, 1]


def test_how_it_was_made_is_told(artefacts: dict[str, Path]) -> None:
    made = gather(CONFIG, "digits.toml", VERSIONS, artefacts).made
    assert made["Command"] == {"command": "offramp run digits.toml"}
    assert made["Checked, bit for bit"]["Brevitas = golden model"] == "logits of every exit, 360 images"
    assert made["Seeds"] == {"train.seed": CONFIG.train.seed, "simulate.seed": 7}
    assert made["Versions"] == VERSIONS
    assert "Your own network" not in made


def test_a_network_of_ones_own_was_compared_otherwise(artefacts: dict[str, Path]) -> None:
    own = OwnRecord.model_validate({"from": "mine:net", "weights": None, "compared_with": "your module", "images": 1200, "rounded": 3})
    metrics().replace(own=own).save(artefacts["metrics.json"])
    made = gather(CONFIG, "digits.toml", VERSIONS, artefacts).made
    assert made["Your own network"] == {"from": "mine:net", "weights": "its own", "training": "yours, not made here"}
    checked = made["Checked, bit for bit"]
    assert checked["your module = golden model"] == "float logits of every exit in whole units, 1,200 validation images"
    assert checked["but for"] == "3 of them, on a rounding boundary where float32 may decide either way"
    assert "Brevitas = golden model" not in checked


def test_the_report_is_written_whole(artefacts: dict[str, Path], tmp_path: Path) -> None:
    write_report(CONFIG, "digits.toml", VERSIONS, artefacts, tmp_path / "report.html")
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
        "offramp run digits.toml",
        "finn-plus",
    ):
        assert part in html, part
    assert html.count("<svg") == 6


def test_a_missing_artefact_is_named(artefacts: dict[str, Path]) -> None:
    artefacts["sim.json"].unlink()
    with pytest.raises(ArtefactError, match=r"sim\.json is missing"):
        gather(CONFIG, "digits.toml", VERSIONS, artefacts)
