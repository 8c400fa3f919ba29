"""A compiled toy, for tests of what comes after."""

from pathlib import Path

import pytest

from build_flows.project.load import Project, load
from tests.build_flows.board.compiled import compiled
from tests.test_layering import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The digits' configuration in a folder of its own, whose output holds the netlist and the RTL of a toy with two exits."""
    file = tmp_path / "digits.toml"
    file.write_text((ROOT / "examples" / "digits.toml").read_text())
    found = load(file)
    compiled(tmp_path, found)
    return found
