"""Vivado is found, and what it says understood."""

import os
from pathlib import Path

import pytest

from build_flows.base.errors import explain
from build_flows.board.vivado import Vivado, VivadoError, explain_log, find_vivado, too_many
from tests.build_flows.board import fake_vivado

PLACER = """ERROR: [Place 30-640] Place Check : This design requires more RAMB36/FIFO cells than are available in the target device. This
design requires 324 of such cell types but only 140 compatible sites are available in the target device. Please analyze your results.
ERROR: [Place 30-640] Place Check : This design requires more DSP48E1 cells than are available in the target device. This design
requires 240 of such cell types but only 220 compatible sites are available in the target device.
"""


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH, for a stand-in; without one there is no vivado."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin")
    return tmp_path / "bin"


@pytest.mark.parametrize("version", ["2022.2", "2023.1", "2024.2"])
def test_found_with_its_version(version: str, on_path: Path) -> None:
    fake_vivado.install(on_path, version=version)
    assert find_vivado() == Vivado(command=on_path / "vivado", version=version)


def test_none_on_path_offers_the_way_without(on_path: Path) -> None:
    with pytest.raises(VivadoError, match="vivado is not on PATH") as caught:
        find_vivado()
    assert "--plan" in (caught.value.hint or "")
    assert "--from" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["2022.1", "2019.2"])
def test_too_old(version: str, on_path: Path) -> None:
    fake_vivado.install(on_path, version=version)
    with pytest.raises(VivadoError, match=rf"Vivado must be 2022\.2 or newer, not {version}"):
        find_vivado()


def test_the_environment_names_another(on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_vivado.install(on_path, version="2019.2")
    fake_vivado.install(tmp_path / "newer", version="2024.2")
    monkeypatch.setenv("VIVADO", str(tmp_path / "newer" / "vivado"))
    assert find_vivado() == Vivado(command=tmp_path / "newer" / "vivado", version="2024.2")


def test_one_that_does_not_run(on_path: Path) -> None:
    fake_vivado.install(on_path, "broken")
    with pytest.raises(VivadoError, match=r"does not tell a version \(exit code 127\): loader: error while loading .* libtinfo"):
        find_vivado()


def test_what_the_placer_finds_too_little_of() -> None:
    assert too_many(PLACER) == ["RAMB36/FIFO: 324 of 140, 184 too many", "DSP48E1: 240 of 220, 20 too many"]
    assert too_many("Phase 1 Placer Initialization") == []


def said(code: int, log: str, **more: list[str]) -> str:
    told = explain(explain_log(code, log, Path("/p/build.log"), part="xc7z020clg400-1", **more))
    assert told is not None
    assert told.hint is not None
    assert "/p/build.log" in f"{told.message} {told.hint}" or "licence" in told.message
    return f"{told.message} | {told.hint}"


def test_explanations() -> None:
    short = "DSP48E1: 240 of 220, 20 too many"
    assert said(1, PLACER).startswith(f"does not fit xc7z020clg400-1: RAMB36/FIFO: 324 of 140, 184 too many; {short} |")
    assert said(1, PLACER, short=[short]).startswith(f"does not fit xc7z020clg400-1: {short} |")
    # What synthesis found too large may have fitted after all.
    assert said(1, "ERROR: [Route 35-7] no", short=["LUT: 53300 of 53200, 100 too many"]).startswith("Vivado stopped: [Route 35-7] no |")
    licence = said(1, "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or device 'xc7z020'.")
    assert licence.startswith("Vivado has no licence for xc7z020clg400-1: [Common 17-345] A valid license was not found")
    assert "XILINXD_LICENSE_FILE" in licence
    assert "Vivado was ended by signal 9 (SIGKILL)" in said(-9, "")
    assert "short of memory" in said(137, "ERROR: [Common 17-1] cut off")
    assert "signal 15 (SIGTERM)" in said(143, "")
    assert "exit code 3 and no error of its own; it last said: odd |" in said(3, "hm\nodd\n")
    assert "it last said: nothing" in said(1, "")
    part = said(1, "ERROR: [Coretcl 2-106] Specified part could not be found.")
    assert "is Vivado installed with support for Zynq-7000?" in part


def test_the_first_errors_are_shown_once_each() -> None:
    lines = [f"ERROR: [Synth 8-{number}] fault {number}" for number in (1, 1, 2, 3, 4, 5)]
    message = explain_log(1, "\n".join(lines), Path("log"), part="x").message
    assert message.splitlines() == ["Vivado stopped: [Synth 8-1] fault 1", "  [Synth 8-2] fault 2", "  [Synth 8-3] fault 3", "  and 2 more"]
