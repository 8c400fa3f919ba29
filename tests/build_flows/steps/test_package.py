"""A package is made when it must be, of this network's bitstream for this board, or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.platforms import PLATFORMS
from build_flows.project.load import Project
from build_flows.steps import package
from build_flows.steps.engine import Build
from build_flows.steps.flow import Flow
from build_flows.steps.package import make_archive, make_package
from hw.accelerator import build_id
from hw.netlist import Netlist, load
from tests.build_flows.board.bitstreams import put_bitstream, toy_data
from tests.build_flows.board.compiled import flow_of
from tests.build_flows.board.golden_toy import write_golden
from tests.toy import build

Make = Callable[..., tuple[Path, list[str]]]


def netlist_of(project: Project) -> Netlist:
    return load((project.output / "netlist.json").read_text())


@pytest.fixture
def make(project: Project, monkeypatch: pytest.MonkeyPatch) -> Make:
    """``make(board, tar=)``: the steps up to a package; what was made, and the steps that ran."""
    write_golden(project.output, netlist_of(project))
    monkeypatch.setattr(package, "dataset", toy_data)

    def run(board: str = "pynq-z2", *, tar: bool = False) -> tuple[Path, list[str]]:
        with Build(project.output) as steps:
            flow: Flow = flow_of(project, steps)
            return (make_archive if tar else make_package)(flow, PLATFORMS[board]), steps.ran

    return run


def test_made_once(make: Make, project: Project) -> None:
    put_bitstream(project.output, netlist_of(project))
    folder, ran = make()
    assert (folder, ran) == (project.output / "package", ["package"])
    assert (folder / "toy.bit").is_file()
    assert make()[1] == []
    archive, ran = make(tar=True)
    assert (archive, ran) == (project.output / "toy-package.tar.gz", ["package-archive"])
    assert make(tar=True)[1] == []


@pytest.mark.parametrize("name", ["exits.json", "golden.npz"])
def test_made_anew_when_what_goes_in_changes(make: Make, project: Project, name: str) -> None:
    put_bitstream(project.output, netlist_of(project))
    make()
    changed = project.output / name
    if name == "exits.json":
        changed.write_text(changed.read_text() + "\n")
    else:
        with changed.open("ab") as file:
            file.write(b"\0")
    assert make()[1] == ["package"]


def test_made_anew_for_another_build_of_the_same_network(make: Make, project: Project) -> None:
    put_bitstream(project.output, netlist_of(project))
    make()
    put_bitstream(project.output, netlist_of(project), date="2026/01/01")
    folder, ran = make()
    assert ran == ["package"]
    assert b"2026/01/01" in (folder / "toy.bit").read_bytes()


def test_a_damaged_package_is_made_anew(make: Make, project: Project) -> None:
    put_bitstream(project.output, netlist_of(project))
    folder, _ = make()
    (folder / "toy.bit").write_bytes(b"")
    assert make()[1] == ["package"]


def test_without_a_bitstream_nothing_is_compiled(make: Make, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.build_flows.board.compiled.CompiledFlow.compile", lambda self: pytest.fail("compiled in vain"))
    with pytest.raises(OfframpError, match=r"digits has no bitstream yet: .*bitstream\.json is missing") as caught:
        make()
    hint = caught.value.hint or ""
    assert f"`offramp build {project.file}`" in hint
    assert "--plan FILE" in hint
    assert "--from FOLDER" in hint


def test_a_bitstream_of_an_earlier_network(make: Make, project: Project) -> None:
    earlier = build(None, thresholds=(501,))
    put_bitstream(project.output, earlier)
    with pytest.raises(OfframpError, match=f"its build is {build_id(earlier):08x}, not {build_id(netlist_of(project)):08x}"):
        make()
    assert not (project.output / "package").exists()


def test_a_bitstream_for_another_board(make: Make, project: Project) -> None:
    put_bitstream(project.output, netlist_of(project), board="pynq-z1")
    with pytest.raises(OfframpError, match="is for pynq-z1, not for pynq-z2") as caught:
        make()
    assert "--board pynq-z2" in (caught.value.hint or "")
    assert make("pynq-z1")[1] == ["package"]


def test_a_bitstream_that_is_not_whole(make: Make, project: Project) -> None:
    put_bitstream(project.output, netlist_of(project))
    (project.output / "bitstream" / "toy.bit").write_bytes(b"")
    with pytest.raises(OfframpError, match="is not whole"):
        make()


def test_a_bit_for_another_part(make: Make, project: Project) -> None:
    """Described as whole, and yet of another part."""
    put_bitstream(project.output, netlist_of(project), part="xc7z010clg400-1")
    with pytest.raises(OfframpError, match=r"toy\.bit: part must be 7z020clg400, not 7z010clg400"):
        make()
    assert not (project.output / "package").exists()
