"""A layout made ahead of a comparison, in a process of its own: what is fresh then is not made again when its row is."""

from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import explain
from build_flows.base.ui import SilentUi
from build_flows.project.load import load
from build_flows.steps import flow

__all__ = ["Asked", "make"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A layout called ``name``, by its configuration ``file``; ``data``, ``part`` and ``full`` as in
    :func:`build_flows.compare.compare.compare`."""

    name: str
    file: Path
    data: Path | None
    part: str | None
    full: bool


def make(shared: None, asked: Asked) -> str | None:
    """All steps of ``asked`` up to simulation and synthesis; an error of the user's is given in words, and comes again with the row."""
    try:
        project = load(asked.file, asked.data)
        chosen = project.config.simulate
        flow.simulate(project, SilentUi(), samples=chosen.samples, stall=chosen.stall, seed=chosen.seed)
        flow.synth(project, SilentUi(), part=asked.part, full=asked.full)
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        return told.message
    return None
