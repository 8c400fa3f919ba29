"""How often the bits of each unit of an accelerator change: what dynamic power follows from.

Signals of the RTL are counted once a cycle, as Verilator's SAIF trace has them (IEEE 1801 has the format). Glitches between two clock edges
are not among them, nor is anything that only placing and routing makes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.netlist import Netlist
from sim.accelerator.bare import drive
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.waivers import waivers
from sim.errors import SimulationError
from sim.tools.verilator import HDL, Built, Design, build

__all__ = ["TOP", "ChangeCounter", "Changes", "parse"]

TOP = "top"
"""The unit that signals belong to which are in none: what joins the units."""
CLOCKS = ("ap_clk", "clk")
_DEPTH = 3
"""The module of the ports, the accelerator in it, and in that one the units."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Over ``cycles``, and of the ``images`` that were answered: by unit its ``bits``, and how often these changed in all."""

    cycles: int
    images: int
    bits: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)

    def activity(self, unit: str) -> float:
        """Changes of a bit of ``unit`` a cycle, on average; 0 of a unit without signals."""
        bits = self.bits.get(unit, 0)
        return self.changes.get(unit, 0) / (bits * self.cycles) if bits and self.cycles else 0.0


class ChangeCounter:
    """The model of an accelerator that counts, built where ``cache`` has none: slower to build, and to run, than that of the bench.

    Raises what :func:`sim.tools.verilator.build` does.
    """

    def __init__(self, netlist: Netlist, rtl: Path, cache: Path, *, optimise: str = "O1", jobs: int | None = None,
                 progress: Built | None = None) -> None:
        self.netlist, self.rtl = netlist, rtl
        sources, includes = accelerator_sources(rtl)
        self.model = build(Design(
            top="accelerator", sources=sources, includes=includes, waive=waivers(sources), assertions=False, main=HDL / "bare_main.cpp",
            optimise=optimise, changes=True,
        ), cache, jobs=jobs, progress=progress)

    def run(self, images: npt.NDArray[np.uint8], work: Path, batch: int = 1000) -> Changes:
        """Send ``images`` (uint8 ``[n, h, w, c]``, at least one) at full rate, in batches of ``batch``, until each has its result.

        Raises :class:`SimulationError` when one has none.
        """
        if not len(images):
            raise ValueError("images must be at least one, not 0")
        return self._run(images, work, min(batch, len(images)), 0)

    def idle(self, cycles: int, work: Path) -> Changes:
        """Send nothing for so many ``cycles`` after the reset."""
        if cycles < 1:
            raise ValueError(f"cycles must be at least 1, not {cycles}")
        return self._run(np.zeros((0, 1, 1, 1), np.uint8), work, 1, cycles)

    def _run(self, images: npt.NDArray[np.uint8], work: Path, batch: int, idle: int) -> Changes:
        counted = work.absolute() / "changes.saif"
        drive(self.model, self.netlist, self.rtl, images, work=work, batch=batch, more=(counted, idle))
        with counted.open(encoding="ascii", errors="replace") as lines:
            return replace(parse(lines), images=len(images))


_NET = re.compile(r"\((\S+) \(T0 .*\(TC (\d+)\)\)")


def parse(lines: Iterable[str]) -> Changes:
    """What a SAIF file says of each unit, all that is inside it included; ``images`` is 0. Clocks are left out.

    Raises :class:`SimulationError` for a file without a duration.
    """
    cycles = 0
    opened: list[str | None] = []
    """Instances, and None for a list of nets."""
    bits: dict[str, int] = {}
    changes: dict[str, int] = {}
    for line in lines:
        text = line.strip()
        if text.startswith("(DURATION"):
            cycles = int(text.split()[1].rstrip(")"))
        elif text.startswith("(INSTANCE"):
            opened.append(text.split()[1])
        elif text == "(NET":
            opened.append(None)
        elif text == ")":
            if opened:
                opened.pop()
        elif (found := _NET.match(text)) is not None and found[1] not in CLOCKS:
            unit = opened[_DEPTH - 1] if len(opened) >= _DEPTH else None
            bits[unit or TOP] = bits.get(unit or TOP, 0) + 1
            changes[unit or TOP] = changes.get(unit or TOP, 0) + int(found[2])
    if not cycles:
        raise SimulationError("the file of changes has no duration: it is not whole")
    return Changes(cycles=cycles, images=0, bits=bits, changes=changes)
