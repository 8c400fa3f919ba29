"""Step ``resources``: Yosys' figures, and those of what built it where there is a bitstream of this netlist."""

from collections.abc import Mapping
from pathlib import Path

from build_flows.artefacts.resources import OpenRecord, ResourcesFile, SynthesisFile, VivadoRecord
from build_flows.board.built import DESCRIPTION, figures
from build_flows.steps.engine import Step, Work
from hw.accelerator import build_id
from hw.netlist import load

__all__ = ["run", "step"]


def step(synthesis: Path, netlist: Path, bitstream: Path) -> Step:
    """``resources.json`` from ``synthesis.json``, and from the folder ``bitstream`` where it holds one."""
    built = {"bitstream": bitstream} if (bitstream / DESCRIPTION).is_file() else {}
    return Step(name="resources", run=run, outputs=("resources.json",), inputs={"synthesis": synthesis, "netlist": netlist, **built})


def run(chosen: None, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``resources.json``."""
    build = build_id(load(inputs["netlist"].read_text(encoding="utf-8")))
    built = figures(inputs["bitstream"], build) if "bitstream" in inputs else None
    found = SynthesisFile.load(inputs["synthesis"])
    ResourcesFile(
        **vars(found), vivado=built if isinstance(built, VivadoRecord) else None, open=built if isinstance(built, OpenRecord) else None,
    ).save(work.folder / "resources.json")
