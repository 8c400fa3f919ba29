"""What the tests of the commands share."""

import sys
from pathlib import Path

import pytest

from build_flows.project.template import template
from tests.build_flows.cli.stand_in import Flow


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Flow:
    from build_flows import steps

    stand_in = Flow()
    monkeypatch.setitem(sys.modules, "build_flows.steps.flow", stand_in)  # type: ignore[misc]
    monkeypatch.setattr(steps, "flow", stand_in, raising=False)
    return stand_in


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.toml"
    before, simulate = template("digits", cycles=128).replace("clock_mhz = 125.0", "clock_mhz = 100.0").split("[simulate]")
    file.write_text(f"{before}[simulate]{simulate.replace('# samples =', 'samples = 100')}")
    return str(file)
