"""What the tests of the steps share."""

from pathlib import Path

import pytest

from build_flows.project.load import Project
from build_flows.steps import train
from tests.build_flows.alone import alone
from tests.build_flows.projects import project


@pytest.fixture
def small(tmp_path: Path, model_cache: Path) -> Project:
    """A project of the test's own, in which nothing was done; it trains for two epochs."""
    return project(tmp_path, model_cache, epochs="2")


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Path:
    """What step ``train`` of a project like ``small`` left; tests must not change it."""
    folder = tmp_path_factory.mktemp("first")
    made = project(folder, model_cache, epochs="2")
    return alone(made, train.step(made), folder / "work")
