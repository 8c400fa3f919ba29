"""What a build plan leaves where it ran: checked against the netlist, and taken in as the folder ``bitstream``."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from build_flows.artefacts.bitstream import BitstreamFile
from build_flows.artefacts.resources import RoutedTiming
from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path, write_text
from build_flows.board import open_reports, vivado_reports
from build_flows.board.built import DESCRIPTION
from build_flows.board.design import actual_clock, design_name, file_name
from build_flows.board.design_hwh import Page, design_hwh
from build_flows.board.pair import check_pair
from build_flows.board.plan_file import FACTS, LOG
from build_flows.board.platforms import BoardPlatform
from hw.accelerator import build_id
from hw.netlist import Netlist
from hw.zynq.zynq_design import PAGES

__all__ = ["BitstreamError", "Results", "check_results", "collect", "find_results", "missed", "open_timing", "report_path", "slow"]

_AGAIN = "write the plan again: offramp build --plan FILE; unpack it, run its script, and take that folder in"
_REPORTS: Mapping[str, Mapping[str, str]] = {
    "vivado": {
        vivado_reports.UTILISATION: "_utilisation.rpt", vivado_reports.UTILISATION_SYNTH: "_utilization_synth.rpt",
        vivado_reports.TIMING: "_timing.rpt", vivado_reports.POWER: "_power.rpt", "route_status.rpt": "_route_status.rpt",
        "drc.rpt": "_drc.rpt", "methodology.rpt": "_methodology.rpt",
    },
    "open": {
        open_reports.UTILISATION: "_utilisation.json", open_reports.TIMING: "_timing.json", "yosys.log": "_yosys.log",
        open_reports.NEXTPNR: "_nextpnr.log",
    },
}
"""What is taken in as ``reports/``, by flow: the names there, and what follows the plan's name where it ran."""
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "vivado": (vivado_reports.UTILISATION, vivado_reports.TIMING, vivado_reports.POWER), "open": (open_reports.UTILISATION,),
}


