"""Checks a netlist that Yosys wrote before nextpnr-xilinx places it: every primitive is one that it takes, and one clock drives all.

It stands alone (a build plan carries this file): ``python3 check_netlist.py --clock NET netlist.json`` ends with 1 and says what is wrong.

What is taken was read in openXC7/nextpnr-xilinx: ``xilinx/pack.cc`` at 31c8ea77770b9a55d148ddf38bfa843dcd30299d (LUTs, registers, MUXF,
shift registers, block RAM), ``pack_dram.cc`` at 363c055da36f73e2a5f8d8fd172a35437066d953, ``pack_dsp_xc7.cc`` at
18180fbcf197d2c763548bb6c36ad35d50a112ce, ``pack_clocking_xc7.cc`` at 13d88882d8808114714bab13c5a62b4601b6be39 and ``pack_io_xc7.cc`` at
06769c0535e3c53358f750f00f24edee454db0d6 (pins, PS7); and in its successor, openXC7/nextpnr's ``himbaechel/uarch/xilinx/pack_dram.cc`` at
260bf13320a2823ab851fef4a3786c4ee96b89e3. Versions differ in what else they take (RAM32M, RAM64M, RAM128X1D, LUT6_2, shift registers in
chains): here is what all of them do.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CHAINED", "TAKEN", "UNUSED", "Fault", "check_clock", "check_primitives", "main"]

TAKEN = frozenset((
    *(f"LUT{size}" for size in range(1, 7)), "INV", "MUXF7", "MUXF8", "CARRY4",
    *(f"{kind}{edge}" for kind in ("FDCE", "FDPE", "FDRE", "FDSE") for edge in ("", "_1")), "LDCE", "LDPE",
    "SRL16E", "SRLC32E", "RAM64X1D", "RAMB18E1", "RAMB36E1", "DSP48E1", "PS7", "BUFG", "BUFGCE", "BUFGCTRL", "GND", "VCC",
    "IBUF", "OBUF", "OBUFT", "IOBUF",
))
UNUSED: Mapping[str, tuple[str, ...]] = {"SRLC32E": ("Q31",), "RAMB36E1": ("CASCADEOUTA", "CASCADEOUTB")}
"""Outputs that must lead nowhere: not every version places what they lead to beside them."""
CHAINED: Mapping[str, tuple[str, ...]] = {"DSP48E1": ("ACOUT", "BCOUT", "PCOUT", "CARRYCASCOUT")}
"""Outputs that may lead to one other of the same kind, and nowhere else."""

_CLOCKS: Mapping[str, tuple[str, ...]] = {
    **{f"{kind}{edge}": ("C",) for kind in ("FDCE", "FDPE", "FDRE", "FDSE") for edge in ("", "_1")},
    "SRL16E": ("CLK",), "SRLC32E": ("CLK",), "RAM64X1D": ("WCLK",), "DSP48E1": ("CLK",),
    "RAMB18E1": ("CLKARDCLK", "CLKBWRCLK"), "RAMB36E1": ("CLKARDCLK", "CLKBWRCLK"),
}
_BUFFERS = {"BUFG": "I", "BUFGCE": "I", "BUFGCTRL": "I0"}
_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """``kind`` of primitive (with what of it is wrong), ``unit`` of the design where it is, and the ``cell``'s name in the netlist."""

    kind: str
    unit: str
    cell: str


def check_primitives(netlist: Mapping[str, Any]) -> list[Fault]:
    """Every cell of ``netlist``, the JSON of Yosys' ``write_json``, that nextpnr-xilinx does not take, in the order of kinds and names.

    A cell of a module that is in the netlist too is a fault as well: the netlist has to be flat.
    """
    module = _top(netlist)
    users = _users(module)
    names = _names(module)
    found = []
    for name, cell in module["cells"].items():
        if cell["type"] != "$scopeinfo":
            found += [Fault(what, _unit(name, cell, names), name) for what in _wrong(cell, users)]
    return sorted(found, key=lambda fault: (fault.kind, fault.unit, fault.cell))


