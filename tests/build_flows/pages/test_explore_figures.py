"""What an exploration's figures come to: like is compared with like, and what does not fit is no success."""

from typing import Any

import pytest

from build_flows.artefacts.explore import Cloud, ExploreFile, PointRecord
from build_flows.pages.explore_figures import best, designs, fronts, limiting, shown, verified, worst, worth
from tests.build_flows.explore_samples import sample


def point(name: str, rate: float, accuracy: float, *, early: bool, measured: float | None = None, **taken: Any) -> PointRecord:
    """A design that is predicted to reach this; ``measured``: it was verified, and measured so many samples a second."""
    base = next(row for row in (*sample().front, *sample().alone) if bool(row.exits) is early and row.errors is not None)
    now = base.predicted.replace(samples_per_second=rate, accuracy=accuracy, **taken)
    found = None if measured is None else now.replace(samples_per_second=measured)
    return base.replace(name=name, predicted=now, measured=found, errors=base.errors if found is not None else None)


def exploration(front: list[PointRecord], alone: list[PointRecord], moved: list[PointRecord] | None = None) -> ExploreFile:
    return sample().replace(front=front, alone=alone, moved=moved or [])


def test_every_design_stands_once_and_the_fastest_first() -> None:
    found = sample()
    rows = designs(found)
    assert sorted(row.id for row in rows) == sorted(row.name for row in (*found.front, *found.alone, *found.moved))
    rates = [row.shown.samples_per_second for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert {row.id for row in rows if row.front} == {row.name for row in found.front}
    assert [row.id for row in rows if row.moved] == [row.name for row in found.moved]
    both = found.replace(alone=[*found.alone, found.front[0]])
    assert len(designs(both)) == len(rows)
    assert {(row.state, row.point.measured is not None) for row in rows} == {("verified", True), ("predicted", False)}


def test_what_was_measured_goes_before_what_is_predicted() -> None:
    assert shown(point("a", 100.0, 0.9, early=True, measured=90.0)).samples_per_second == 90.0
    assert shown(point("a", 100.0, 0.9, early=True)).samples_per_second == 100.0
    both = [point("a", 1, 0.9, early=True, measured=1), point("b", 1, 0.9, early=True)]
    assert [row.name for row in verified(exploration(both, []))] == ["a"]


@pytest.mark.parametrize(("places", "kept"), [
    ([], []),
    ([(1.0, 0.9), (2.0, 0.8), (1.5, 0.7)], [(1.0, 0.9), (2.0, 0.8)]),
    ([(1.0, 0.9), (1.0, 0.9), (1.0, 0.8)], [(1.0, 0.9)]),
    ([(1.0, 0.9), (2.0, 0.9)], [(2.0, 0.9)]),
])
def test_the_best_of_places(places: list[tuple[float, float]], kept: list[tuple[float, float]]) -> None:
    assert best(places) == kept


def test_fronts_are_measured_where_both_kinds_were_verified_and_else_predicted() -> None:
    fast = point("fast", 500.0, 0.9, early=True, measured=480.0)
    gone = point("gone", 900.0, 0.9, early=True, measured=800.0)
    large = point("large", 700.0, 0.9, early=True, measured=700.0, fits=False, short=["DSP"])
    alone = point("alone", 100.0, 0.91, early=False, measured=99.0)
    found = fronts(exploration([fast, large], [alone], [gone]))
    assert (found.early, found.alone, found.measured) == ([(480.0, 0.9)], [(99.0, 0.91)], True)
    cloud = Cloud(accuracy=[0.9, 0.8, 0.91], samples_per_second=[10.0, 9.0, 3.0], lut=[1, 1, 1], exits=[2, 1, 0])
    found = fronts(exploration([fast], [point("b", 100.0, 0.9, early=False)]).replace(cloud=cloud))
    assert (found.early, found.alone, found.measured) == ([(10.0, 0.9)], [(3.0, 0.91)], False)


def test_what_exits_are_worth_is_taken_within_half_a_point_of_the_most_accurate_without() -> None:
    alone = [point("exact", 100.0, 0.910, early=False, lut=20_000, dsp=200),
             point("coarse", 150.0, 0.905, early=False, lut=25_000, dsp=210), point("poor", 900.0, 0.90, early=False)]
    front = [point("fast", 450.0, 0.905, early=True, dsp=190), point("small", 149.0, 0.906, early=True, dsp=42),
             point("slow", 140.0, 0.91, early=True, dsp=1), point("rough", 800.0, 0.9049, early=True, dsp=1)]
    found = worth(exploration(front, alone))
    assert found is not None
    assert (found.base.name, found.fast.name, found.times) == ("coarse", "fast", 3.0)
    assert (found.resource, found.small and found.small.name, found.share) == ("dsp", "small", 0.2)
    assert not found.measured


def test_it_is_measured_where_both_kinds_were_verified() -> None:
    alone = [point("alone", 100.0, 0.91, early=False, measured=80.0)]
    front = [point("hoped", 900.0, 0.91, early=True), point("seen", 300.0, 0.91, early=True, measured=240.0)]
    found = worth(exploration(front, alone))
    assert found is not None
    assert (found.fast.name, found.times, found.measured) == ("seen", 3.0, True)
    assert found.figures(found.fast).samples_per_second == 240.0
    guessed = worth(exploration(front[:1], alone))
    assert guessed is not None
    assert (guessed.times, guessed.measured, guessed.figures(guessed.base).samples_per_second) == (9.0, False, 100.0)


def test_there_may_be_nothing_to_compare() -> None:
    alone, early = point("alone", 100.0, 0.91, early=False), point("early", 300.0, 0.90, early=True)
    assert worth(exploration([early], [])) is None
    assert worth(exploration([early], [alone])) is None
    large = point("large", 300.0, 0.91, early=True, measured=300.0, fits=False, short=["LUT"])
    assert worth(exploration([large], [point("alone", 100.0, 0.91, early=False, measured=100.0)])) is None
    slow = worth(exploration([point("early", 50.0, 0.91, early=True)], [alone]))
    assert slow is not None
    assert (slow.times, slow.small, slow.share) == (0.5, None, None)


def test_what_limits_a_design() -> None:
    outcome = sample().front[0].predicted
    assert limiting(outcome.replace(lut=100, ff=100, bram36=100, dsp=10), sample()) == "bram36"
    assert limiting(outcome.replace(lut=53_000, ff=100, bram36=100, dsp=10), sample()) == "lut"


def test_the_worst_errors_keep_their_sign() -> None:
    one, other = (row for row in verified(sample())[:2])
    assert one.errors is not None
    rows = [one.replace(errors=one.errors.replace(cycles=0.01, dsp=2)), other.replace(errors=one.errors.replace(cycles=-0.03, dsp=-1))]
    assert (worst(rows)["cycles"], worst(rows)["dsp"]) == (-0.03, 2.0)
    assert worst([]) == {}
