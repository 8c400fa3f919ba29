"""Step ``report``: one page of what was built."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.pages.report import write_report
from build_flows.pages.report_data import VERSIONS
from build_flows.project.config import Config
from build_flows.steps.engine import Step, Work

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["INPUTS", "SYNTHESISED", "Settings", "run", "step"]

INPUTS = ("metrics.json", "exits.json", "tradeoff.json", "sizing.json", "netlist.json", "agreement.json", "sim.json", "folding.toml")
SYNTHESISED = "resources.json"
"""What is told too where it is there."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the page shows beside the artefacts: the whole configuration, its file's name, and the versions of what made all this."""

    config: Config
    file: str
    versions: Mapping[str, str]


def step(project: "Project", artefacts: Mapping[str, Path]) -> Step:
    """``report.html`` of the ``artefacts`` named :data:`INPUTS`, and what else :func:`build_flows.pages.report_data.gather` takes where it
    is among them."""
    versions = {"python": platform.python_version()} | {name: metadata.version(name) for name in VERSIONS}
    return Step(
        name="report", run=run, outputs=("report.html",), inputs=artefacts,
        settings=Settings(config=project.config, file=project.file.name, versions=versions),
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``report.html``."""
    write_report(chosen.config, chosen.file, chosen.versions, inputs, work.folder / "report.html")
