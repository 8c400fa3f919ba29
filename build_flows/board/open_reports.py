"""Reads what a build by the open flow leaves: Yosys' counts of the netlist that was placed, and nextpnr's timing after routing."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_flows.artefacts.resources import Capacity, OpenRecord, RoutedTiming
from build_flows.artefacts.verdict import capacity
from build_flows.base.errors import OfframpError
from build_flows.base.parts import find_part
from build_flows.synthesis.resources import MEMORY_LUTS

__all__ = ["NEXTPNR", "TIMING", "UTILISATION", "OpenReportError", "figures", "read_timing", "read_utilisation", "versions"]

UTILISATION, TIMING, NEXTPNR = "utilisation.json", "timing.json", "nextpnr.log"
"""The reports' file names; :data:`NEXTPNR` is the log that :data:`TIMING` was read from."""

_YOSYS = re.compile(r"\bYosys (\d\S*)")
_REGISTERS = re.compile(r"(FD[CPRS]E|LD[CP]E)(_1)?")


class OpenReportError(OfframpError):
    """A report is missing, or lacks something: the message names the file and what it lacks."""


def figures(folder: Path, *, tools: Mapping[str, str], board: str, part: str) -> OpenRecord:
    """What the reports in ``folder`` say of a design that these ``tools`` (version by name) built for ``board`` with ``part``."""
    timing = folder / TIMING
    return OpenRecord(
        tools=dict(tools), board=board, part=part, utilisation=read_utilisation(folder / UTILISATION), capacity=capacity(find_part(part)),
        timing=read_timing(timing) if timing.is_file() else None,
    )


def read_utilisation(path: Path) -> Capacity:
    """What the netlist takes that was placed, as Yosys' ``stat -json`` counts it: LUTs one by one, none paired."""
    table = _read(path)
    try:
        modules = table["modules"]
        # Of a flat design there is one; blackboxes have no cells.
        cells: Mapping[str, int] = max((module["num_cells_by_type"] for module in modules.values()), key=lambda found: sum(found.values()))
        count = {str(name): int(value) for name, value in cells.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OpenReportError(f"{path} does not tell a design's cells: {error}", hint="it is what Yosys' stat -json writes") from None
    return Capacity(
        lut=sum(count.get(f"LUT{size}", 0) for size in range(1, 7)),
        lutram=sum(luts * count.get(kind, 0) for kind, luts in MEMORY_LUTS.items()),
        ff=sum(value for kind, value in count.items() if _REGISTERS.fullmatch(kind)),
        bram36=count.get("RAMB36E1", 0) + count.get("RAMB18E1", 0) / 2, dsp=count.get("DSP48E1", 0), carry=count.get("CARRY4", 0),
    )


def read_timing(path: Path) -> RoutedTiming:
    """The slowest clock of what the plan read from nextpnr's log."""
    table = _read(path)
    try:
        clock = float(table["clock_mhz"])
        fmax = min(float(item["mhz"]) for item in table["clocks"])
    except (KeyError, TypeError, ValueError) as error:
        raise OpenReportError(f"{path} does not tell the clocks: {error}", hint="the plan's read_timing.py writes it") from None
    # Frequencies are printed with two digits behind the point.
    return RoutedTiming(clock_mhz=clock, fmax_mhz=fmax, met=fmax + 0.005 >= clock)


def versions(reports: Mapping[str, Path]) -> dict[str, str]:
    """The tools whose version the ``reports`` tell."""
    log = reports.get("yosys.log")
    found = _YOSYS.search(log.read_text(encoding="utf-8", errors="replace")) if log is not None else None
    return {} if found is None else {"yosys": found[1]}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OpenReportError(f"{path} is missing", hint="did the build end?") from None
    except ValueError as error:
        raise OpenReportError(f"{path} is not JSON: {error}", hint="did the build end?") from None
