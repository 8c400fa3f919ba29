"""Reads Vivado's text reports: utilisation (report_utilization), timing (report_timing_summary) and power (report_power).

What they hold is told in UG906 (utilisation and timing) and UG907 (power); the layouts are those of published reports of Vivado 2021.2 to
2024.2. Tables are read by the names of their columns and rows, so that a column more or less does not matter; what is missing is named.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from build_flows.artefacts.resources import Capacity, Power, VivadoRecord, VivadoTiming
from build_flows.base.errors import OfframpError

__all__ = ["OLDEST", "POWER", "TIMING", "UTILISATION", "UTILISATION_SYNTH", "ReportError", "Timing", "Utilisation", "figures", "read_power",
           "read_timing", "read_utilisation", "read_version"]

OLDEST = (2022, 2)
"""The oldest Vivado that is known to do."""

UTILISATION, TIMING, POWER = "utilisation.rpt", "timing.rpt", "power.rpt"
UTILISATION_SYNTH = "utilisation_synth.rpt"
"""The reports' file names; the last one is of the synthesised design, before placement."""

# Each resource, how its shortage is told, and the report's rows of what is used and of what there is; Vivado's LUTs of a slice are logic
# and memory together.
_ROWS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "lut": ("LUT", ("LUT as Logic",), ("Slice LUTs", "CLB LUTs")),
    "lutram": ("LUTRAM", ("LUT as Memory",), ("LUT as Memory",)),
    "ff": ("FF", ("Slice Registers", "CLB Registers"), ("Slice Registers", "CLB Registers")),
    "bram36": ("BRAM36", ("Block RAM Tile",), ("Block RAM Tile",)),
    "dsp": ("DSP48E1", ("DSPs",), ("DSPs",)),
}
_HINT = "reports are read as Vivado 2022.2 to 2024.2 write them; a cut one comes from a run that did not end"


class ReportError(OfframpError):
    """A report is missing, or lacks something: the message names the file and what it lacks."""