class BitstreamError(OfframpError):
    """What a build left is not a whole bitstream of this design that meets its timing."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """A folder in which a plan was unpacked and run, and the plan's ``facts``: ``flow``, ``board``, ``part``, ``clock_mhz``, ``name``, and,
    of offramp's own, ``design`` and ``build``."""

    folder: Path
    facts: Mapping[str, Any]

    @property
    def flow(self) -> Literal["vivado", "open"]:
        """The flow that built."""
        return "open" if self.facts["flow"] == "open" else "vivado"

    @property
    def bit(self) -> Path:
        """The bitstream, which need not be there."""
        return self.folder / f"{self.facts['name']}.bit"

    def reports(self) -> dict[str, Path]:
        """The reports that are there, by the names that they are taken in by."""
        found = {name: report_path(self.folder, self.facts, name) for name in _REPORTS[self.flow]}
        return {name: path for name, path in found.items() if path.is_file()}

    def versions(self) -> dict[str, str]:
        """The version of each tool that built it, as far as what it left tells. Raises :class:`BitstreamError` for a Vivado that is too
        old."""
        if self.flow == "open":
            return open_reports.versions(self.reports())
        version = vivado_reports.read_version(self.reports()[vivado_reports.UTILISATION])
        if tuple(map(int, version.split("."))) < vivado_reports.OLDEST:
            raise BitstreamError(f"{self.folder} was built by Vivado {version}; 2022.2 or newer is needed")
        return {"vivado": version}

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of what is taken from there: equal for one build."""
        log = {LOG: self.folder / LOG} if (self.folder / LOG).is_file() else {}
        return {name: hash_path(path) for name, path in {"bit": self.bit, **self.reports(), **log}.items()}


def report_path(folder: Path, facts: Mapping[str, Any], name: str) -> Path:
    """Where in ``folder``, where a plan with these ``facts`` ran, the report is that is taken in as ``name``."""
    return folder / f"{facts['name']}{_REPORTS[facts['flow']][name]}"


def find_results(folder: Path) -> Results:
    """What is in ``folder``, in which a plan was unpacked and run. Raises :class:`BitstreamError` when it is no such folder, or when the
    run did not end well, with why as far as its reports tell."""
    if not folder.is_dir():
        raise BitstreamError(f"--from {folder}: {folder} is no folder", hint="give the folder in which the plan was unpacked and run")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        found = Results(folder=folder, facts={**facts, "name": str(facts["name"])})
        if facts["flow"] not in _REPORTS:
            raise ValueError(facts["flow"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BitstreamError(f"--from {folder}: {folder} holds no {FACTS} of a build plan",
                             hint="give the folder in which the plan was unpacked and run") from None
    _refuse_missed(found)
    if not found.bit.is_file():
        synthesised = report_path(folder, facts, vivado_reports.UTILISATION_SYNTH) if found.flow == "vivado" else None
        if synthesised is not None and synthesised.is_file() and (short := vivado_reports.read_utilisation(synthesised).shortages()):
            raise BitstreamError(f"--from {folder}: the design does not fit: {'; '.join(short)}",
                                 hint="raise target.cycles_per_sample, or leave out an exit")
        raise BitstreamError(f"--from {folder}: there is no {found.bit.name}, so its build did not end well",
                             hint=f"run build_{facts['name']}.sh in it, and see what it says")
    return found


def check_results(found: Results, netlist: Netlist, board: BoardPlatform) -> None:
    """Check that ``found`` is a whole build of ``netlist`` for ``board`` that meets timing.

    The plan must have been made for this network, board, part and clock, the files must be there, and the .bit be of that part
    (:func:`build_flows.board.pair.check_pair`). Raises :class:`BitstreamError`, naming what is and what should be, what that raises, and
    :class:`build_flows.board.vivado_reports.ReportError`.
    """
    wanted = {"design": design_name(netlist), "build": build_id(netlist), "board": board.name, "part": board.part,
              "clock_mhz": actual_clock(netlist.clock_mhz)}
    for key, value in wanted.items():
        if found.facts.get(key) != value:
            raise BitstreamError(f"{found.folder / FACTS}: {key} must be {value}, not {found.facts.get(key)}", hint=_AGAIN)
    missing = [path.name for path in (found.bit, *(report_path(found.folder, found.facts, name) for name in _NEEDED[found.flow]))
               if not path.is_file()]
    if missing:
        raise BitstreamError(f"{found.folder} lacks {', '.join(missing)}", hint="did the build end, and were all its files copied?")
    _refuse_missed(found)
    check_pair(found.bit, None, netlist, board)
    found.versions()


def _refuse_missed(found: Results) -> None:
    reports = found.reports()
    if found.flow == "vivado" and vivado_reports.TIMING in reports:
        timing = vivado_reports.read_timing(reports[vivado_reports.TIMING])
        if not timing.met:
            raise missed(timing)
    if found.flow == "open":
        routed = open_timing(found.folder, found.facts)
        if routed is not None and not routed.met:
            raise slow(routed)


def missed(timing: vivado_reports.Timing) -> BitstreamError:
    """What to say of a build by Vivado that misses its timing."""
    hint = "give it time elsewhere: another layout of exits, or more cycles per sample"
    if timing.wns_ns < 0:
        hint = f"set target.clock_mhz to {int(timing.fmax_mhz)} or less, or raise target.cycles_per_sample"
    return BitstreamError(timing.missed(), hint=hint)


def open_timing(folder: Path, facts: Mapping[str, Any]) -> RoutedTiming | None:
    """The routed timing of a build by the open flow in ``folder``; None where there is none."""
    path = report_path(folder, facts, open_reports.TIMING)
    return open_reports.read_timing(path) if path.is_file() else None


def slow(timing: RoutedTiming) -> BitstreamError:
    """What to say of a build by the open flow that misses its timing."""
    return BitstreamError(f"misses timing: routed for {timing.fmax_mhz:g} MHz instead of {timing.clock_mhz:g} MHz",
                          hint=f"set target.clock_mhz to {int(timing.fmax_mhz)} or less, or raise target.cycles_per_sample")


def collect(found: Results, target: Path, netlist: Netlist, board: BoardPlatform, tools: Mapping[str, str]) -> None:
    """Check ``found``, built by these ``tools`` (version by name), and copy what is taken in to ``target``,
    with a .hwh of the design and ``bitstream.json``."""
    check_results(found, netlist, board)
    name, before = file_name(netlist), found.hashes()
    copies = {f"{name}.bit": found.bit, **{f"reports/{report}": path for report, path in found.reports().items()}}
    if (found.folder / LOG).is_file():
        copies[LOG] = found.folder / LOG
    for file, source in copies.items():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / file)
    written = {file: hash_path(target / file) for file in copies}
    if sorted(written.values()) != sorted(before.values()):
        raise BitstreamError(f"{found.folder} changed while it was copied", hint="wait until nothing writes there, then try again")
    hwh = target / f"{name}.hwh"
    pages = [Page(name=f"{kind}_0", kind=kind, base=page.base, size=1 << page.addr_width) for kind, page in PAGES.items()]
    write_text(hwh, design_hwh(name=design_name(netlist), board=board, clock_mhz=actual_clock(netlist.clock_mhz), pages=pages))
    BitstreamFile(
        design=design_name(netlist), build=build_id(netlist), board=board.name, part=board.part, flow=found.flow, tools=dict(tools),
        clock_mhz=actual_clock(netlist.clock_mhz), files={**written, hwh.name: hash_path(hwh)},
    ).save(target / DESCRIPTION)
