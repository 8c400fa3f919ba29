"""What ``offramp build`` prints, with stand-ins for the tools and a network that is compiled already."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from build_flows.base.errors import OfframpError
from build_flows.cli.main import cli
from build_flows.project.load import Project
from build_flows.steps import flow
from tests.build_flows.board import fake_open, fake_vivado
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.compiled import CompiledFlow
from tests.build_flows.board.test_follow import alive
from tests.test_layering import ROOT

Call = Callable[..., Result]


@pytest.fixture
def call(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans: None) -> Call:
    """``call(*options, mode=)``: ``offramp build`` of the toy, with stand-ins of that mode on PATH, or no tools."""
    monkeypatch.setattr(flow, "Flow", CompiledFlow)

    def run(*options: str, mode: str | None = "ok") -> Result:
        tools = tmp_path / "bin"
        for name in ("vivado", *fake_open.PROGRAMS):
            (tools / name).unlink(missing_ok=True)
        if mode is not None:
            fake_vivado.install(tools, mode)
            fake_open.install(tools, mode)
        for name, value in fake_open.environment(tools).items():
            monkeypatch.setenv(name, value)
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
    assert found == {"project": "digits", "output": str(project.output), "board": "pynq-z1", "part": "xc7z020clg400-1", "open": None,
                     "plan": None, "folder": str(project.output / "bitstream")}
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


def test_the_open_flow(call: Call, project: Project) -> None:
    ran = call("--flow", "open")
    assert ran.exit_code == 0, ran.output
    assert next(line for line in ran.stdout.splitlines() if "LUT of logic" in line).split()[-4:] == ["1,100", "53,200", "2.1", "%"]
    for told in ("digits on pynq-z2, by the open flow (nextpnr-xilinx 0.8.2, yosys 0.48)", "routed by nextpnr-xilinx: 120 MHz, of 100 MHz"):
        assert told in " ".join(ran.stdout.split())
    found = json.loads((project.output / "resources.json").read_text())
    assert (found["vivado"], found["open"]["timing"]) == (None, {"clock_mhz": 100.0, "fmax_mhz": 120.0, "met": True})


def test_a_plan_needs_no_tools_and_what_came_of_it_is_taken_in(call: Call, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "plans" / "digits.zip"
    ran = call("--plan", str(file), mode=None)
    assert ran.exit_code == 0, ran.output
    first, *told = ran.stdout.splitlines()
    assert first == str(file)
    assert "Vivado 2022.2 or newer" in told[0]
    assert "sh NAME/build_top.sh" in told[0]
    assert f"offramp build {project.file} --from NAME" in told[1]
    assert file.read_bytes() == (project.output / "plan-vivado.zip").read_bytes()
    assert not (project.output / "synthesis.json").exists()
    found = json.loads(call("--plan", str(file), "--json", mode=None).stdout)
    assert (found["plan"], found["folder"], found["vivado"]) == (str(file), None, None)
    assert "must be a file" in str(call("--plan", str(tmp_path)).exception)

    away = built_elsewhere(project, tmp_path)
    assert call("--from", str(away), mode=None).exit_code == 0
    assert (project.output / "bitstream" / "bitstream.json").is_file()
    assert "was built by --flow vivado, not open" in str(call("--from", str(away), "--flow", "open", mode=None).exception)


def test_options_of_the_open_flow_go_into_its_plan(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "plan.zip"
    assert call("--plan", str(file), "--flow", "open", "--chipdb", "{device}.bin", "--assembler", "fasm2frames").exit_code == 0
    with zipfile.ZipFile(file) as archive:
        script = archive.read("build_top.sh").decode()
    assert "/xc7z020.bin" in script
    assert "xc7frames2bit" in script
    assert "fpga-as" not in script


@pytest.mark.parametrize(("options", "mode", "told"), [
    ([], None, "vivado is not on PATH"),
    (["--from", "none"], None, "--from none: none is no folder"),
    ([], "missed", "misses timing by 0.312 ns: 96.9 MHz instead of 100 MHz"),
    ([], "too large", "does not fit xc7z020clg400-1: LUT: 56422 of 53200, 3222 too many"),
    (["--flow", "open"], None, "the open flow lacks yosys, nextpnr-xilinx, fpga-as"),
    (["--board", "nexys"], None, "no board is called 'nexys'; known are arty-z7-20, cora-z7-10"),
    (["--plan", "x", "--from", "x"], "ok", "give one of them"),
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


def test_a_board_may_be_a_file(call: Call, project: Project, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\npart = "xc7z020clg400-1"\n')
    text = project.file.read_text()
    project.file.write_text(text.replace('board = "pynq-z2"', 'board = "mine.toml"'))
    assert project.file.read_text() != text
    found = json.loads(call("--json").stdout)
    assert (found["board"], found["vivado"]["board"]) == ("mine", "mine")


def test_a_clock_that_cannot_be_had_is_told_at_once(call: Call, project: Project) -> None:
    text = project.file.read_text()
    changed = text.replace("clock_mhz = 125.0", "clock_mhz = 260.0")
    assert changed != text
    project.file.write_text(changed)
    assert "must be above 0 and at most 250 MHz, not 260" in str(call().exception)


@pytest.mark.slow
def test_ctrl_c_ends_vivado_and_leaves_the_folder_free(project: Project, tmp_path: Path) -> None:
    """The real command, in a process of its own; only training and synthesis are left out."""
    fake_vivado.install(tmp_path / "bin", "slow")
    program = ("from build_flows.steps import flow; from tests.build_flows.board.compiled import CompiledFlow; flow.Flow = CompiledFlow; "
               "from build_flows.cli.main import main; main()")
    environment = {**os.environ, "PATH": fake_vivado.path_with(tmp_path / "bin"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, "build", str(project.file)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    file, until = project.output / "vivado" / "processes", time.monotonic() + 120
    while not (file.is_file() and len(file.read_text().split()) == 3) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-2].startswith("offramp: interrupted")
    assert "Traceback" not in errors
    assert not any(alive(int(number)) for number in file.read_text().split())
