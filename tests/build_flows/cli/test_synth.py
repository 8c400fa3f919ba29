"""What ``offramp synth`` prints of resources.json."""

import json
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from build_flows.cli.main import cli
from build_flows.steps import flow
from tests.test_layering import ROOT

SUMS = {"lut": 1200, "lut_paired": 900, "lutram": 300, "ff": 2500, "bram36": 1.5, "dsp": 240}
TIMING = {"fmax_mhz": 123.4, "path": "from a to b", "path_ns": 8.1, "in_ns": None, "out_ns": None, "through_ns": None}
UNIT = "stage0_conv0_mvau_dwc_to_stage0_conv0_mvau"
FIGURES = {
    "finn": {"lut": None, "ff": None, "bram36": 3.0, "dsp": 50.0}, "corrected": {"lut": 110.0, "ff": 90.0, "bram36": 1.5, "dsp": 75.0},
    "synthesised": {"lut": 100, "ff": 100, "bram36": 1.5, "dsp": 75},
    "error": {"finn": {"lut": None, "ff": None, "bram36": 1.0, "dsp": -0.3333},
              "corrected": {"lut": 0.1, "ff": -0.1, "bram36": 0, "dsp": 0}},
}
FOUND: dict[str, Any] = {
    "part": "xc7z020clg400-1", "capacity": {"lut": 53200, "lutram": 17400, "ff": 106400, "bram36": 140, "dsp": 220},
    "sum_of_units": SUMS, "whole": {**SUMS, "difference": {**dict.fromkeys(SUMS, 0.012), "dsp": None}}, "total": SUMS,
    "shares": {"lut": 0.0282, "lutram": 0.0172, "ff": 0.0235, "bram36": 0.0107, "dsp": 1.0909}, "fits": False,
    "short": ["DSP48E1: 240 of 220"], "path": "about 123 MHz: 8.10 ns from a to b", "exits_add": {"lut": 0.25, "dsp": 0.1},
    "units": [{"name": UNIT, "kind": "stream", **SUMS, "timing": TIMING},
              {"name": "router0", **SUMS, "timing": {**TIMING, "fmax_mhz": None}}],
    "stages": [{"stage": 0, "head": False, "units": 1, **SUMS}, {"stage": 0, "head": True, "units": 1, **SUMS},
               {"stage": None, "head": False, "units": 2, **SUMS}],
    "vivado": None, "estimates": {"layers": [{"layer": "stage0_conv0_mvau", "op": "MVAU_rtl", **FIGURES}], "total": FIGURES},
}


VIVADO: dict[str, Any] = {
    "vivado": "2022.2", "board": "pynq-z2", "part": "xc7z020clg400-1", "capacity": FOUND["capacity"],
    "utilisation": {"lut": 1101, "lutram": 299, "ff": 2999, "bram36": 2.5, "dsp": 219},
    "timing": {"wns_ns": 0.312, "tns_ns": 0.0, "whs_ns": 0.04, "met": True, "fmax_mhz": 103.2, "clock_mhz": 100.0, "path": "a to b"},
    "power": {"total_w": 1.832, "dynamic_w": 1.691, "static_w": 0.141},
}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose synthesis finds ``FOUND``, as long as it is asked as expected."""

    def synth(project: Any, ui: Any, *, part: str | None, full: bool) -> dict[str, Any]:
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
    for told in ("stage0", "head0", "betweenand", "sumagainst", "+1.2%", "109.1%", "stage0_conv0_mvau", "alllayers"):
        assert told in text, told
    assert "does not fit xc7z020clg400-1: DSP48E1: 240 of 220" in ran.stdout
    assert "clock, estimated: about 123 MHz: 8.10 ns from a to b" in ran.stdout
    assert "early exits add 25 % of LUT, 10 % of DSP" in ran.stdout


def test_vivados_figures_stand_beside_ours(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = CliRunner().invoke(cli, ["synth", str(config)], catch_exceptions=False)
    assert "Vivado" not in ran.stdout
    monkeypatch.setattr(flow, "synth", lambda *args, **more: {**FOUND, "vivado": VIVADO})
    ran = CliRunner().invoke(cli, ["synth", str(config)], catch_exceptions=False)
    assert ran.exit_code == 0
    assert "…" not in ran.stdout
    row = next(line for line in ran.stdout.splitlines() if "1,101" in line)
    assert row.split()[-5:] == ["1,101", "299", "2,999", "2.5", "219"]
    assert "clock, routed by Vivado 2022.2: meets 100 MHz by 0.312 ns (about 103.2 MHz)" in ran.stdout
    assert "least slack: a to b" in ran.stdout
    assert "power, estimated by Vivado: 1.83 W, of which 0.14 W static, processors and all" in ran.stdout


def test_json_is_all_there_is_on_stdout(config: Path) -> None:
    ran = CliRunner().invoke(cli, ["synth", str(config), "--json"], catch_exceptions=False)
    assert ran.exit_code == 0
    found = json.loads(ran.stdout)
    assert found.pop("project")
    assert found == json.loads(json.dumps(FOUND))


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
