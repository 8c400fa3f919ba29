"""What ``offramp package`` prints, with a network that is compiled already."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from build_flows.base.errors import OfframpError
from build_flows.cli.main import cli
from build_flows.project.load import Project
from build_flows.steps import flow, package
from hw.accelerator import build_id
from hw.netlist import load
from tests.build_flows.board.bitstreams import put_bitstream, toy_data
from tests.build_flows.board.compiled import CompiledFlow
from tests.build_flows.board.golden_toy import write_golden

Call = Callable[..., Result]


@pytest.fixture
def call(project: Project, monkeypatch: pytest.MonkeyPatch) -> Call:
    """``call(*options)``: ``offramp package`` of the toy."""
    write_golden(project.output, load((project.output / "netlist.json").read_text()))
    monkeypatch.setattr(flow, "Flow", CompiledFlow)
    monkeypatch.setattr(package, "dataset", toy_data)
    return lambda *options: CliRunner().invoke(cli, ["package", str(project.file), *options])


def test_table(call: Call, project: Project) -> None:
    netlist = load((project.output / "netlist.json").read_text())
    put_bitstream(project.output, netlist)
    ran = call()
    assert ran.exit_code == 0, ran.output
    for told in ("Pynq-Z2, xc7z020clg400-1", f"{build_id(netlist):08x}", "package", f"now: offramp deploy {project.file} --host"):
        assert told in ran.stdout
    assert "tar.gz" not in ran.stdout


@pytest.mark.parametrize("tar", [False, True])
def test_json(call: Call, project: Project, tar: bool) -> None:
    netlist = load((project.output / "netlist.json").read_text())
    put_bitstream(project.output, netlist)
    ran = call("--json", *(["--tar"] if tar else []))
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    folder = project.output / "package"
    files = [path for path in folder.rglob("*") if path.is_file()]
    archive = project.output / "toy-package.tar.gz"
    assert found == {
        "project": "digits", "output": str(project.output), "folder": str(folder), "archive": str(archive) if tar else None,
        "board": "pynq-z2", "build": build_id(netlist), "files": len(files), "bytes": sum(path.stat().st_size for path in files)}
    assert archive.exists() is tar


def test_board(call: Call, project: Project) -> None:
    put_bitstream(project.output, load((project.output / "netlist.json").read_text()), board="pynq-z1")
    assert json.loads(call("--json", "--board", "pynq-z1").stdout)["board"] == "pynq-z1"


def test_without_a_bitstream(call: Call, project: Project) -> None:
    ran = call("--json")
    assert ran.exit_code != 0
    assert ran.stdout == ""
    assert isinstance(ran.exception, OfframpError)
    assert "digits has no bitstream yet" in str(ran.exception)
    assert not (project.output / "package").exists()
