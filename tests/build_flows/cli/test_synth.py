"""What ``offramp synth`` prints of resources.json."""

import json
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from build_flows.artefacts.resources import (
    Difference,
    EstimateErrors,
    EstimateRow,
    Estimates,
    LayerEstimate,
    OpenRecord,
    ResourcesFile,
    Shares,
    StageSums,
    Sums,
    UnitTiming,
    VivadoRecord,
    WholeSums,
)
from build_flows.artefacts.verdict import synthesised
from build_flows.cli.main import cli
from build_flows.steps import flow
from tests.build_flows.compare_samples import CAPACITY, resources, unit
from tests.test_layering import ROOT

SUMS = Sums(lut=1200, lut_paired=900, lutram=300, ff=2500, bram36=1.5, dsp=240, carry=133)
UNIT = "stage0_conv0_mvau_dwc_to_stage0_conv0_mvau"
ESTIMATE = LayerEstimate(
    finn=EstimateRow(lut=None, ff=None, bram36=3.0, dsp=50.0), corrected=EstimateRow(lut=110.0, ff=90.0, bram36=1.5, dsp=75.0),
    synthesised=EstimateRow(lut=100, ff=100, bram36=1.5, dsp=75),
    error=EstimateErrors(finn=EstimateRow(lut=None, ff=None, bram36=1.0, dsp=-0.3333),
                         corrected=EstimateRow(lut=0.1, ff=-0.1, bram36=0, dsp=0)),
)
FOUND = resources(1).replace(
    version=1, total=SUMS, total_of="whole top", sum_of_units=SUMS,
    whole=WholeSums(**vars(SUMS), difference=Difference(**{**dict.fromkeys(Sums.model_fields, 0.012), "dsp": None})),
    shares=Shares(lut=0.0282, lutram=0.0172, ff=0.0235, bram36=0.0107, dsp=1.0909, carry=0.01), fits=False,
    short=["DSP48E1: 240 of 220"], path="about 123 MHz: 8.10 ns from a to b",
    exits_add=Shares(lut=0.25, lutram=0.0, ff=0.0, bram36=0.0, dsp=0.1),
    units=[
        unit(UNIT, "stream", 1200),
        unit("router0", "router", 10).replace(
            timing=UnitTiming(fmax_mhz=None, path="no paths", path_ns=None, in_ns=None, out_ns=None, through_ns=None)
        ),
    ],
    stages=[StageSums(stage=stage, head=head, units=1, **vars(SUMS)) for stage, head in ((0, False), (0, True), (None, False))],
    estimates=Estimates(layers=[ESTIMATE.replace(layer="stage0_conv0_mvau", op="MVAU_rtl")], total=ESTIMATE),
)
VIVADO = VivadoRecord.model_validate({
    "vivado": "2022.2", "board": "pynq-z2", "part": "xc7z020clg400-1", "capacity": CAPACITY,
    "utilisation": {"lut": 1101, "lutram": 299, "ff": 2999, "bram36": 2.5, "dsp": 219},
    "timing": {"wns_ns": 0.312, "tns_ns": 0.0, "whs_ns": 0.04, "met": True, "fmax_mhz": 103.2, "clock_mhz": 100.0, "path": "a to b"},
    "power": {"total_w": 1.832, "dynamic_w": 1.691, "static_w": 0.141},
})


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose synthesis finds ``FOUND``, as long as it is asked as expected."""

    def synth(project: Any, ui: Any, *, part: str | None, full: bool) -> ResourcesFile:
        assert (part, full) in ((None, False), ("pynq-z2", True))
        return FOUND

    monkeypatch.setattr(flow, "synth", synth)
    return ROOT / "examples" / "digits.toml"


def test_tables_and_verdict(config: Path) -> None:
    ran = CliRunner().invoke(cli, ["synth", str(config), "--part", "pynq-z2", "--full"], catch_exceptions=False)
    assert ran.exit_code == 0
    text = "".join(ran.stdout.split())
    # Nothing is cut off, in a terminal of 80 columns either.
    assert "…" not in ran.stdout
    assert UNIT[:20] in text
    for told in ("stage0", "head0", "between", "against", "+1.2%", "109.1%", "stage0_conv0_mvau", "alllayers"):
        assert told in text, told
    layer = [line.split() for line in ran.stdout.splitlines() if line.split()[:1] == ["stage0_conv0_mvau"]]
    part = next(line for line in ran.stdout.splitlines() if "53,200" in line)
    assert part.split()[-6:] == ["53,200", "17,400", "106,400", "140", "220", "13,300"]
    assert "CARRY4:carrychains,oneaslice" in text
    assert layer == [
        ["stage0_conv0_mvau", "100", "+10", "%", "-", "100", "-10", "%"], ["stage0_conv0_mvau", "1.5", "1.5", "3", "75", "75", "50"],
    ]
    told = "digits does not fit xc7z020clg400-1: DSP: 240 of 220 (synthesised by Yosys); keeps 100 MHz: 109.4 MHz estimated before"
    assert f"{told} placement" in ran.stdout.splitlines()
    assert "clock, estimated: about 123 MHz: 8.10 ns from a to b" in ran.stdout
    assert "early exits add 25 % of LUT, 10 % of DSP" in ran.stdout


def test_vivados_figures_stand_beside_ours(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = CliRunner().invoke(cli, ["synth", str(config)], catch_exceptions=False)
    assert "Vivado" not in ran.stdout
    monkeypatch.setattr(flow, "synth", lambda *args, **more: FOUND.replace(vivado=VIVADO))
    ran = CliRunner().invoke(cli, ["synth", str(config)], catch_exceptions=False)
    assert ran.exit_code == 0
    assert "…" not in ran.stdout
    row = next(line for line in ran.stdout.splitlines() if "1,101" in line)
    assert row.split()[-6:] == ["1,101", "299", "2,999", "2.5", "219", "-"]
    assert "clock, routed by Vivado 2022.2: meets 100 MHz by 0.312 ns (about 103.2 MHz)" in ran.stdout
    assert "least slack: a to b" in ran.stdout
    assert "power, estimated by Vivado: 1.83 W, of which 0.14 W static, processors and all" in ran.stdout


@pytest.mark.parametrize(("timing", "told"), [
    ({"clock_mhz": 100.0, "fmax_mhz": 104.5, "met": True}, "clock, routed by nextpnr-xilinx: 104.5 MHz, of 100 MHz that are set"),
    (None, "clock: nextpnr-xilinx tells none after routing; the estimate is all there is"),
])
def test_the_open_flows_figures_stand_beside_ours(
    timing: dict[str, object] | None, told: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = {"lut": 1101, "lutram": 299, "ff": 2999, "bram36": 2.5, "dsp": 219, "carry": 90}
    placed = OpenRecord.model_validate({
        "tools": {"yosys": "0.48"}, "board": "pynq-z2", "part": "xc7z020clg400-1", "utilisation": used, "capacity": CAPACITY,
        "timing": timing})
    monkeypatch.setattr(flow, "synth", lambda *args, **more: FOUND.replace(open=placed))
    ran = CliRunner().invoke(cli, ["synth", str(config)], catch_exceptions=False)
    assert ran.exit_code == 0
    row = next(line for line in ran.stdout.splitlines() if "1,101" in line)
    assert row.split()[0] == "placed,"
    assert row.split()[-6:] == ["1,101", "299", "2,999", "2.5", "219", "-"]
    assert told in ran.stdout


def test_json_is_all_there_is_on_stdout(config: Path) -> None:
    ran = CliRunner().invoke(cli, ["synth", str(config), "--json"], catch_exceptions=False)
    assert ran.exit_code == 0
    found = json.loads(ran.stdout)
    assert found.pop("project")
    assert found.pop("verdict") == synthesised(FOUND).to_json()
    assert found == FOUND.to_json()
    assert found["version"] == 1


def test_an_unknown_part_is_told_before_anything_is_run(config: Path) -> None:
    ran = CliRunner().invoke(cli, ["synth", str(config), "--part", "xc7foo"])
    assert ran.exit_code != 0
    assert "no board or part is called 'xc7foo'" in str(ran.exception)


def test_a_missing_yosys_is_told_before_anything_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "pyosys" else find(name, *more))
    text = (ROOT / "examples" / "digits.toml").read_text()
    (tmp_path / "config.toml").write_text(text)
    ran = CliRunner().invoke(cli, ["synth", str(tmp_path / "config.toml")])
    assert "Yosys is missing; get it with: pip install pyosys" in str(ran.exception)
    assert not list(tmp_path.rglob("*.safetensors*"))
