"""Step ``export``: the trained network as QONNX and as integers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.steps.engine import Step, Work
from build_flows.steps.topology import Topology, built, topology

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["OUTPUTS", "Settings", "run", "step"]

OUTPUTS = ("model.onnx", "golden.npz")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of which network."""

    network: Topology


def step(project: "Project", checkpoint: Path) -> Step:
    """``model.onnx`` and ``golden.npz`` of ``checkpoint``."""
    return Step(name="export", run=run, outputs=OUTPUTS, inputs={"checkpoint": checkpoint}, settings=Settings(network=topology(project)))


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``model.onnx`` (QONNX) and ``golden.npz``."""
    from quant_models.integers.export import export_golden, export_qonnx
    from quant_models.networks.checkpoint import load_checkpoint, load_model

    work.ui.info("exporting QONNX and integer parameters")
    found = load_checkpoint(inputs["checkpoint"]).spec
    model = load_model(inputs["checkpoint"], built(chosen.network, found.classes, (found.height, found.width, found.channels), work))
    export_golden(model, work.folder / "golden.npz")
    export_qonnx(model, work.folder / "model.onnx")
