"""Reads nextpnr-xilinx' log: whether the clock constraint was applied, and what the routed design reaches.

It stands alone (a build plan carries this file): ``python3 read_timing.py --mhz 100 --report timing.json nextpnr.log`` ends with 1 and says
what is wrong. Messages are those of openXC7/nextpnr-xilinx' ``xilinx/xdc.cc`` at 3da436875fb7c631debe0605b06e117cd25f6829 and of nextpnr's
``common/timing.cc``.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["ClockTiming", "ignored", "main", "routed_clocks", "shortfalls"]

_IGNORED = re.compile(r"matched nothing|this target is ignored|ignoring unsupported XDC command|ignoring virtual clock"
                      r"|targets other than .* are not supported")
_CLOCK = re.compile(r"Max frequency for clock\s+'(?P<net>.+)':\s+(?P<mhz>[\d.]+) MHz \((?P<word>PASS|FAIL) at (?P<target>[\d.]+) MHz\)")
_PRINTED = 0.005
"""Frequencies are printed with two digits behind the point."""
_NEAR = 0.999
"""nextpnr keeps times in whole picoseconds: a target may come out a little lower than it was asked for."""


@dataclass(frozen=True)
class ClockTiming:
    """A clock ``net`` after routing: the ``mhz`` that it reaches, and the ``target_mhz`` that it was placed for."""

    net: str
    mhz: float
    target_mhz: float


def ignored(log: str) -> list[str]:
    """The lines of ``log`` that say that a constraint was not applied."""
    return [line.strip() for line in log.splitlines() if _IGNORED.search(line)]


def routed_clocks(log: str) -> list[ClockTiming]:
    """What ``log`` says last of each clock, that is after routing; empty when it says nothing."""
    found = {match["net"]: ClockTiming(match["net"], float(match["mhz"]), float(match["target"])) for match in _CLOCK.finditer(log)}
    return [found[net] for net in sorted(found)]


def shortfalls(clocks: Iterable[ClockTiming], mhz: float) -> list[str]:
    """In words, the ``clocks`` that do not reach ``mhz``, or were placed for less."""
    wrong = []
    for clock in clocks:
        if clock.target_mhz < mhz * _NEAR:
            wrong.append(f"the clock {clock.net} was placed for {clock.target_mhz:g} MHz, not for {mhz:g} MHz")
        if clock.mhz + _PRINTED < mhz:
            wrong.append(f"the design misses timing: the clock {clock.net} reaches {clock.mhz:g} of {mhz:g} MHz")
    return wrong


def main(words: list[str] | None = None) -> int:
    """Carry out the command line ``words`` (the process' own where None); the exit code."""
    parser = argparse.ArgumentParser(description="Reads what nextpnr-xilinx says of clocks.")
    parser.add_argument("log", type=Path, help="its log")
    parser.add_argument("--mhz", type=float, required=True, help="the clock that is wanted")
    parser.add_argument("--report", type=Path, required=True, help="JSON file to write, when the log tells of timing")
    given = parser.parse_args(words)
    log = given.log.read_text(encoding="utf-8", errors="replace")
    clocks = routed_clocks(log)
    wrong = [f"a constraint was not applied: {line}" for line in ignored(log)] + shortfalls(clocks, given.mhz)
    if clocks:
        table = {"clock_mhz": given.mhz, "clocks": [asdict(clock) for clock in clocks]}
        given.report.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        for clock in clocks:
            print(f"offramp: {clock.net} reaches {clock.mhz:g} MHz of {given.mhz:g}")
    else:
        print("offramp: nextpnr-xilinx says nothing of timing")
    for text in wrong:
        print(f"offramp: error: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
