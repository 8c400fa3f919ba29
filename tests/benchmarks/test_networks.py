"""Networks with published twins are measured as the presets that they are."""

from pathlib import Path

import pytest

from benchmarks.networks import CASES, DATA, PAGE, WORK, Case, config_text, networks
from build_flows.base.ui import SilentUi
from build_flows.project.load import parse
from build_flows.project.template import template


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_they_are_the_presets_fine_tuned_from_float(case: Case, tmp_path: Path) -> None:
    """But for those without a float twin, which are trained in few bits from the start."""
    found, preset = parse(config_text(case, tmp_path, tmp_path / "float.safetensors")), parse(template(case.network))
    assert (found.exits, found.calibrate, found.target.board) == (preset.exits, preset.calibrate, preset.target.board)
    assert (found.model.preset, found.model.layer_bits) == (case.network, None)
    assert (found.model.weight_bits, found.model.act_bits) == (
        (preset.model.weight_bits, preset.model.act_bits) if case.bits is None else (case.bits, case.bits))
    assert (found.train.shift, found.train.flip) == (preset.train.shift, preset.train.flip)
    if case.floats:
        assert (found.train.scheme, found.import_.fine_tune, found.import_.divisor) == ("import", case.fine_tune, 256)
    else:
        assert (found.train.scheme, found.train.epochs, found.import_.weights) == ("joint", case.fine_tune, None)
    assert found.target.hard_share == list(case.hard)
    assert found.project.output is not None
    # Models of its own, so that compiling can begin from nothing.
    assert (WORK / found.project.output).parent.name == case.name


def test_cases_have_names_of_their_own() -> None:
    assert [case.name for case in CASES] == ["resnet8", "mobilenet_tiny", "msdnet_tiny", "cnv_w1a1", "cnv_w2a2"]


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
