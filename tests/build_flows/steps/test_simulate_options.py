"""The project's own options are those of its configuration."""

from build_flows.project.load import Project
from build_flows.steps.simulate_options import Options, options
from tests.build_flows.projects import changed


def test_options_are_those_of_the_configuration(small: Project) -> None:
    assert options(small) == Options(samples=40, stall=0.0, seed=1, waves=None)
    other = changed(small, {"simulate": {"samples": None, "stall": 0.25, "seed": 7}})
    assert options(other) == Options(samples=None, stall=0.25, seed=7)
