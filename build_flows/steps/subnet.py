"""Step ``subnet``: one exit of the trained network alone (``build.mode = "subnet"``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.steps.engine import Step, Work

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["OUTPUT", "Settings", "run", "step"]

OUTPUT = "subnet.safetensors"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The ``exit`` that is built alone."""

    exit: int


def step(project: "Project", checkpoint: Path) -> Step:
    """``subnet.safetensors``, out of what was trained."""
    assert project.config.subnet is not None
    return Step(
        name="subnet", run=run, outputs=(OUTPUT,), inputs={"checkpoint": checkpoint}, settings=Settings(exit=project.config.subnet)
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``subnet.safetensors``: of the trained network what mode subnet builds."""
    from quant_models.networks.checkpoint import save_checkpoint
    from quant_models.networks.subnet import subnet

    work.ui.info(f"taking exit {chosen.exit} out of the network")
    save_checkpoint(work.folder / OUTPUT, subnet(inputs["checkpoint"], chosen.exit))
