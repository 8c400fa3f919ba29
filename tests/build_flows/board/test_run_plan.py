"""One run of a build plan here: what is said on the way, and what went wrong in words."""

import re
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.open_tools import OpenFlow
from build_flows.board.plan_file import LOG, PlanFile
from build_flows.board.run_plan import run_plan
from build_flows.board.vivado import Vivado
from build_flows.project.load import Project
from tests.build_flows.board import fake_open, fake_vivado
from tests.build_flows.board.bitstreams import plan_of
from tests.build_flows.uis import Listening


def run(
    plan: PlanFile, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "ok", version: str = "2022.2"
) -> list[str]:
    """The flow's stand-ins, which behave as ``mode`` says, on ``plan`` in ``folder``; what was said."""
    tools, ui = tmp_path / "bin", Listening()
    if plan.facts["flow"] == "vivado":
        fake_vivado.install(tools, mode, version)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
        run_plan(Vivado(command=tools / "vivado", version=version), plan, folder, ui)
    else:
        fake_open.install(tools, mode)
        for name, value in fake_open.environment(tools).items():
            monkeypatch.setenv(name, value)
        run_plan(OpenFlow(versions={}), plan, folder, ui)
    return ui.said


@pytest.mark.parametrize(("way", "name", "phases"), [
    ("vivado", "Vivado 2024.2", ["synthesis", "placing", "routing", "bitstream", "done"]),
    ("open", "the open flow", ["synthesis", "netlist check", "placing and routing", "bitstream", "done"]),
])
def test_phases_are_told_as_they_come(
    way: str, name: str, phases: list[str], project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    said = run(plan_of(project, way=way), folder, tmp_path, monkeypatch, version="2024.2")
    assert said[0].startswith(f"{name} builds ")
    assert said[0].endswith(f"all it prints is in {folder / LOG}")
    assert [re.sub(r"after \d+ min: ", "", line) for line in said[1:]] == [f"{name}, {phase}" for phase in phases]
    assert (folder / "top.bit").is_file()


@pytest.mark.parametrize(("mode", "told"), [
    ("missed", r"misses timing by 0\.312 ns: 96\.9 MHz instead of 100 MHz, worst path digits_"),
    ("too large", r"does not fit xc7z020clg400-1: LUT: 56422 of 53200, 3222 too many; DSP48E1: 240 of 220, 20 too many"),
    ("placer", r"does not fit xc7z020clg400-1: LUT as Logic: 60112 of 53200, 6912 too many"),
    ("licence", "Vivado has no licence for xc7z020clg400-1"),
    ("error", r"Vivado stopped: \[Synth 8-439\] module 'fifo' not found"),
    ("killed", r"Vivado was ended by signal 9 \(SIGKILL\)"),
    ("killed below", r"Vivado was ended by signal 9 \(SIGKILL\)"),
    ("silent", "Vivado ended with exit code 3"),
    ("no bitstream", "offramp: error: Vivado wrote no top.bit"),
])
def test_what_goes_wrong_is_told(mode: str, told: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OfframpError, match=told) as caught:
        run(plan_of(project), tmp_path / "run", tmp_path, monkeypatch, mode)
    assert caught.value.hint
    assert (tmp_path / "run" / LOG).is_file()


@pytest.mark.parametrize(("mode", "told"), [
    ("missed", r"misses timing: routed for 87\.5 MHz instead of 100 MHz"),
    ("untaken", r"nextpnr-xilinx does not take RAM256X1S"),
    ("broken", r"nextpnr-xilinx ended with 1; Unable to place cell 'd', no Bels"),
])
def test_what_goes_wrong_in_the_open_flow(
    mode: str, told: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OfframpError, match=told) as caught:
        run(plan_of(project, way="open"), tmp_path / "run", tmp_path, monkeypatch, mode)
    assert caught.value.hint


@pytest.mark.parametrize("way", ["vivado", "open"])
def test_what_a_run_before_left_is_not_taken_for_this_ones(
    way: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, folder = plan_of(project, way=way), tmp_path / "run"
    run(plan, folder, tmp_path, monkeypatch)
    (folder / "top_project").mkdir()
    kept = folder / "notes.txt"
    kept.touch()
    with pytest.raises(OfframpError, match=r"exit code 3|ended with 1"):
        run(plan, folder, tmp_path, monkeypatch, {"vivado": "silent", "open": "broken"}[way])
    assert not (folder / "top.bit").exists()
    assert not (folder / "top_project").exists()
    assert not (folder / "top_timing.rpt").exists()
    assert kept.is_file()
