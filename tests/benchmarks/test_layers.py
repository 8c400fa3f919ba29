"""The configurations that fused layers are measured with are those of the example but for what is named."""

import pytest

from benchmarks.layers import CASES, CLOCK, EXAMPLE, Case, config_text
from build_flows.project.load import parse


@pytest.mark.parametrize("case", CASES)
def test_they_are_the_example_with_fused_layers(case: Case) -> None:
    found, example = parse(config_text(case)), parse(EXAMPLE.read_text(encoding="utf-8"))
    assert (found.build.layers, found.target.cycles_per_sample, found.target.clock_mhz) == ("fused", case.cycles, CLOCK)
    assert (found.model, found.exits, found.calibrate, found.data) == (example.model, example.exits, example.calibrate, example.data)
    assert (found.target.hard_share, found.train.seed) == (example.target.hard_share, example.train.seed)


def test_all_of_a_case_have_one_training() -> None:
    assert len({parse(config_text(case)).train.model_dump_json() for case in CASES}) == 1
