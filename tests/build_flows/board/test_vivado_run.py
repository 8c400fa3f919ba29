"""One run of Vivado in a project folder: what it says on the way, and what went wrong in words."""

import re
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board import vivado
from build_flows.board.boards import BOARDS
from build_flows.board.vivado import Vivado
from build_flows.board.vivado_run import build_project
from hw.netlist import Netlist
from tests.build_flows.board import fake_vivado
from tests.build_flows.board.projects import project
from tests.build_flows.uis import Listening

BOARD = BOARDS["pynq-z2"]


def run(folder: Path, netlist: Netlist, tmp_path: Path, mode: str = "ok", version: str = "2022.2") -> list[str]:
    """Vivado's stand-in, which behaves as ``mode`` says, in ``folder``; what was said."""
    fake_vivado.install(tmp_path / "bin", mode, version)
    ui = Listening()
    build_project(Vivado(command=tmp_path / "bin" / "vivado", version=version), folder, netlist, BOARD, ui)
    return ui.said


def test_phases_are_told_as_they_come(tmp_path: Path) -> None:
    folder, netlist = project(tmp_path)
    said = run(folder, netlist, tmp_path, version="2024.2")
    assert said[0].startswith("Vivado 2024.2 builds ")
    assert said[0].endswith(f"all it prints is in {folder / vivado.LOG}")
    phases = ["project", "block design", "synthesis", "optimising", "placing", "routing", "reports", "bitstream"]
    assert [re.sub(r"after \d+ min: ", "", line) for line in said[1:]][: len(phases)] == [f"Vivado, {phase}" for phase in phases]
    assert (folder / "results" / "build.txt").is_file()


@pytest.mark.parametrize(("mode", "told"), [
    ("missed", r"misses timing by 0\.312 ns: 96\.9 MHz instead of 100 MHz, worst path digits_"),
    ("too large", r"does not fit xc7z020clg400-1: LUT: 56422 of 53200, 3222 too many; DSP48E1: 240 of 220, 20 too many"),
    ("placer", r"does not fit xc7z020clg400-1: LUT as Logic: 60112 of 53200, 6912 too many"),
    ("licence", "Vivado has no licence for xc7z020clg400-1"),
    ("error", r"Vivado stopped: \[Synth 8-439\] module 'fifo' not found"),
    ("killed", r"Vivado was ended by signal 9 \(SIGKILL\)"),
    ("killed below", r"Vivado was ended by signal 9 \(SIGKILL\)"),
    ("silent", "Vivado ended with exit code 3"),
])
def test_what_goes_wrong_is_told(mode: str, told: str, tmp_path: Path) -> None:
    folder, netlist = project(tmp_path)
    with pytest.raises(OfframpError, match=told) as caught:
        run(folder, netlist, tmp_path, mode)
    assert caught.value.hint
    assert (folder / vivado.LOG).is_file()


def test_what_a_run_before_left_is_gone(tmp_path: Path) -> None:
    folder, netlist = project(tmp_path)
    (folder / "rtl" / ".Xil").mkdir()
    run(folder, netlist, tmp_path)
    assert not (folder / "rtl" / ".Xil").exists()
    with pytest.raises(OfframpError, match="Vivado ended with exit code 3"):
        run(folder, netlist, tmp_path, "silent")
    assert not (folder / "results" / "build.txt").exists()
