"""What all rooms' tests share."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from build_flows.project.load import Project


@pytest.fixture(scope="session")
def model_cache(pytestconfig) -> Path:
    """Where Verilated models are kept from one test run to the next; `make clean` removes it."""
    return Path(pytestconfig.rootpath) / "build" / "models"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> "Project":
    """One small project, sent through the real flow once, as it is after ``offramp simulate``; tests must not change it."""
    # Here, since it loads torch.
    from build_flows.base.ui import SilentUi
    from build_flows.steps import flow
    from tests.build_flows.projects import project

    made = project(tmp_path_factory.mktemp("tiny"), model_cache)
    flow.simulate(made, SilentUi(), samples=40)
    return made