def check_clock(netlist: Mapping[str, Any], clock: str) -> list[str]:
    """What is wrong with the net ``clock`` as the only clock of ``netlist``, in words: it is missing, is not one wire, does not come from
    PS7's FCLKCLK, clocks nothing, or does not clock everything. A global buffer on the way counts as the same clock."""
    module = _top(netlist)
    bits = module["netnames"].get(clock, {}).get("bits")
    if bits is None:
        return [f"there is no net {clock} in the netlist, so its clock constraint would match nothing"]
    if len(bits) != 1 or not isinstance(bits[0], int):
        return [f"the net {clock} must be one wire, not {bits}"]
    into = {cell["connections"]["O"][0]: cell["connections"][_BUFFERS[cell["type"]]][0]
            for cell in module["cells"].values() if cell["type"] in _BUFFERS}
    sources = {bit for cell in module["cells"].values() if cell["type"] == "PS7" for bit in cell["connections"].get("FCLKCLK", ())}
    wrong = []
    if into.get(bits[0], bits[0]) not in sources:
        wrong.append(f"the net {clock} does not come from PS7's FCLKCLK")
    same = {bits[0], into.get(bits[0])} | {out for out, source in into.items() if source in (bits[0], into.get(bits[0]))}
    clocked = Counter(bit in same for cell in module["cells"].values() for pin in _CLOCKS.get(cell["type"], ())
                      for bit in cell["connections"].get(pin, ()) if isinstance(bit, int))
    if not clocked[True]:
        wrong.append(f"the net {clock} clocks nothing")
    if clocked[False]:
        wrong.append(f"{clocked[False]} clock pins are on other nets than {clock}, so no constraint holds for them")
    return wrong


def _top(netlist: Mapping[str, Any]) -> Mapping[str, Any]:
    tops: list[Mapping[str, Any]] = [module for module in netlist["modules"].values() if int(str(module["attributes"].get("top", "0")), 2)]
    if len(tops) != 1:
        raise ValueError(f"the netlist must have one top module, not {len(tops)}")
    return tops[0]


def _users(module: Mapping[str, Any]) -> Mapping[int, list[str]]:
    """By bit, the kinds of the cells that it is an input of; ``port`` for an output of the design."""
    users: defaultdict[int, list[str]] = defaultdict(list)
    for cell in module["cells"].values():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"].get(pin) != "output":
                for bit in bits:
                    users[bit].append(cell["type"])
    for port in module["ports"].values():
        if port["direction"] != "input":
            for bit in port["bits"]:
                users[bit].append("port")
    return users


def _wrong(cell: Mapping[str, Any], users: Mapping[int, list[str]]) -> Iterator[str]:
    kind, pins = cell["type"], cell["connections"]
    if kind not in TAKEN:
        yield kind
    for pin in UNUSED.get(kind, ()):
        if any(users.get(bit) for bit in pins.get(pin, ())):
            yield f"{kind} with {pin} in use"
    for pin in CHAINED.get(kind, ()):
        if any(users.get(bit, []) not in ([], [kind]) for bit in pins.get(pin, ())):
            yield f"{kind} whose {pin} leads to more than one other"


def _names(module: Mapping[str, Any]) -> dict[int, str]:
    """By bit, a name that somebody gave it: the deepest in the hierarchy."""
    found: dict[int, str] = {}
    for name, net in module["netnames"].items():
        if not net["hide_name"]:
            for bit in net["bits"]:
                if bit not in found or name.count(".") > found[bit].count("."):
                    found[bit] = name
    return found


def _unit(name: str, cell: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Where it is: by its own name, or, if that is the tools', by that of a wire at it."""
    if name.startswith("$"):
        wires = [names[bit] for bits in cell["connections"].values() for bit in bits if bit in names]
        inner = [path for path in wires if "." in path]
        name = max(inner, key=lambda path: path.count(".")) if inner else name
    parts = name.split(".")
    scopes = parts[:next((at for at, part in enumerate(parts) if "$" in part), len(parts) - 1)]
    return ".".join(scopes[:2] if scopes[:1] == ["accelerator"] else scopes[:1]) or "the top"


def main(words: list[str] | None = None) -> int:
    """Carry out the command line ``words`` (the process' own where None); the exit code."""
    parser = argparse.ArgumentParser(description="Checks that nextpnr-xilinx takes every primitive of a netlist.")
    parser.add_argument("netlist", type=Path, help="JSON of Yosys' write_json")
    parser.add_argument("--clock", required=True, help="the one net that clocks everything")
    given = parser.parse_args(words)
    netlist = json.loads(given.netlist.read_text(encoding="utf-8"))
    faults, clock = check_primitives(netlist), check_clock(netlist, given.clock)
    for fault in faults[:_SHOWN]:
        print(f"offramp: error: {fault.unit}: nextpnr-xilinx does not take {fault.kind} ({fault.cell})", file=sys.stderr)
    if len(faults) > _SHOWN:
        kinds = Counter(fault.kind for fault in faults)
        print(f"offramp: error: in all {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}", file=sys.stderr)
    for text in clock:
        print(f"offramp: error: {text}", file=sys.stderr)
    return 1 if faults or clock else 0


if __name__ == "__main__":
    sys.exit(main())
