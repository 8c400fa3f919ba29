"""What ``offramp build`` prints, with a stand-in for Vivado and a network that is compiled already."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from build_flows.base.errors import OfframpError
from build_flows.cli.main import cli
from build_flows.project.load import Project
from build_flows.steps import flow
from tests.build_flows.board import fake_vivado
from tests.build_flows.board.compiled import CompiledFlow
from tests.build_flows.board.test_vivado import alive
from tests.test_layering import ROOT

Call = Callable[..., Result]


@pytest.fixture
def call(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """``call(*options, mode=)``: ``offramp build`` of the toy, with a stand-in of that mode on PATH, or no Vivado."""
    monkeypatch.setattr(flow, "Flow", CompiledFlow)

    def run(*options: str, mode: str | None = "ok") -> Result:
        (tmp_path / "bin" / "vivado").unlink(missing_ok=True)
        if mode is not None:
            fake_vivado.install(tmp_path / "bin", mode, netlist=project.output / "netlist.json")
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin")
        return CliRunner().invoke(cli, ["build", str(project.file), *options])

    return run


def test_figures_and_the_bitstreams_place(call: Call, project: Project) -> None:
    ran = call()
    assert ran.exit_code == 0, ran.output
    assert "…" not in ran.stdout
    assert next(line for line in ran.stdout.splitlines() if "LUT of logic" in line).split()[-4:] == ["18,214", "53,200", "34.2", "%"]
    assert next(line for line in ran.stdout.splitlines() if "BRAM36" in line).split()[-4:] == ["8.5", "140", "6.1", "%"]
    for told in ("digits on pynq-z2, by Vivado 2022.2", "meets 100 MHz by 0.312 ns (about 103.2 MHz)", "1.83 W",
                 f"bitstream: {project.output / 'bitstream'}"):
        assert told in ran.stdout


def test_json(call: Call, project: Project) -> None:
    found = json.loads(call("--json", "--board", "pynq-z1").stdout)
    assert found.pop("vivado")["timing"]["met"] is True
    assert found == {"project": "digits", "output": str(project.output), "board": "pynq-z1", "part": "xc7z020clg400-1",
                     "folder": str(project.output / "bitstream")}
    resources = json.loads((project.output / "resources.json").read_text())
    assert (resources["vivado"]["board"], resources["whole"]) == ("pynq-z1", None)


def test_a_synthesis_of_the_whole_top_is_kept(call: Call, project: Project) -> None:
    call()
    synthesis = project.output / "synthesis.json"
    found = json.loads(synthesis.read_text())
    whole = {**found["total"], "difference": dict.fromkeys(found["total"], 0.0)}
    synthesis.write_text(json.dumps({**found, "whole": whole}))
    assert call().exit_code == 0
    assert json.loads((project.output / "resources.json").read_text())["whole"] == whole


def test_project_only_needs_no_vivado_and_its_results_are_taken_in(call: Call, project: Project, tmp_path: Path) -> None:
    ran = call("--project-only", mode=None)
    assert ran.exit_code == 0, ran.output
    folder, *told = ran.stdout.splitlines()
    assert folder == str(project.output / "vivado")
    assert "build.sh" in told[0]
    assert f"offramp build {project.file} --from" in told[1]
    assert not (project.output / "synthesis.json").exists()
    assert json.loads(call("--project-only", "--json", mode=None).stdout)["vivado"] is None

    away = Path(shutil.copytree(folder, tmp_path / "away"))
    fake_vivado.install(tmp_path / "theirs", netlist=project.output / "netlist.json")
    subprocess.run([away / "build.sh"], env={**os.environ, "PATH": fake_vivado.path_with(tmp_path / "theirs")}, check=True,
                   capture_output=True)
    assert call("--from", str(away), mode=None).exit_code == 0
    assert (project.output / "bitstream" / "bitstream.json").is_file()


@pytest.mark.parametrize(("options", "mode", "told"), [
    ([], None, "vivado is not on PATH"),
    (["--from", "none"], None, "--from none: none is no folder"),
    ([], "missed", "misses timing by 0.312 ns: 96.9 MHz instead of 100 MHz"),
    ([], "too large", "does not fit xc7z020clg400-1: LUT: 56422 of 53200, 3222 too many"),
    (["--project-only", "--from", "x"], "ok", "give one of them"),
])
def test_bad_input(options: list[str], mode: str | None, told: str, call: Call) -> None:
    ran = call(*options, mode=mode)
    assert ran.exit_code != 0
    assert told in f"{ran.output} {ran.exception}"


@pytest.mark.parametrize(("options", "told"), [([], "vivado is not on PATH"), (["--from", "none"], "none is no folder")])
def test_it_is_told_before_anything_is_trained(
    options: list[str], told: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CompiledFlow, "synth", lambda *args, **more: pytest.fail("trained in vain"))
    ran = call(*options, mode=None)
    assert isinstance(ran.exception, OfframpError)
    assert told in ran.exception.message


@pytest.mark.parametrize(("options", "mode"), [((), "ok"), ((), None), (("--project-only",), None), (("--from", "nowhere"), None)])
def test_answers_of_every_exit_are_refused_at_once(options: tuple[str, ...], mode: str | None, call: Call, project: Project) -> None:
    text = project.file.read_text()
    changed = text.replace('mode = "all"', 'mode = "anytime"')
    assert changed != text
    project.file.write_text(changed)
    told = 'build.mode = "anytime": the board\'s driver takes one result an image'
    assert told in str(call(*options, mode=mode).exception)
    assert not (project.output / "vivado").exists()
    assert not (project.output / "bitstream").exists()


def test_a_clock_that_cannot_be_had_is_told_at_once(call: Call, project: Project) -> None:
    text = project.file.read_text()
    changed = text.replace("clock_mhz = 125.0", "clock_mhz = 260.0")
    assert changed != text
    project.file.write_text(changed)
    assert "must be above 0 and at most 250 MHz, not 260" in str(call().exception)


def test_ctrl_c_ends_vivado_and_leaves_the_folder_free(project: Project, tmp_path: Path) -> None:
    """The real command, in a process of its own; only training and synthesis are left out."""
    fake_vivado.install(tmp_path / "bin", "slow")
    program = ("from build_flows.steps import flow; from tests.build_flows.board.compiled import CompiledFlow; flow.Flow = CompiledFlow; "
               "from build_flows.cli.main import main; main()")
    environment = {**os.environ, "PATH": fake_vivado.path_with(tmp_path / "bin"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, "build", str(project.file)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    file, until = project.output / "vivado" / "processes", time.monotonic() + 60
    while not (file.is_file() and len(file.read_text().split()) == 3) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-2].startswith("offramp: interrupted")
    assert "Traceback" not in errors
    assert not any(alive(int(number)) for number in file.read_text().split())
