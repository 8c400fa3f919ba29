"""An exit of a project as a unit of its own: of the very netlist, and told before anything is trained when there is no such exit."""

from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.ui import SilentUi
from build_flows.exit_unit.generate import of_netlist
from build_flows.project.load import load as load_config
from build_flows.project.template import template
from build_flows.steps.exit_unit import of_project
from build_flows.steps.flow import Flow
from hw.netlist import dump, load
from tests.build_flows.report_samples import netlist


def test_the_unit_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text(template("digits"))
    project, text, calls = load_config(file), dump(netlist()), []

    def compile(flow: Flow) -> None:
        calls.append(flow.project.output)
        flow.path("netlist.json").write_text(text)

    monkeypatch.setattr(Flow, "compile", compile)
    assert of_project(project, 1, SilentUi()) == of_netlist(load(text), 1)
    assert calls == [project.output]
    with pytest.raises(OfframpError, match="--exit must be from 0 to 2, not 3"):
        of_project(project, 3, SilentUi())
    assert len(calls) == 1
