"""The open flow's tools are found, or named with where they come from."""

from pathlib import Path

import pytest

from build_flows.board.open_plan import OpenTools
from build_flows.board.open_tools import OpenFlowError, find_open, pieces
from build_flows.board.platforms import PLATFORMS
from tests.build_flows.board import fake_open

BOARD = PLATFORMS["pynq-z2"]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that tools may be put into, the only one on PATH, and where databases are looked for."""
    for name, value in fake_open.environment(tmp_path / "bin").items():
        monkeypatch.setenv(name, value.removesuffix(":/usr/bin:/bin"))
    return tmp_path / "bin"


def test_a_whole_one_tells_its_versions(bare: Path) -> None:
    fake_open.install(bare)
    assert all(piece.found for piece in pieces())
    assert find_open(BOARD).versions == {"yosys": "0.48", "nextpnr-xilinx": "0.8.2"}


def test_what_is_missing_is_named(bare: Path) -> None:
    with pytest.raises(OpenFlowError, match="lacks yosys, nextpnr-xilinx, fpga-as, chip database, Project X-Ray's database") as caught:
        find_open(BOARD)
    assert "yosys-slang" in (caught.value.hint or "")
    assert "--plan" in (caught.value.hint or "")
    assert {piece.name: "openXC7" in piece.hint for piece in pieces()} == {
        "yosys": False, "nextpnr-xilinx": True, "fpga-as": True, "chip database": True, "Project X-Ray's database": True}
    fake_open.install(bare)
    (bare / "nextpnr-xilinx").unlink()
    with pytest.raises(OpenFlowError, match=r"lacks nextpnr-xilinx$") as caught:
        find_open(BOARD)
    assert "github.com/openXC7" in (caught.value.hint or "")


def test_the_environment_names_others(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_open.install(bare)
    (bare / "nextpnr-xilinx").rename(tmp_path / "mine")
    monkeypatch.setenv("NEXTPNR_XILINX", str(tmp_path / "mine"))
    assert find_open(BOARD).versions["nextpnr-xilinx"] == "0.8.2"


def test_other_parts_and_tools_need_others(bare: Path) -> None:
    fake_open.install(bare)
    with pytest.raises(OpenFlowError, match=r"lacks chip database$") as caught:
        find_open(PLATFORMS["zedboard"])
    assert "xc7z020clg484.bin" in (caught.value.hint or "")
    tools = OpenTools(chipdb="{device}.bin", assembler="fasm2frames")
    with pytest.raises(OpenFlowError, match=r"lacks fasm2frames, xc7frames2bit, chip database$"):
        find_open(BOARD, tools)


def test_a_tool_that_tells_no_version(bare: Path) -> None:
    fake_open.install(bare)
    (bare / "yosys").write_text("#!/bin/sh\nexit 1\n")
    assert find_open(BOARD).versions == {"nextpnr-xilinx": "0.8.2"}
