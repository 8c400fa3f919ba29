"""Step ``synth``: what the compiled accelerator takes, by Yosys."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.parts import find_part
from build_flows.steps.engine import Step, Work
from build_flows.synthesis.measure import measure
from hw.netlist import load

__all__ = ["Settings", "run", "step"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """For which ``part``, and whether the complete top is synthesised as well (``full``)."""

    part: str
    full: bool


def step(netlist: Path, rtl: Path, part: str, full: bool) -> Step:
    """``synthesis.json`` of ``netlist`` and ``rtl``."""
    return Step(
        name="synth", run=run, outputs=("synthesis.json",), inputs={"netlist": netlist, "rtl": rtl}, settings=Settings(part=part, full=full)
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``synthesis.json``; finished units are kept beside the output folder, for all projects there."""
    netlist = load(inputs["netlist"].read_text(encoding="utf-8"))
    found = measure(netlist, inputs["rtl"], find_part(chosen.part), work.caches / ".synthesis", work.ui, full=chosen.full)
    found.save(work.folder / "synthesis.json")
