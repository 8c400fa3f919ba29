"""Times on the command line."""

import click
import pytest

from build_flows.cli.duration import Duration


@pytest.mark.parametrize(("text", "seconds"), [
    ("90s", 90), ("20min", 1200), ("2h", 7200), ("1.5h", 5400), ("1h30min", 5400), ("1h30min5s", 5405), ("0.5s", 0.5),
])
def test_times(text, seconds):
    assert Duration().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["12parsecs", "20", "", "min", "-5s", "5 min", "1h 30min", "5m", "1.h"])
def test_what_is_no_time_is_told(text):
    with pytest.raises(click.BadParameter) as caught:
        Duration().convert(text, None, None)
    assert caught.value.message == f"{text!r} is no time; allowed: 90s, 20min, 2h or 1h30min"


def test_no_time_at_all_is_none():
    with pytest.raises(click.BadParameter, match="'0s' must be longer than 0"):
        Duration().convert("0s", None, None)


def test_numbers_are_seconds():
    assert Duration().convert(90, None, None) == 90.0
