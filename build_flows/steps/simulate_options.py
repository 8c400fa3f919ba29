"""How the accelerator is run, as commands and the configuration say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["Options", "options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run: ``samples`` images (None: all), ``stall`` share of the cycles that source and sink each sit out, ``seed`` of the
    stalls, integer ``thresholds`` by exit that are written to registers first, and, when ``waves`` names a file, an FST of all signals."""

    samples: int | None = None
    stall: float = 0.0
    seed: int = 1
    thresholds: Mapping[int, int] = field(default_factory=dict)
    waves: Path | None = None


def options(project: "Project") -> Options:
    """The project's own options."""
    chosen = project.config.simulate
    return Options(samples=chosen.samples, stall=chosen.stall, seed=chosen.seed)
