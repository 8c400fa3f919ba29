"""Intervals against published figures, against what they promise, and where they leave out 0."""

import numpy as np
import pytest
from scipy.stats import binomtest

from build_flows.base.interval import independent, of_those, paired, wilson


def pairs(both: int, first: int, second: int, none: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, first, second, none])
    return a, np.repeat([True, False, True, False], [both, first, second, none])


@pytest.mark.parametrize(("right", "count", "low", "high"), [
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
])
def test_wilson_is_as_published(right: int, count: int, low: float, high: float) -> None:
    assert wilson(right / count, count) == pytest.approx((low, high), abs=5e-5)


def test_accuracy_of_those_that_leave_is_of_their_number() -> None:
    assert of_those(0.95, 0.7, 100) == wilson(0.95, 70)
    assert of_those(None, 0.0, 100) is None


def test_wilson_keeps_to_its_bounds() -> None:
    assert wilson(0.0, 0) == (0.0, 1.0)
    assert wilson(1.0, 10)[1] == 1.0
    low, high = wilson(350 / 360, 360)
    # One image of 360 is 0.28 points: far inside.
    assert high - low > 0.03
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, not 1\.5"):
        wilson(1.5, 10)


@pytest.mark.parametrize(("a", "b", "low", "high"), [
    # Newcombe 1998, Statistics in Medicine 17, 873, table II, method 10.
    ((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0),
])
def test_the_difference_of_two_sets_is_as_published(a: tuple[int, int], b: tuple[int, int], low: float, high: float) -> None:
    found = independent(a[0] / a[1], a[1], b[0] / b[1], b[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.value == pytest.approx(a[0] / a[1] - b[0] / b[1])
    assert not found.paired


@pytest.mark.parametrize("differ", [1, 5, 6, 7, 40])
def test_paired_answers_are_told_apart_about_where_mcnemars_exact_test_does(differ: int) -> None:
    for gained in range(differ + 1):
        found, p = paired(*pairs(300, gained, differ - gained, 60 - differ)), binomtest(gained, differ).pvalue
        assert found.certain or p > 0.03, gained
        assert not found.certain or p < 0.08, gained
        assert found.value == pytest.approx((2 * gained - differ) / 360)
        assert found.low <= found.value <= found.high
        assert found.paired


def test_equal_answers_are_not_known_to_be_equal() -> None:
    found = paired(*pairs(350, 0, 0, 10))
    assert (found.value, found.low) == (0.0, -found.high)
    # About what none among 360 leaves possible on each side.
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 360), rel=0.3)
    assert not found.certain


def test_pairs_are_narrower_than_two_sets() -> None:
    """Two networks that differ on few images are compared on these alone."""
    a, b = pairs(9000, 60, 30, 910)
    same, other = paired(a, b), independent(float(a.mean()), len(a), float(b.mean()), len(b))
    assert same.certain
    assert not other.certain
    assert same.high - same.low < other.high - other.low


def test_only_the_same_samples_make_pairs() -> None:
    with pytest.raises(ValueError, match="both must be of the same samples, at least one, not of 2 and 3"):
        paired(np.ones(2, bool), np.ones(3, bool))
    with pytest.raises(ValueError, match="not of 0 and 0"):
        paired(np.ones(0, bool), np.ones(0, bool))


@pytest.mark.parametrize(("first", "second"), [(0.05, 0.03), (0.1, 0.0), (0.004, 0.002), (0.3, 0.1)])
def test_the_interval_holds_the_truth_as_often_as_it_says(first: float, second: float) -> None:
    """Of 1,000 drawn test sets of 400 pairs 93 % at least: three standard deviations of such a count below 95 %."""
    random = np.random.default_rng(1)
    chances = [0.98 - first - second, first, second, 0.02]
    found = [paired(*pairs(*counts)) for counts in random.multinomial(400, chances, size=1000)]
    assert sum(item.low <= first - second <= item.high for item in found) >= 930
