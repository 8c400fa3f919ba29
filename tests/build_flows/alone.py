"""One step by itself: its function is run in a folder of the test's own, as a ``Build`` would run it, but without stamps."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.base.ui import SilentUi, Ui
from build_flows.project.load import Project
from build_flows.steps.engine import Step, Work

__all__ = ["alone", "golden_meta", "work_of"]


def work_of(project: Project, folder: Path, ui: Ui | None = None, step: Step | None = None) -> Work:
    """What the function of ``step``, one of ``project``'s, is given to write into ``folder``."""
    return Work(folder=folder, ui=ui or SilentUi(), output=project.output, file=project.file, named=step.named if step else {})


def alone(project: Project, step: Step, folder: Path, ui: Ui | None = None) -> Path:
    """Runs ``step`` of ``project`` in ``folder``, which is made where it is missing; that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    step.run(step.settings, step.inputs, work_of(project, folder, ui, step))
    return folder


def golden_meta(folder: Path) -> dict[str, Any]:
    """What ``golden.npz`` in ``folder`` says beside its arrays."""
    with np.load(folder / "golden.npz", allow_pickle=False) as found:
        meta: dict[str, Any] = json.loads(str(found["meta"]))
    return meta
