"""Projects for all tests of this folder: copies of the small one, and a toy that is compiled already."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from tests import quick_simulator
from tests.build_flows.board.bitstreams import plans
from tests.build_flows.board.compiled import compiled
from tests.build_flows.drawings import any_will_do, kept
from tests.build_flows.projects import configured
from tests.test_layering import ROOT

quick_simulator.install()

__all__ = ["any_drawing", "copy", "drawings", "plans", "project"]


@pytest.fixture
def copy(tiny: Project, tmp_path: Path) -> Callable[..., Project]:
    """``copy(**changes)``: the finished project in a folder of the test's own, with another configuration."""

    def make(**changes: str) -> Project:
        folder = tmp_path / "somewhere" / "else"
        shutil.copytree(tiny.file.parent, folder, symlinks=True)
        return configured(folder, **changes)

    return make


@pytest.fixture
def any_drawing() -> Iterator[None]:
    """For tests that do not look at plots; see :func:`tests.build_flows.drawings.any_will_do`."""
    with any_will_do():
        yield


@pytest.fixture(scope="module")
def drawings() -> Iterator[dict[Any, bytes]]:
    """Plots that the module's tests draw again are those of before; see :func:`tests.build_flows.drawings.kept`."""
    with kept() as known:
        yield known


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The digits' configuration in a folder of its own, whose output holds the netlist and the RTL of a toy with two exits."""
    file = tmp_path / "digits.toml"
    file.write_text((ROOT / "examples" / "digits.toml").read_text())
    found = load_config(file)
    compiled(tmp_path, found)
    return found
