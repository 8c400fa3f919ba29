"""What carry chains take of the LUTs beside them, on modules made by hand, and pairs as Yosys counts them."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from build_flows.synthesis.carry_chains import CarryUse, carry_use, paired_luts
from build_flows.synthesis.resources import count_cells

Cell = tuple[str, dict[str, list[int | str]]]


def module(**cells: Cell) -> dict[str, Any]:
    """A mapped module, as Yosys writes it."""
    return {"cells": {name: {"type": kind, "connections": ends} for name, (kind, ends) in cells.items()}}


def chain(*s: int | str) -> Cell:
    return "CARRY4", {"S": list(s), "DI": ["0"] * 4, "CI": ["0"], "CYINIT": ["0"], "O": [90, 91, 92, 93], "CO": [94, 95, 96, 97]}


A, B = ("LUT2", {"I0": [2], "I1": [3], "O": [10]}), ("LUT4", {"I0": [2], "I1": [3], "I2": [4], "I3": [5], "O": [11]})


@pytest.mark.parametrize(("cells", "taken", "tables", "passed"), [
    pytest.param({"a": A, "b": B, "c": chain(10, 11, "0", "1")}, 2, {"LUT2": 1, "LUT4": 1}, 0, id="tables, and constants, which take none"),
    pytest.param({"a": A, "c": chain("0", "x", "1", "0")}, 0, {}, 0, id="a table beside no chain"),
    pytest.param({"r": ("FDRE", {"D": [10], "Q": [20]}), "a": A, "c": chain(20, "0", "0", "0")}, 1, {}, 1, id="a register"),
    pytest.param({"i": ("INV", {"I": [2], "O": [21]}), "c": chain(21, "0", "0", "0")}, 1, {}, 1, id="an inverter"),
    pytest.param({"s": ("SRL16E", {"D": [2], "Q": [22]}), "c": chain(22, "0", "0", "0")}, 1, {}, 1, id="a shift register"),
    pytest.param({"c": chain(2, 3, "0", "0")}, 2, {}, 2, id="a port"),
    pytest.param({"a": A, "b": chain(10, "0", "0", "0"), "c": chain(91, 92, "0", "0")}, 3, {"LUT2": 1}, 2, id="another chain"),
    pytest.param({"a": A, "b": chain(10, 10, "0", "0")}, 2, {"LUT2": 1}, 1, id="a table for two of a chain"),
    pytest.param({"a": A, "b": chain(10, "0", "0", "0"), "c": chain("0", 10, "0", "0")}, 2, {"LUT2": 1}, 1, id="a table for two chains"),
    pytest.param({"f": ("LUT6_2", {"I0": [2], "O6": [23], "O5": [24]}), "c": chain(23, 24, "0", "0")}, 2, {"LUT6_2": 1}, 1, id="O6 and O5"),
    pytest.param({"f": ("LUT6_2", {"I0": [2], "O6": [23], "O5": [24]}), "c": chain(24, "0", "0", "0")}, 1, {}, 1, id="O5 alone"),
    pytest.param({"r": ("RAM32M", {"O": [25]}), "m": ("MUXF7", {"O": [26]}), "c": chain(25, 26, "0", "0")}, 2, {}, 2,
                 id="a memory and a wide multiplexer"),
    pytest.param({"a": A, "b": B}, 0, {}, 0, id="no chain"),
])
def test_an_s_comes_from_the_table_beside_it_or_through_one(
    cells: dict[str, Cell], taken: int, tables: dict[str, int], passed: int
) -> None:
    found = carry_use(module(**cells))
    assert found == CarryUse(taken=taken, tables=tables)
    assert found.passed == passed


@pytest.mark.parametrize(("cells", "luts"), [
    ({}, 0),
    ({"LUT6": 3}, 3),
    ({"LUT6": 2, "LUT1": 2}, 3),                        # nothing goes into a LUT6
    ({"LUT5": 2, "LUT1": 1}, 2), ({"LUT5": 2, "LUT2": 2}, 3),
    ({"LUT4": 2, "LUT1": 1, "LUT2": 1}, 2), ({"LUT4": 2, "LUT3": 2}, 4),
    ({"LUT3": 2, "LUT1": 1, "LUT2": 1}, 2), ({"LUT3": 4, "LUT2": 1}, 4),
    ({"LUT2": 3}, 2), ({"LUT1": 1}, 1), ({"LUT2": 2, "LUT1": 3}, 3),
    # LUT1 go to the largest that has room for them, LUT2 to what is left
    ({"LUT5": 1, "LUT4": 2, "LUT3": 1, "LUT2": 2, "LUT1": 2}, 4),
    ({"LUT5": 1, "LUT4": 1, "LUT3": 1, "LUT2": 4, "LUT1": 3}, 5),
])
def test_pairs_by_hand(cells: dict[str, int], luts: int) -> None:
    assert paired_luts(cells) == luts


def test_pairs_are_those_of_yosys(tmp_path: Path) -> None:
    """Of what Yosys itself counts as ``estimated_num_lc``, over all combinations of none, few and many of each size."""
    from pyosys import libyosys as yosys

    draws = itertools.product((0, 3), (0, 2, 9), (0, 4), (0, 1, 5), (0, 2), (0, 1))
    counts = [dict(zip(range(1, 7), found, strict=True)) for found in draws if any(found)]
    lines = []
    for index, cells in enumerate(counts):
        body = [f"(* keep *) LUT{size} u{size}_{at} ();" for size, count in cells.items() for at in range(count)]
        lines.append(f"module m{index}; {' '.join(body)} endmodule")
    ports = "".join(f"(* blackbox *) module LUT{size}(); endmodule\n" for size in range(1, 7))
    (tmp_path / "luts.v").write_text(ports + "\n".join(lines))
    design = yosys.Design()
    yosys.run_pass(f"read_verilog {tmp_path / 'luts.v'}", design)
    yosys.run_pass(f"tee -q -o {tmp_path / 'stat.json'} stat -json -tech xilinx", design)
    told = json.loads((tmp_path / "stat.json").read_text())["modules"]
    for index, cells in enumerate(counts):
        wanted = told[f"\\m{index}"]["estimated_num_lc"]
        assert paired_luts({f"LUT{size}": count for size, count in cells.items()}) == wanted, cells


def test_only_an_s_ties_a_table_to_its_place() -> None:
    """Tables at DI or at the carry in stand where they like: these inputs have a way past the LUT."""
    cells = module(a=A, b=B, c=("CARRY4", {"S": ["0"] * 4, "DI": [10, 11, "0", "0"], "CI": [10], "CYINIT": [11], "O": [90], "CO": [94]}))
    assert carry_use(cells) == CarryUse(taken=0, tables={})


def test_tables_that_share_a_lut_by_name_are_one():
    """Of a sum's bit: the half drives the chain, the majority is beside it in the same LUT; one whose other is gone stands alone."""
    found = module(half=B, majority=("LUT3", {"I0": [2], "I1": [3], "I2": [4], "O": [12]}), other=A, c=chain(11, "0", "0", "0"))
    for name in ("half", "majority"):
        found["cells"][name]["attributes"] = {"HLUTNM": "bit"}
    assert carry_use(found) == CarryUse(taken=1, tables={"LUT4": 1}, sharing={"LUT3": 1})
    taken = count_cells({"LUT2": 1, "LUT3": 1, "LUT4": 1, "CARRY4": 1}, carry_use(found))
    assert (taken.lut, taken.lut_paired) == (2, 2)
    found["cells"]["c"]["connections"]["S"][0] = "0"
    assert carry_use(found).sharing == {}
