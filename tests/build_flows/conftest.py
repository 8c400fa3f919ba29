"""One small project, sent through the real flow once, for all tests of this folder that need what it makes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps import flow
from tests.build_flows.projects import configured, project


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Project:
    """The project after ``offramp simulate``; tests must not change it."""
    made = project(tmp_path_factory.mktemp("tiny"), model_cache)
    flow.simulate(made, SilentUi(), samples=40)
    return made


@pytest.fixture
def copy(tiny: Project, tmp_path: Path) -> Callable[..., Project]:
    """``copy(**changes)``: the finished project in a folder of the test's own, with another configuration."""

    def make(**changes: str) -> Project:
        folder = tmp_path / "somewhere" / "else"
        shutil.copytree(tiny.file.parent, folder, symlinks=True)
        return configured(folder, **changes)

    return make
