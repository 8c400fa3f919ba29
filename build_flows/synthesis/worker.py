"""Synthesises one unit in a process of its own: Yosys' commands, then what its netlist tells.

The job is JSON on stdin: ``commands``, and ``top``; a command that begins with :data:`IF_MEMORY` is left out for a unit without memories.
It works in the current folder, where the commands leave ``stat.json``,
``before.json`` (memories before mapping) and ``netlist.json``. It writes ``result.json`` (cells, what carry chains take, memories) and
``netlist.json.gz``, the mapped netlist without what nobody reads later. Yosys' log is what it prints.
"""

import dataclasses
import gzip
import json
import sys
from pathlib import Path
from typing import Any

from build_flows.synthesis.carry_chains import carry_use
from build_flows.synthesis.memories import find_memories
from sim.tools.yosys import read_written

__all__ = ["IF_MEMORY", "main", "slim"]

IF_MEMORY = "if memory: "
"""Before a command: carry it out only when ``before.json`` holds a memory."""


def main() -> None:
    """Carry out the job on stdin."""
    from pyosys import libyosys as yosys

    job = json.load(sys.stdin)
    design = yosys.Design()
    for command in job["commands"]:
        # Reading the memory library takes longer than all else does for a small unit.
        if not command.startswith(IF_MEMORY) or _has_memory():
            yosys.run_pass(command.removeprefix(IF_MEMORY), design)
    del design
    netlist = _read("netlist.json")
    # A unit that holds nothing but wires has no entry.
    stat = _read("stat.json").get("design", {})
    result = {
        # What is instantiated as an empty module is a unit of its own.
        "cells": {kind: count for kind, count in stat.get("num_cells_by_type", {}).items() if not kind.startswith(f"{job['top']}.")},
        "carry": dataclasses.asdict(carry_use(netlist["modules"][job["top"]])),
        "memories": [dataclasses.asdict(item) for item in find_memories(_read("before.json"), netlist)],
    }
    # No time of day: equal units give equal files.
    Path("netlist.json.gz").write_bytes(gzip.compress(json.dumps(slim(netlist, job["top"])).encode(), 6, mtime=0))
    Path("result.json").write_text(json.dumps(result), encoding="utf-8")


def slim(netlist: dict[str, Any], top: str) -> dict[str, Any]:
    """The module ``top`` of a mapped netlist with its ports, cells and names, but without contents of tables and memories."""
    module = netlist["modules"][top]
    cells = {
        name: {
            "type": cell["type"],
            "parameters": {key: value for key, value in cell["parameters"].items() if not key.startswith("INIT")},
            "attributes": _place(cell),
            "port_directions": cell["port_directions"],
            "connections": cell["connections"],
        }
        for name, cell in module["cells"].items()
        if cell["type"] != "$scopeinfo"
    }
    names = {
        name: {"hide_name": net["hide_name"], "bits": net["bits"], "attributes": _place(net)}
        for name, net in module["netnames"].items()
        if not net["hide_name"]
    }
    return {"modules": {top: {"attributes": {"top": "1"}, "ports": module["ports"], "cells": cells, "netnames": names}}}


def _place(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item["attributes"].items() if key == "src"}


def _has_memory() -> bool:
    return any(cell["type"].startswith("$mem") for module in _read("before.json")["modules"].values() for cell in module["cells"].values())


def _read(name: str) -> dict[str, Any]:
    return read_written(Path(name))
