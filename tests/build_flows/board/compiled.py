"""A flow whose network is compiled already, for tests of what comes after: the toy of ``tests/toy.py``, with no training."""

import json
from pathlib import Path
from typing import Any

from build_flows.project.load import Project
from build_flows.steps.engine import Build
from build_flows.steps.flow import Flow
from hw.netlist import Netlist, dump
from tests.toy_rtl import emit

SUMS = {"lut": 100, "lut_paired": 90, "lutram": 10, "ff": 200, "bram36": 1, "dsp": 2}
CAPACITY = {"lut": 53200, "lutram": 17400, "ff": 106400, "bram36": 140, "dsp": 220}


class CompiledFlow(Flow):
    """Compiles nothing; its synthesis is a few invented numbers."""

    def compile(self) -> dict[str, Any]:
        return {}

    def synth(self, part: str | None = None, full: bool = False) -> dict[str, Any]:
        found = {"version": 1, "part": "xc7z020clg400-1", "capacity": CAPACITY, "total": SUMS, "whole": SUMS if full else None,
                 "fits": True, "short": []}
        self.path("synthesis.json").write_text(json.dumps(found))
        return self.resources()


def compiled(folder: Path, project: Project, **shape: object) -> Netlist:
    """Write a toy's ``netlist.json`` and ``rtl/`` into ``project``'s output; its netlist."""
    project.output.mkdir(parents=True, exist_ok=True)
    netlist = emit(project.output / "rtl", **shape)
    (project.output / "netlist.json").write_text(dump(netlist))
    return netlist


def flow_of(project: Project, build: Build) -> CompiledFlow:
    return CompiledFlow(project, build.ui, build)
