"""Without a terminal progress is plain lines: tenths of what takes long, milestones, and the time that is left."""

import pytest

from build_flows.base.plain_progress import PAUSE, PlainProgress, duration


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(total: float | None) -> tuple[PlainProgress, list[str], Clock]:
    said: list[str] = []
    clock = Clock()
    return PlainProgress(said.append, "copying", total, clock), said, clock


def test_a_line_a_tenth_with_the_time_that_is_left() -> None:
    bar, said, clock = begun(200)
    for _ in range(200):
        clock.now += 1
        bar.advance()
    assert said[:4] == ["copying", "copying: 10 %, about 3 min left", "copying: 20 %, about 3 min left", "copying: 30 %, about 2 min left"]
    assert said[-2:] == ["copying: 90 %, about 20 s left", "copying: 100 %"]
    assert len(said) == 11


def test_what_is_quick_says_no_more_than_its_name() -> None:
    bar, said, clock = begun(10)
    for _ in range(10):
        clock.now += PAUSE / 20
        bar.advance()
    assert said == ["copying"]


def test_the_text_is_told_and_several_tenths_at_once_are_one_line() -> None:
    bar, said, clock = begun(None)
    bar.update(completed=0, total=10, text="net.v")
    clock.now += 60
    bar.update(completed=6)
    assert said == ["copying", "copying: 60 %, net.v, about 40 s left"]
    clock.now += 60
    bar.update(completed=6)
    assert len(said) == 2


def test_without_an_end_only_milestones_are_told() -> None:
    bar, said, clock = begun(None)
    clock.now += 60
    bar.advance(5)
    bar.milestone("five are there")
    assert said == ["copying", "copying: five are there"]


def test_milestones_take_the_place_of_tenths() -> None:
    """Every one, however quick it was."""
    bar, said, clock = begun(None)
    for step in range(1, 31):
        clock.now += 10
        bar.update(completed=step, total=30, text=f"step {step}")
        if step % 10 == 0:
            bar.milestone(f"epoch {step // 10} of 3: loss 0.1")
    assert [line for line in said if "epoch" in line] == [
        "copying: epoch 1 of 3: loss 0.1, about 3 min left", "copying: epoch 2 of 3: loss 0.1, about 2 min left",
        "copying: epoch 3 of 3: loss 0.1",
    ]
    assert len([line for line in said if "%" in line]) == 3, "before the first of them"


def test_what_goes_on_from_before_took_no_time_here() -> None:
    bar, said, clock = begun(1000)
    clock.now += 1000
    bar.update(completed=801)
    clock.now += 15
    bar.update(completed=951)
    assert said == ["copying", "copying: 95 %, about 5 s left"]


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5339, "89 min"), (5400, "1 h 30 min"),
                                               (36_300, "10 h 05 min")])
def test_durations_are_read_by_people(seconds: float, told: str) -> None:
    assert duration(seconds) == told
