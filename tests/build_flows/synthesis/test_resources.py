"""Cells are counted for what they take, and none is left out unseen."""

import re
from importlib import util
from pathlib import Path

import pytest

from build_flows.synthesis.carry_chains import CarryUse
from build_flows.synthesis.resources import MEMORY_LUTS, CellError, Resources, count_cells, total

NONE = CarryUse(taken=0, tables={})


def test_cells_that_have_no_place_in_the_sums_are_refused() -> None:
    with pytest.raises(CellError, match=r"^the netlist has cells that are not counted: BUFG, RAM64M8$"):
        count_cells({"LUT6": 1, "RAM64M8": 1, "BUFG": 2}, NONE)


def test_sums_by_kind() -> None:
    cells = {"LUT1": 1, "LUT6": 2, "LUT6_2": 5, "FDSE_1": 3, "RAMB36E1": 2, "RAMB18E1": 3, "RAM256X1S": 2, "$scopeinfo": 4}
    assert count_cells(cells, NONE) == Resources(
        lut=8, lut_paired=8, lutram=8, ff=3, dsp=0, bram36=3.5, carry=0,
        cells={key: count for key, count in sorted(cells.items()) if key[0] != "$"})


def test_tables_beside_carry_chains_are_not_paired_and_what_is_passed_on_takes_a_lut() -> None:
    cells = {"LUT1": 2, "LUT2": 10, "LUT3": 2, "LUT6_2": 2, "CARRY4": 3, "INV": 1, "FDRE": 4}
    assert (count_cells(cells, NONE).lut, count_cells(cells, NONE).lut_paired) == (16, 9)
    # Nine S: of six LUT2 and a LUT6_2, and two from elsewhere. Left are two LUT1, four LUT2, two LUT3 and a LUT6_2.
    found = count_cells(cells, CarryUse(taken=9, tables={"LUT2": 6, "LUT6_2": 1}))
    assert (found.lut, found.lut_paired, found.carry) == (16 + 2, 9 + 2 + 2 + 1, 3)


def test_a_total_is_the_sum_of_its_units() -> None:
    a = count_cells({"LUT1": 1, "FDRE": 2, "DSP48E1": 3}, NONE)
    b = count_cells({"LUT1": 4, "CARRY4": 5, "RAMB18E1": 1, "SRL16E": 2}, NONE)
    assert total([a, b]) == Resources(
        lut=5, lut_paired=3, lutram=2, ff=2, dsp=3, bram36=0.5, carry=5,
        cells={"CARRY4": 5, "DSP48E1": 3, "FDRE": 2, "LUT1": 5, "RAMB18E1": 1, "SRL16E": 2})
    assert total([]) == Resources(lut=0, lut_paired=0, lutram=0, ff=0, dsp=0, bram36=0, carry=0, cells={})


def test_every_memory_of_yosys_library_is_counted_or_of_another_family() -> None:
    found = util.find_spec("pyosys")
    assert found is not None
    assert found.origin is not None
    library = (Path(found.origin).parent / "share" / "xilinx" / "cells_sim.v").read_text()
    memories = set(re.findall(r"^module ((?:RAM\d+[XM]|SRL|CFGLUT)\w*)", library, re.MULTILINE))
    older = {name for name in memories if re.match(r"RAM16X|RAM\d+X[248]S$", name)}
    newer = {"RAM32M16", "RAM64M8", "RAM256X1D", "RAM512X1S", "RAM32X16DR8", "RAM64X8SW"}
    assert memories == set(MEMORY_LUTS) | older | newer
