"""The check of a project folder: what it says of a whole one, what it needs, that it leaves the folder alone."""

import shutil

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board.boards import find_board
from build_flows.board.check import CheckError, check_project, project_arguments
from build_flows.board.design import arguments
from tests.build_flows.board.projects import edit, project

needs_tclsh = pytest.mark.skipif(shutil.which("tclsh") is None, reason="needs tclsh (apt-get install tcl)")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return project(tmp_path_factory.mktemp("check"))


@needs_tclsh
def test_every_connection_is_checked_and_the_folder_left_as_it_was(made):
    folder, _ = made
    before = hash_path(folder)
    found = check_project(folder)
    assert hash_path(folder) == before
    assert (found.cells, found.connections, found.interfaces, found.addresses) == (8, 35, 11, 5)
    assert set(found.left_open) == {
        "/axi_dma_0/mm2s_prmry_reset_out_n", "/axi_dma_0/s2mm_prmry_reset_out_n", "/proc_sys_reset_0/aux_reset_in",
        "/proc_sys_reset_0/mb_debug_sys_rst", "/proc_sys_reset_0/dcm_locked", "/proc_sys_reset_0/mb_reset",
        "/proc_sys_reset_0/bus_struct_reset", "/proc_sys_reset_0/peripheral_reset",
        "/processing_system7_0/S_AXI_HP0_FIFO_CTRL", "/processing_system7_0/USBIND_0"}


def test_arguments_are_those_of_the_script(made):
    folder, netlist = made
    assert project_arguments(folder) == arguments(netlist, find_board("pynq-z2"))


def test_a_script_without_arguments(tmp_path):
    (tmp_path / "build.sh").write_text("#!/bin/sh\nexec vivado\n")
    with pytest.raises(CheckError, match="gives no -tclargs"):
        project_arguments(tmp_path)


@needs_tclsh
def test_an_error_says_where_in_the_tcl(tmp_path):
    folder, _ = project(tmp_path)
    edit(folder, "tcl/implement.tcl", "        route_design\n", "        route_design -fast\n")
    with pytest.raises(CheckError, match="route_design: unknown option -fast") as caught:
        check_project(folder)
    assert '(procedure "::offramp::implement"' in caught.value.hint or '(procedure "implement"' in caught.value.hint


def test_without_tclsh(made, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OfframpError, match="tclsh is not on PATH") as caught:
        check_project(made[0])
    assert caught.value.hint == "apt-get install tcl"
