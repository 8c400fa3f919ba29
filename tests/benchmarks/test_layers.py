"""Fused layers are measured with the presets, but for what is named."""

from pathlib import Path

import pytest

from benchmarks.layers import CASES, CLOCK, Case, config_text
from build_flows.project.load import parse
from build_flows.project.template import template


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_they_are_the_presets_with_fused_layers(case: Case) -> None:
    found, preset = parse(config_text(case)), parse(template(case.network))
    assert (found.build.layers, found.target.cycles_per_sample, found.target.clock_mhz) == ("fused", case.cycles, CLOCK)
    assert (found.model, found.exits, found.calibrate, found.data) == (preset.model, preset.exits, preset.calibrate, preset.data)
    assert (found.train.seed, found.train.epochs) == (preset.train.seed, case.epochs)
    assert found.target.hard_share == ([0.4, 0.375] if case.network == "digits" else [0.25])


def test_all_of_a_network_have_one_training() -> None:
    for network in {case.network for case in CASES}:
        assert len({parse(config_text(case)).train.model_dump_json() for case in CASES if case.network == network}) == 1


@pytest.mark.parametrize(("files", "name"), [(["data_batch_1.bin"], "cifar10"), ([], "folder")])
def test_cifar10_is_where_it_was_told(files: list[str], name: str, tmp_path: Path) -> None:
    for file in files:
        (tmp_path / file).touch()
    case = next(case for case in CASES if case.network == "b_alexnet")
    found = parse(config_text(case, tmp_path))
    assert (found.data.name, found.data.path) == (name, str(tmp_path))
