"""What all rooms' tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model_cache(pytestconfig) -> Path:
    """Where Verilated models are kept from one test run to the next; `make clean` removes it."""
    return Path(pytestconfig.rootpath) / "build" / "models"