@dataclass(frozen=True, kw_only=True)
class Utilisation:
    """What the whole design takes, and what the part has: ``lut``, ``lutram``, ``ff``, ``bram36``, ``dsp`` each.

    ``used["lut"]`` are LUTs of logic, without those that are memory or shift register (``lutram``); ``capacity["lut"]`` is all LUTs. A
    block RAM of 18 kbit is half of one.
    """

    used: Mapping[str, float]
    capacity: Mapping[str, float]

    def shortages(self) -> list[str]:
        """What the part has too little of, as ``DSP48E1: 240 of 220, 20 too many``; empty when the design fits."""
        wanted = {**self.used, "lut": self.used["lut"] + self.used["lutram"]}
        return [f"{label}: {wanted[name]:g} of {self.capacity[name]:g}, {wanted[name] - self.capacity[name]:g} too many"
                for name, (label, *_) in _ROWS.items() if wanted[name] > self.capacity[name]]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Worst slacks in ns: setup, with its total over all endpoints that miss, hold, and pulse width; negative is missed.

    None where there is nothing of the kind. ``period_ns`` is the clock's; ``path`` tells of the setup path with the least slack, if the
    report has paths.
    """

    wns_ns: float
    tns_ns: float
    whs_ns: float | None
    wpws_ns: float | None
    period_ns: float
    path: str | None

    @property
    def met(self) -> bool:
        return all(slack is None or slack >= 0 for slack in (self.wns_ns, self.whs_ns, self.wpws_ns))

    @property
    def clock_mhz(self) -> float:
        return round(1000 / self.period_ns, 3)

    @property
    def fmax_mhz(self) -> float:
        """The clock, rounded down, that this very layout would just meet; Vivado stops once it has met what was asked, so more may do."""
        return math.floor(10_000 / (self.period_ns - self.wns_ns)) / 10

    def missed(self) -> str:
        """By how much timing is missed, in one line; of a design that meets it, nothing."""
        told = []
        if self.wns_ns < 0:
            path = f", worst path {self.path}" if self.path else ""
            told.append(f"misses timing by {-self.wns_ns:.3f} ns: {self.fmax_mhz:g} MHz instead of {self.clock_mhz:g} MHz{path}")
        if self.whs_ns is not None and self.whs_ns < 0:
            told.append(f"misses hold times by {-self.whs_ns:.3f} ns, which no other clock mends")
        if self.wpws_ns is not None and self.wpws_ns < 0:
            told.append(f"clock pulses are {-self.wpws_ns:.3f} ns too short")
        return "; ".join(told)


def figures(folder: Path, *, vivado: str, board: str, part: str) -> VivadoRecord:
    """What the reports in ``folder`` say of a design that ``vivado`` (its version) built for ``board`` with ``part``."""
    utilisation, timing, power = read_utilisation(folder / UTILISATION), read_timing(folder / TIMING), read_power(folder / POWER)
    return VivadoRecord(
        vivado=vivado, board=board, part=part, utilisation=Capacity(**utilisation.used), capacity=Capacity(**utilisation.capacity),
        timing=VivadoTiming(
            wns_ns=timing.wns_ns, tns_ns=timing.tns_ns, whs_ns=timing.whs_ns, met=timing.met, fmax_mhz=timing.fmax_mhz,
            clock_mhz=timing.clock_mhz, path=timing.path,
        ),
        power=power,
    )


def read_utilisation(path: Path) -> Utilisation:
    """Read what ``report_utilization`` wrote, of a synthesised or an implemented design."""
    rows: dict[str, dict[str, str]] = {}
    for row in _table_rows(_read(path, "Utilization Design Information"), "Site Type"):
        rows.setdefault(row["Site Type"].rstrip("*"), row)

    def value(names: tuple[str, ...], column: str) -> float:
        row = next((rows[name] for name in names if name in rows), None)
        if row is None:
            raise ReportError(f"{path} has no row {' or '.join(map(repr, names))}", hint=_HINT)
        if column not in row:
            raise ReportError(f"{path} has no column {column!r} in the table of {names[0]!r}", hint=_HINT)
        return _number(path, f"{column} of {row['Site Type']}", row[column])

    used = {name: value(rows_used, "Used") for name, (_, rows_used, _) in _ROWS.items()}
    return Utilisation(used=used, capacity={name: value(there, "Available") for name, (_, _, there) in _ROWS.items()})


def read_version(path: Path) -> str:
    """The version of the Vivado that wrote the report ``path``, as ``2022.2``."""
    told = next((line for line in _read(path, "Utilization Design Information") if line.startswith("| Tool Version")), "")
    version = re.search(r"v\.?(\d{4}\.\d+)", told)
    if version is None:
        raise ReportError(f"{path} does not tell the version of Vivado", hint=_HINT)
    return version[1]


def read_timing(path: Path) -> Timing:
    """Read what ``report_timing_summary`` wrote; the paths in it are looked at where there are any."""
    lines = _read(path, "Timing Summary Report")
    summary = _summary(path, lines)
    if summary.get("WNS(ns)", "NA") == "NA":
        raise ReportError(f"{path} has no slack: the design has no timing constraints", hint="its clock did not reach the accelerator")
    group, told = _worst_path(lines)
    return Timing(
        wns_ns=_number(path, "WNS(ns)", summary["WNS(ns)"]), tns_ns=_number(path, "TNS(ns)", summary.get("TNS(ns)", "missing")),
        whs_ns=_slack(path, summary, "WHS(ns)"), wpws_ns=_slack(path, summary, "WPWS(ns)"), period_ns=_period(path, lines, group),
        path=told,
    )


def read_power(path: Path) -> Power:
    """Read what ``report_power`` wrote."""
    rows: dict[str, str] = {}
    for line in _read(path, "Power Report"):
        cells = _cells(line)
        if len(cells) == 2:
            rows.setdefault(cells[0], cells[1])
    found = {}
    for field, name in (("total_w", "Total On-Chip Power (W)"), ("dynamic_w", "Dynamic (W)"), ("static_w", "Device Static (W)")):
        if name not in rows:
            raise ReportError(f"{path} has no row {name!r}", hint=_HINT)
        # A warning may follow the number, as "2.140 (Junction temp exceeded!)".
        found[field] = _number(path, name, rows[name].partition(" ")[0])
    return Power(**found)


def _read(path: Path, title: str) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise ReportError(f"{path} is missing", hint=_HINT) from None
    if title not in (line.strip() for line in lines):
        raise ReportError(f"{path} is not the report it should be: it has no line {title!r}", hint=_HINT)
    return lines


def _cells(line: str) -> list[str]:
    text = line.strip()
    return [cell.strip() for cell in text[1:-1].split("|")] if len(text) > 1 and text[0] == text[-1] == "|" else []


def _table_rows(lines: list[str], key: str) -> Iterator[dict[str, str]]:
    """The rows of all tables whose first column is ``key``, by the names of their columns."""
    columns: list[str] = []
    for line in lines:
        cells = _cells(line)
        if cells and cells[0] == key:
            columns = cells
        elif cells and len(cells) == len(columns):
            yield dict(zip(columns, cells, strict=True))
        elif not cells and not line.startswith("+"):
            columns = []


def _summary(path: Path, lines: list[str]) -> dict[str, str]:
    """The row of Design Timing Summary by its columns; names of columns have single spaces in them, and more between them."""
    start = next((at for at, line in enumerate(lines) if line.strip() == "| Design Timing Summary"), None)
    if start is None:
        raise ReportError(f"{path} has no section 'Design Timing Summary'", hint=_HINT)
    head = next((at for at in range(start, len(lines)) if lines[at].strip().startswith("WNS(ns)")), None)
    if head is None or head + 2 >= len(lines):
        raise ReportError(f"{path} has no column 'WNS(ns)' under 'Design Timing Summary'", hint=_HINT)
    names, values = re.split(r"\s{2,}", lines[head].strip()), lines[head + 2].split()
    if len(names) != len(values):
        raise ReportError(f"{path} has {len(names)} columns but {len(values)} values under 'Design Timing Summary'", hint=_HINT)
    return dict(zip(names, values, strict=True))


def _worst_path(lines: list[str]) -> tuple[str | None, str | None]:
    """Clock, and a line about it, of the setup path with the least slack; None where the report has no paths."""
    worst: tuple[float, dict[str, str]] | None = None
    for at, line in enumerate(lines):
        slack = re.match(r"\s*Slack \((?:MET|VIOLATED)\)\s*:\s*(-?[\d.]+)ns", line)
        if slack is None:
            continue
        path = {}
        for more in lines[at + 1:at + 40]:
            field = re.match(r"  (Source|Destination|Path Group|Path Type|Data Path Delay|Logic Levels):\s+(\S.*?)\s*$", more)
            if field is not None:
                path[field[1]] = field[2]
            elif "Slack (" in more or not more.strip():
                break
        if path.get("Path Type", "").startswith(("Setup", "Recovery")) and (worst is None or float(slack[1]) < worst[0]):
            worst = float(slack[1]), path
    if worst is None:
        return None, None
    path = worst[1]
    delay = path.get("Data Path Delay", "").split("ns")[0]
    levels = path.get("Logic Levels", "").split(" ")[0]
    more_told = "".join(f", {value} {unit}" for value, unit in ((delay, "ns"), (levels, "levels of logic")) if value)
    return path.get("Path Group"), f"{path.get('Source', '?')} to {path.get('Destination', '?')}{more_told}"


def _period(path: Path, lines: list[str], group: str | None) -> float:
    """Period of clock ``group``, or of the fastest clock when it is none's name (asynchronous resets are a group too)."""
    periods: dict[str, float] = {}
    start = next((at for at, line in enumerate(lines) if line.strip() == "| Clock Summary"), len(lines))
    for line in lines[start + 1:]:
        row = re.match(r"\s*(\S+)\s+\{[^}]*\}\s+([\d.]+)\s+([\d.]+)\s*$", line)
        if row is not None:
            periods[row[1]] = float(row[2])
        elif re.match(r"\| [A-Za-z]", line):
            break  # the next section
    if not periods:
        raise ReportError(f"{path} has no clock under 'Clock Summary'", hint=_HINT)
    return periods.get(group or "", min(periods.values()))


def _slack(path: Path, summary: Mapping[str, str], name: str) -> float | None:
    value = summary.get(name, "NA")
    return None if value == "NA" else _number(path, name, value)


def _number(path: Path, what: str, text: str) -> float:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        raise ReportError(f"{path}: {what} must be a number, not {text!r}", hint=_HINT) from None
    return int(value) if value.is_integer() and "." not in text else value
