"""A design that is planned for fewer hard samples than its own thresholds let on is told before it is simulated."""

import pytest

from build_flows.steps.overrun import overrun_told


def test_a_stage_that_calibration_overruns_is_told() -> None:
    assert overrun_told([1, 0.363], [1, 0.25], [1297, 4000]) == (
        "warning: 36.3 % of the validation images reach stage 1, which target.hard_share plans for 25.0 %: expect it to set the pace, at "
        "some 1452 cycles a sample instead of 1297; allowed: as it is, or a greater target.hard_share"
    )


@pytest.mark.parametrize(("reach", "intervals"), [
    ([1, 0.25], [1297, 4000]), ([1, 0.324], [1297, 4000]), ([1, 0.2], [100, 500]), ([1, 0.5, 0.1], [128, 256, 576]), ([1], [40]),
])
def test_one_that_keeps_up_is_not(reach: list[float], intervals: list[int]) -> None:
    assert overrun_told(reach, reach, intervals) is None


def test_the_slowest_of_several_is_named() -> None:
    told = overrun_told([1, 0.6, 0.5], [1, 0.4, 0.15], [128, 256, 576])
    assert told is not None
    assert "reach stage 2" in told
    assert "288 cycles a sample instead of 128" in told
