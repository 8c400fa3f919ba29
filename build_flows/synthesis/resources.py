"""What a synthesised unit takes, counted from the cells of its mapped netlist."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from build_flows.base.errors import OfframpError
from build_flows.synthesis.carry_chains import CarryUse, paired_luts

__all__ = ["MEMORY_LUTS", "CellError", "Resources", "count_cells", "total"]

MEMORY_LUTS = {
    "RAM32X1S": 1, "RAM32X1S_1": 1, "RAM64X1S": 1, "RAM64X1S_1": 1, "RAM128X1S": 2, "RAM128X1S_1": 2, "RAM256X1S": 4,
    "RAM32X1D": 2, "RAM32X1D_1": 2, "RAM64X1D": 2, "RAM64X1D_1": 2, "RAM128X1D": 4,
    "RAM32M": 4, "RAM64M": 4,
    "SRL16": 1, "SRL16E": 1, "SRLC16": 1, "SRLC16E": 1, "SRLC32E": 1, "CFGLUT5": 1,
}
"""LUTs that each memory and shift register of 7-series takes, of those in Yosys' library (the ones for other families refuse)."""

_LUTS = {*(f"LUT{inputs}" for inputs in range(1, 7)), "LUT6_2"}
_FREE = {"INV", "MUXF7", "MUXF8", "VCC", "GND", "$scopeinfo"}
_REGISTER = re.compile(r"(FD[CPRS]E|LD[CP]E)(_1)?")


class CellError(OfframpError):
    """A netlist has cells that have no place in the sums; the message lists them."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a unit takes.

    ``lut`` counts cells LUT1 to LUT6, one each, before two small ones are paired into one LUT of the device (LUT6_2 is such a pair already,
    as are two that the design has share one), and the LUTs that carry chains need to pass on what no table makes
    (:mod:`build_flows.synthesis.carry_chains`; an inverter at a chain is one of these, others go into the LUT before or behind them).
    ``lut_paired`` is what is left after pairing, but no two that drive carry chains: it looks at sizes only, so it can be too hopeful.
    Neither has memories or shift registers in it: ``lutram`` is the LUTs those take (:data:`MEMORY_LUTS`).

    ``ff`` are flip-flops and latches, ``dsp`` DSP48E1, ``bram36`` blocks of 36 kbit (one of 18 kbit is half), ``carry`` CARRY4, of which
    a slice has one. ``cells`` is how many there are of each cell, by its name in the vendor's library.
    """

    lut: int
    lut_paired: int
    lutram: int
    ff: int
    dsp: int
    bram36: float
    carry: int
    cells: dict[str, int]


def count_cells(cells: Mapping[str, int], chains: CarryUse) -> Resources:
    """The sums over ``cells``, and what their carry ``chains`` take beside them.

    Raises :class:`CellError` for a cell that has no place in the sums, rather than leave it out.
    """

    def amount(kinds: Sequence[str]) -> int:
        return sum(cells.get(kind, 0) for kind in kinds)

    registers = [kind for kind in cells if _REGISTER.fullmatch(kind)]
    known = {*_LUTS, *_FREE, *MEMORY_LUTS, *registers, "DSP48E1", "RAMB18E1", "RAMB36E1", "CARRY4"}
    unknown = sorted(set(cells) - known)
    if unknown:
        raise CellError(f"the netlist has cells that are not counted: {', '.join(unknown)}")
    beside = {kind: cells.get(kind, 0) - chains.tables.get(kind, 0) - chains.sharing.get(kind, 0) for kind in _LUTS}
    return Resources(
        lut=amount(sorted(_LUTS)) + chains.passed - sum(chains.sharing.values()),
        lut_paired=chains.taken + paired_luts(beside) + beside.get("LUT6_2", 0),
        lutram=sum(luts * cells.get(kind, 0) for kind, luts in MEMORY_LUTS.items()),
        ff=amount(registers),
        dsp=amount(["DSP48E1"]),
        bram36=amount(["RAMB36E1"]) + amount(["RAMB18E1"]) / 2,
        carry=amount(["CARRY4"]),
        cells=dict(sorted((kind, count) for kind, count in cells.items() if not kind.startswith("$"))),
    )


def total(units: Iterable[Resources]) -> Resources:
    """The sum of ``units``."""
    found = tuple(units)
    cells: dict[str, int] = {}
    for unit in found:
        for kind, count in unit.cells.items():
            cells[kind] = cells.get(kind, 0) + count
    return Resources(
        lut=sum(unit.lut for unit in found), lut_paired=sum(unit.lut_paired for unit in found), lutram=sum(unit.lutram for unit in found),
        ff=sum(unit.ff for unit in found), dsp=sum(unit.dsp for unit in found), bram36=sum(unit.bram36 for unit in found),
        carry=sum(unit.carry for unit in found), cells=dict(sorted(cells.items())),
    )
