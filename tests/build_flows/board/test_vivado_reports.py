"""Reports of 2022.2 and of 2024.2 are read; a cut or foreign one is told by what it lacks."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.resources import Power, VivadoTiming
from build_flows.base.parts import PARTS
from build_flows.board.vivado_reports import ReportError, figures, read_power, read_timing, read_utilisation

REPORTS = Path(__file__).parent / "reports"
VERSIONS = ("2022.2", "2024.2")
USED = {"2022.2": (18214, 5160, 30122, 8.5, 205), "2024.2": (18196, 5148, 30089, 8.5, 205)}
NAMES = ("lut", "lutram", "ff", "bram36", "dsp")
PATH = ("digits_1a2b3c4d_i/accelerator_0/inst/stage0_conv0_mvau/core/acc_reg[7]/C to "
        "digits_1a2b3c4d_i/accelerator_0/inst/stage0_conv0_thr/cmp_reg[2]/D, 10.096 ns, 9 levels of logic")


def edited(source: Path, folder: Path, change: Callable[[str], str]) -> Path:
    text = source.read_text()
    assert change(text) != text
    target = folder / source.name
    target.write_text(change(text))
    return target


def test_samples_say_what_they_are() -> None:
    files = sorted(REPORTS.glob("*/*.rpt"))
    assert len(files) == 12
    for file in files:
        first, *rest = file.read_text().splitlines()
        assert "Written by hand" in first
        assert f"Vivado v.{file.parent.name} " in rest[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_utilisation(version: str) -> None:
    found = read_utilisation(REPORTS / version / "utilisation.rpt")
    assert dict(found.used) == dict(zip(NAMES, USED[version], strict=True))
    part = PARTS["xc7z020clg400-1"]
    assert dict(found.capacity) == {name: getattr(part, name) for name in NAMES}
    assert found.shortages() == []
    # Of a synthesised design, whose rows have an asterisk and whose sections other numbers.
    assert read_utilisation(REPORTS / version / "utilisation_synth.rpt").used["lut"] > found.used["lut"]


@pytest.mark.parametrize(("version", "told"), [
    ("2022.2", ["LUT: 56422 of 53200, 3222 too many", "DSP48E1: 240 of 220, 20 too many"]),
    ("2024.2", ["BRAM36: 141.5 of 140, 1.5 too many", "DSP48E1: 240 of 220, 20 too many"]),
])
def test_what_is_short(version: str, told: list[str]) -> None:
    assert read_utilisation(REPORTS / version / "utilisation_synth_too_large.rpt").shortages() == told


def test_columns_may_come_and_go(tmp_path: Path) -> None:
    """Before 2021 there was no Prohibited."""
    def drop(text: str) -> str:
        return re.sub(r"^(\|[^|\n]*\|[^|\n]*\|[^|\n]*)\|[^|\n]*(\|[^|\n]*\|[^|\n]*\|)$", r"\1\2", text, flags=re.MULTILINE)

    source = REPORTS / "2022.2" / "utilisation.rpt"
    found = read_utilisation(edited(source, tmp_path, drop))
    assert "Prohibited" not in (tmp_path / source.name).read_text()
    assert found == read_utilisation(source)


@pytest.mark.parametrize("version", VERSIONS)
def test_timing_that_is_met(version: str) -> None:
    found = read_timing(REPORTS / version / "timing.rpt")
    assert (found.wns_ns, found.tns_ns, found.whs_ns, found.wpws_ns, found.period_ns) == (0.312, 0.0, 0.043, 3.75, 10.0)
    assert (found.met, found.clock_mhz, found.fmax_mhz, found.missed()) == (True, 100.0, 103.2, "")


@pytest.mark.parametrize("version", VERSIONS)
def test_timing_that_is_missed_tells_by_how_much_and_where(version: str) -> None:
    found = read_timing(REPORTS / version / "timing_missed.rpt")
    assert not found.met
    assert found.tns_ns == -41.207
    assert found.missed() == f"misses timing by 0.312 ns: 96.9 MHz instead of 100 MHz, worst path {PATH}"


def test_paths_may_be_left_out(tmp_path: Path) -> None:
    found = read_timing(edited(REPORTS / "2024.2" / "timing_missed.rpt", tmp_path, lambda text: text[: text.index("| Timing Details")]))
    assert found.path is None
    assert found.missed() == "misses timing by 0.312 ns: 96.9 MHz instead of 100 MHz"


@pytest.mark.parametrize(("old", "new", "told"), [
    ("   0.043        0.000                      0", "  -0.043       -0.100                      3", "misses hold times by 0.043 ns"),
    ("   3.750        0.000                       0", "  -0.010       -0.010                       1", "clock pulses are 0.010 ns"),
])
def test_hold_and_pulse_width_are_timing_too(old: str, new: str, told: str, tmp_path: Path) -> None:
    found = read_timing(edited(REPORTS / "2022.2" / "timing.rpt", tmp_path, lambda text: text.replace(old, new)))
    assert not found.met
    assert found.missed().startswith(told)


def test_the_clock_is_that_of_the_worst_path(tmp_path: Path) -> None:
    other = "clk_fpga_1  {0.000 2.500}        5.000           200.000         \n"

    def add(text: str) -> str:
        at = text.index("clk_fpga_0  {")
        return text[:at] + other + text[at:]

    assert read_timing(edited(REPORTS / "2022.2" / "timing.rpt", tmp_path, add)).clock_mhz == 100.0


@pytest.mark.parametrize(("version", "watts"), [("2022.2", (1.832, 1.691, 0.141)), ("2024.2", (1.829, 1.689, 0.140))])
def test_power(version: str, watts: tuple[float, ...]) -> None:
    found = read_power(REPORTS / version / "power.rpt")
    assert (found.total_w, found.dynamic_w, found.static_w) == watts


def test_a_warning_beside_the_power(tmp_path: Path) -> None:
    found = read_power(edited(REPORTS / "2022.2" / "power.rpt", tmp_path, lambda text: text.replace(
        "| 1.832        |", "| 9.832 (Junction temp exceeded!) |")))
    assert found.total_w == 9.832


def test_figures_of_resources_json() -> None:
    found = figures(REPORTS / "2024.2", vivado="2024.2", board="pynq-z1", part="xc7z020clg400-1")
    assert (found.vivado, found.board, found.part) == ("2024.2", "pynq-z1", "xc7z020clg400-1")
    assert found.utilisation.bram36 == 8.5
    assert found.timing == VivadoTiming(wns_ns=0.312, tns_ns=0.0, whs_ns=0.043, met=True, fmax_mhz=103.2, clock_mhz=100.0,
                                        path=PATH.replace("10.096", "9.472"))
    assert found.power == Power(total_w=1.829, dynamic_w=1.689, static_w=0.14)


def test_a_design_without_hold_paths_has_figures(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    shutil.copytree(REPORTS / "2022.2", reports)
    path = reports / "timing.rpt"
    text = path.read_text()
    row = next(line for line in text.splitlines() if line.split()[:2] == ["0.312", "0.000"])
    words = row.split()
    path.write_text(text.replace(row, " ".join([*words[:4], "NA", *words[5:]])))
    found = figures(reports, vivado="2022.2", board="pynq-z1", part="xc7z020clg400-1")
    assert (found.timing.whs_ns, found.timing.met) == (None, True)


@pytest.mark.parametrize(("read", "name", "cut", "told"), [
    (read_utilisation, "utilisation.rpt", lambda text: text[: text.index("4. DSP\n---")], "has no row 'DSPs'"),
    (read_utilisation, "utilisation.rpt", lambda text: text.replace("Available", "There"), "has no column 'Available'"),
    (read_utilisation, "utilisation.rpt", lambda text: text.replace("| DSPs           |  205", "| DSPs           | many"),
     "must be a number, not 'many'"),
    (read_timing, "timing.rpt", lambda text: text[: text.index("| Design Timing")], "has no section 'Design Timing Summary'"),
    (read_timing, "timing.rpt", lambda text: text[: text.index("    WNS(ns)")], "has no column 'WNS(ns)'"),
    (read_timing, "timing.rpt", lambda text: text.replace("WNS(ns)      TNS", "WNS(ns) TNS"), "columns but"),
    (read_timing, "timing.rpt", lambda text: text.replace("0.312        0.000", "NA          NA"), "no timing constraints"),
    (read_timing, "timing.rpt", lambda text: text[: text.index("clk_fpga_0  {")], "has no clock under 'Clock Summary'"),
    (read_power, "power.rpt", lambda text: text[: text.index("| Dynamic (W)")], "has no row 'Dynamic (W)'"),
    (read_power, "power.rpt", lambda text: "", "has no line 'Power Report'"),
])
def test_what_is_missing_is_named(read: Callable[[Path], Any], name: str, cut: Callable[[str], str], told: str, tmp_path: Path) -> None:
    path = edited(REPORTS / "2022.2" / name, tmp_path, cut)
    with pytest.raises(ReportError) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert told in caught.value.message


def test_another_report_or_none(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is not the report it should be"):
        read_timing(REPORTS / "2022.2" / "power.rpt")
    with pytest.raises(ReportError, match=r"none\.rpt is missing"):
        read_timing(tmp_path / "none.rpt")
