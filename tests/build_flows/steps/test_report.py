"""The report is of the whole configuration and of what made the artefacts, wherever the project lies."""

import platform
from importlib import metadata
from pathlib import Path

import pytest

from build_flows.pages.report_data import VERSIONS
from build_flows.project.load import Project
from build_flows.steps import report
from tests.build_flows.alone import alone


def test_what_the_page_shows_beside_the_artefacts_counts(small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefacts = {name: tmp_path / name for name in report.INPUTS}
    step = report.step(small, artefacts)
    assert (step.name, list(step.outputs), step.inputs) == ("report", ["report.html"], artefacts)
    assert step.settings.config == small.config
    assert step.settings.file == "config.toml"
    assert set(step.settings.versions) == {"python", *VERSIONS}
    assert step.settings.versions["torch"] == metadata.version("torch")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    assert report.step(small, artefacts).settings.versions["python"] == "3.99.1"


@pytest.mark.cosim
def test_the_page_is_written(tiny: Project, tmp_path: Path) -> None:
    step = report.step(tiny, {name: tiny.output / name for name in report.INPUTS})
    page = (alone(tiny, step, tmp_path / "work") / "report.html").read_text()
    for told in ("tiny", "offramp run config.toml", platform.python_version(), metadata.version("torch")):
        assert told in page, told
