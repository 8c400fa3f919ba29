"""How often the bits of each unit of an accelerator change: what dynamic power follows from.

Signals of the RTL are counted once a cycle, as Verilator's SAIF trace has them (IEEE 1801 has the format). Glitches between two clock edges
are not among them, nor is anything that only placing and routing makes.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.accelerator import registers
from hw.netlist import Netlist
from sim.accelerator.images import pack
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.waivers import waivers
from sim.errors import SimulationError
from sim.tools.array_file import write_array
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
    """The model of an accelerator that counts, built on first use: slower to build, and to run, than that of the bench."""

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
        words = pack(images, self.netlist.input.bus_bits)
        return self._run(work, words, len(images), min(batch, len(images)), 0)

    def idle(self, cycles: int, work: Path) -> Changes:
        """Send nothing for so many ``cycles`` after the reset."""
        if cycles < 1:
            raise ValueError(f"cycles must be at least 1, not {cycles}")
        nothing = np.zeros((0, 1, self.netlist.input.bus_bits // 8), np.uint8)
        return self._run(work, nothing, 0, 1, cycles)

    def _run(self, work: Path, words: npt.NDArray[np.uint8], images: int, batch: int, idle: int) -> Changes:
        work = work.absolute()
        work.mkdir(parents=True, exist_ok=True)
        sent, answers, counted = work / "images.bin", work / "results.txt", work / "changes.saif"
        write_array(words, sent)
        offset = next(item.offset for item in registers(self.netlist) if item.name == "BATCH_LENGTH")
        command = [self.model, sent, words.shape[2], batch, offset, images, answers, counted, idle]
        ran = subprocess.run([str(item) for item in command], cwd=self.rtl, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SimulationError(f"the counting program ended with code {ran.returncode}: {(ran.stdout + ran.stderr).strip()[-500:]}")
        with counted.open(encoding="ascii", errors="replace") as lines:
            found = parse(lines)
        return Changes(cycles=found.cycles, images=images, bits=found.bits, changes=found.changes)


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
