"""What carry chains ask of the LUTs beside them, and how many LUTs are left when small ones are paired.

A CARRY4 of 7-series takes each of its four ``S`` from the output O6 of the LUT beside it and from nowhere else (UG474, figure 2-24): two
tables that drive ``S`` never share a LUT, and what comes to an ``S`` from a register, another chain, an inverter or a table that drives
another ``S`` too passes through a LUT of its own. Yosys counts neither.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CarryUse", "carry_use", "paired_luts"]


@dataclass(frozen=True, kw_only=True)
class CarryUse:
    """Places beside carry chains that are ``taken``, the cells LUT1 to LUT6 and LUT6_2 that drive one by themselves, by kind, and those
    that share the LUT of such a one, as the design says (``HLUTNM``)."""

    taken: int
    tables: dict[str, int]
    sharing: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        """LUTs that only pass on what comes from elsewhere."""
        return self.taken - sum(self.tables.values())


def carry_use(module: Mapping[str, Any]) -> CarryUse:
    """Of a mapped ``module``, as Yosys' ``write_json`` gives it. An ``S`` that is constant takes no place."""
    tables: dict[int, tuple[str, str]] = {}
    sites: list[int] = []
    for name, cell in module["cells"].items():
        if cell["type"].startswith("LUT"):
            tables |= {bit: (name, cell["type"]) for port in ("O", "O6") for bit in cell["connections"].get(port, ())}
        elif cell["type"] == "CARRY4":
            sites += [bit for bit in cell["connections"]["S"] if isinstance(bit, int)]
    driving = {tables[bit] for bit in sites if bit in tables}
    sharing = [cell["type"] for name, cell in module["cells"].items()
               if "HLUTNM" in cell.get("attributes", ()) and (name, cell["type"]) not in driving]
    paired = sum("HLUTNM" in module["cells"][name].get("attributes", ()) for name, _ in driving)
    return CarryUse(taken=len(sites), tables=dict(sorted(Counter(kind for _, kind in driving).items())),
                    sharing=dict(sorted(Counter(sharing[:paired]).items())))


def paired_luts(cells: Mapping[str, int]) -> int:
    """LUTs that tables of these sizes take when every two that together have few enough inputs share one, by Yosys' rule (its
    ``estimated_num_lc``): a LUT5 with a LUT1, a LUT4 or LUT3 with a LUT1 or LUT2, these among themselves. Sizes alone are looked at, so it
    can be too hopeful."""
    left = {inputs: cells.get(f"LUT{inputs}", 0) for inputs in range(1, 7)}
    luts = left[6]
    for large, small in ((5, (1,)), (4, (1, 2)), (3, (1, 2))):
        room = left[large]
        luts += room
        for inputs in small:
            beside = min(room, left[inputs])
            room -= beside
            left[inputs] -= beside
    return luts + (left[2] + left[1] + 1) // 2
