"""A flow whose network is compiled already, for tests of what comes after: the toy of ``tests/toy.py``, with no training."""

from pathlib import Path
from typing import Any

from build_flows.artefacts.resources import Difference, ResourcesFile, Sums, SynthesisFile, WholeSums
from build_flows.project.load import Project
from build_flows.steps.engine import Build
from build_flows.steps.flow import Flow
from hw.netlist import Netlist, dump
from tests.build_flows.board.golden_toy import write_filelist
from tests.build_flows.compare_samples import resources
from tests.toy_rtl import emit

SUMS = Sums(lut=100, lut_paired=90, lutram=10, ff=200, bram36=1, dsp=2, carry=12)


class CompiledFlow(Flow):
    """Compiles nothing; its synthesis is a few invented numbers."""

    def compile(self) -> Any:
        return None

    def synth(self, part: str | None = None, full: bool = False) -> ResourcesFile:
        whole = WholeSums(**vars(SUMS), difference=Difference(**dict.fromkeys(Sums.model_fields, 0.0))) if full else None
        found = {**vars(resources(1)), "total": SUMS, "whole": whole}
        SynthesisFile(**{name: found[name] for name in SynthesisFile.model_fields if name != "version"}).save(self.path("synthesis.json"))
        return self.resources()


def compiled(folder: Path, project: Project, **shape: object) -> Netlist:
    """Write a toy's ``netlist.json`` and ``rtl/`` into ``project``'s output; its netlist."""
    project.output.mkdir(parents=True, exist_ok=True)
    netlist = emit(project.output / "rtl", **shape)
    write_filelist(project.output / "rtl")
    (project.output / "netlist.json").write_text(dump(netlist))
    return netlist


def flow_of(project: Project, build: Build) -> CompiledFlow:
    return CompiledFlow(project, build.ui, build)
