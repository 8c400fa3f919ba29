"""The order in which things must be done."""

import pytest

from build_flows.board.vivado_commands import Refused
from build_flows.board.vivado_state import VivadoState


def test_stages_follow_each_other():
    state = VivadoState()
    with pytest.raises(Refused, match="it needs synth_design before"):
        state.stage("opt_design")
    for name in ("synth_design", "opt_design", "place_design", "route_design"):
        state.stage(name)
    with pytest.raises(Refused, match="place_design: done already"):
        state.stage("place_design")


def test_nothing_is_open():
    for ask, message in ((VivadoState().opened, "no project is open"), (VivadoState().block, "no block design is open")):
        with pytest.raises(Refused, match=message):
            ask()


def test_a_module_reference_is_verilog(tmp_path):
    state = VivadoState()
    for name in ("top.sv", "top.v"):
        (tmp_path / name).write_text("module top(a);\n  input a;\nendmodule\n")
    state.files = {"top.sv": tmp_path / "top.sv"}
    assert state.find_module("top") is None
    state.files["top.v"] = tmp_path / "top.v"
    assert list(state.find_module("top").pins) == ["a"]
