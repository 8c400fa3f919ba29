"""Networks with published twins are measured as the presets that they are."""

from pathlib import Path

import pytest

from benchmarks.networks import CASES, DATA, PAGE, WORK, Case, config_text, networks
from build_flows.base.ui import SilentUi
from build_flows.project.load import parse
from build_flows.project.template import template


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.network)
def test_they_are_the_presets_fine_tuned_from_float(case: Case, tmp_path: Path) -> None:
    found, preset = parse(config_text(case, tmp_path, tmp_path / "float.safetensors")), parse(template(case.network))
    assert (found.model, found.exits, found.calibrate, found.target.board) == (
        preset.model, preset.exits, preset.calibrate, preset.target.board)
    assert (found.train.scheme, found.train.shift, found.train.flip) == ("import", preset.train.shift, preset.train.flip)
    assert (found.import_.fine_tune, found.import_.divisor) == (case.fine_tune, 256)
    assert found.target.hard_share == list(case.hard)
    assert found.project.output is not None
    # Models of its own, so that compiling can begin from nothing.
    assert (WORK / found.project.output).parent.name == case.network


@pytest.mark.parametrize(("files", "name"), [(["data_batch_1.bin"], "cifar10"), ([], "folder")])
def test_cifar10_is_where_it_was_told(files: list[str], name: str, tmp_path: Path) -> None:
    for file in files:
        (tmp_path / file).touch()
    found = parse(config_text(CASES[0], tmp_path, tmp_path / "float.safetensors"))
    assert (found.data.name, found.data.path) == (name, str(tmp_path))


def test_what_is_not_measured_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, data = tmp_path / "page.md", tmp_path / "data.json"
    page.write_text(PAGE.read_text())
    if DATA.is_file():
        data.write_text(DATA.read_text())
    monkeypatch.setattr("benchmarks.networks.PAGE", page)
    monkeypatch.setattr("benchmarks.networks.DATA", data)
    networks(SilentUi(), ["resnet8"], None)
    first = page.read_text()
    assert ("| resnet8: " in first) == DATA.is_file()
    networks(SilentUi(), [], None)
    assert page.read_text() == first
