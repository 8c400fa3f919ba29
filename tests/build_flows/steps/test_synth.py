"""What a synthesis is of: netlist, RTL, part, and whether the whole top is synthesised as well; units are kept for the projects beside."""

from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.resources import SynthesisFile
from build_flows.base.parts import find_part
from build_flows.project.load import Project
from build_flows.steps import synth
from tests.build_flows.alone import alone
from tests.build_flows.compare_samples import resources


def test_what_is_measured_of_what(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    content = resources(1).to_json()
    del content["vivado"]
    made = SynthesisFile.model_validate(content)

    def measure(netlist: Any, rtl: Path, part: Any, cache: Path, ui: object, *, full: bool) -> SynthesisFile:
        asked.append((netlist.name, rtl, part, cache, full))
        return made

    monkeypatch.setattr(synth, "measure", measure)
    step = synth.step(project.output / "netlist.json", project.output / "rtl", "xc7z010clg400-1", True)
    assert SynthesisFile.load(alone(project, step, tmp_path / "work") / "synthesis.json") == made
    [(name, rtl, part, cache, full)] = asked
    assert (name, rtl, part, full) == ("toy", project.output / "rtl", find_part("xc7z010clg400-1"), True)
    assert cache == project.output.parent / ".synthesis"


def test_another_part_or_the_whole_top_is_another_synthesis(tmp_path: Path) -> None:
    files = tmp_path / "netlist.json", tmp_path / "rtl"
    settings = [synth.step(*files, part, full).settings for part in ("xc7z010clg400-1", "xc7z020clg400-1") for full in (False, True)]
    assert all(one != other for k, one in enumerate(settings) for other in settings[k + 1 :])
