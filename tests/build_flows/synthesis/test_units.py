"""Every module of the top is in one unit, with what it needs, under a name that does not matter."""

import re
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.synthesis.units import ALIAS, KINDS, project_units, whole_unit
from hw.netlist import Netlist
from tests.toy_rtl import emit

PATIENT = {"id_bits": 4, "run_bits": 2}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Netlist, Path]:
    rtl = tmp_path_factory.mktemp("three") / "rtl"
    return emit(rtl, exits=3, policies=("patience", "patience", "always"), params=(PATIENT | {"first": True}, PATIENT, {})), rtl


def test_every_module_is_in_one_unit(three: tuple[Netlist, Path]) -> None:
    netlist, rtl = three
    units = project_units(netlist, rtl)
    text = (rtl / "accelerator.v").read_text()
    modules = re.findall(r"^module (?:\\(\S+)|(\w+))", text, re.MULTILINE)
    inside = sum(len(re.findall(r"^module ", item.unit.verilog, re.MULTILINE)) for item in units if item.name != "top")
    assert inside == len(modules) - 1
    top = units[-1]
    assert top.name == "top"
    assert top.unit.verilog.count("(* blackbox *)") == len(units) - 1
    assert {item.kind for item in units} == set(KINDS)


def test_kinds_stages_and_what_exits_cost(three: tuple[Netlist, Path]) -> None:
    found = {item.name: item for item in project_units(*three)}
    layers = {layer.name for layer in three[0].layers}
    assert {name for name, item in found.items() if item.kind in ("layer", "fork")} == layers
    rows = {
        "stage0_pool0": ("layer", 0, False, False), "head0_sum0": ("layer", 0, True, True), "head2_sum0": ("layer", 2, True, False),
        "stage1_slow0": ("layer", 1, False, False), "fork1": ("fork", 1, False, True), "gate1": ("gate", 1, False, True),
        "verdicts0": ("gate", 0, False, True), "decision0": ("decision", 0, True, True), "decision2": ("decision", 2, True, False),
        "decided0": ("decision", 0, True, True),
        "runs0": ("decision", 0, True, True), "router1": ("router", 1, True, True), "tokens0": ("router", None, False, False),
        "tokens1": ("router", 0, True, True), "results0": ("merge", 0, True, True), "merge": ("merge", None, False, True),
        "registers": ("control", None, False, False), "top": ("control", None, False, False),
    }
    wrong = {name: (item.kind, item.stage, item.head, item.exit_cost) for name, item in found.items()
             if name in rows and (item.kind, item.stage, item.head, item.exit_cost) != rows[name]}
    assert not wrong
    assert set(rows) <= set(found)


def test_without_early_exits_they_cost_nothing(tmp_path: Path) -> None:
    netlist = emit(tmp_path / "rtl", exits=1)
    assert not any(item.exit_cost for item in project_units(netlist, tmp_path / "rtl"))


def test_equal_units_are_the_same_whatever_their_names(three: tuple[Netlist, Path]) -> None:
    found = {item.name: item.unit for item in project_units(*three)}
    assert found["gate0"] == found["gate1"]
    assert found["fork0"] != found["gate0"]
    for name, unit in found.items():
        if name != "top":
            assert f"module \\accelerator.{ALIAS} " in unit.verilog
            assert not re.search(rf"(?<![\w$]){name}", unit.verilog)


def test_a_layer_brings_its_files(three: tuple[Netlist, Path]) -> None:
    unit = next(item.unit for item in project_units(*three) if item.name == "head1_sum0")
    (source,) = unit.system
    assert source.name == f"{ALIAS}.v"
    assert source.origin == str(three[1] / "head1_sum0.v")
    assert f"module {ALIAS}" in source.text
    assert unit.roots == (ALIAS,)


def test_the_whole_has_every_file_once(three: tuple[Netlist, Path]) -> None:
    netlist, rtl = three
    whole = whole_unit(netlist, rtl)
    assert sorted(source.name for source in whole.system) == sorted({name for layer in netlist.layers for name in layer.files})
    assert whole.verilog == (rtl / "accelerator.v").read_text()


def test_rtl_of_another_netlist(three: tuple[Netlist, Path], tmp_path: Path) -> None:
    emit(tmp_path / "rtl", exits=1)
    with pytest.raises(OfframpError, match="has no layer fork0"):
        project_units(three[0], tmp_path / "rtl")
    with pytest.raises(OfframpError, match=r"accelerator\.v is missing"):
        project_units(three[0], tmp_path)
