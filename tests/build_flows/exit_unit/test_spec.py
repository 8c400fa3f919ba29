"""What follows from a unit as a user asks for it."""

from build_flows.exit_unit.spec import latency_bound


def test_the_bound_of_the_latency() -> None:
    assert [latency_bound(*pair) for pair in ((10, 10), (10, 1), (1000, 8), (2, 2), (12, 3))] == [22, 32, 268, 16, 24]
