"""Promises: the numbers of samples that they take, and that they are kept as often as they say."""

import numpy as np
import pytest
from scipy.stats import beta, binom

from quant_models.exits.promise import (
    LARGEST_SEARCH,
    Division,
    TooFew,
    divide,
    halve,
    most_harms,
    needed,
    on_average,
    parted,
    seen_by_training,
    upper_bound,
    walk,
)


@pytest.mark.parametrize(("harms", "samples", "confidence"), [(0, 239, 0.9), (3, 667, 0.9), (17, 3333, 0.99), (1, 2, 0.5)])
def test_the_bound_is_clopper_and_pearsons(harms: int, samples: int, confidence: float) -> None:
    bound = upper_bound(harms, samples, confidence)
    assert bound == pytest.approx(beta.ppf(confidence, harms + 1, samples - harms), rel=1e-9)
    # At this mean so few harms would be as rare as that.
    assert binom.cdf(harms, samples, bound) == pytest.approx(1 - confidence, rel=1e-6)
    assert upper_bound(samples, samples, confidence) == 1


@pytest.mark.parametrize(("allowed", "confidence", "least"), [(0.005, 0.9, 460), (0.01, 0.9, 230), (0.05, 0.5, 14), (1.0, 0.9, 1)])
def test_how_many_samples_without_harm_are_needed(allowed: float, confidence: float, least: int) -> None:
    assert needed(allowed, confidence) == least
    assert upper_bound(0, least, confidence) <= allowed or least == 1
    assert upper_bound(0, least - 1, confidence) > allowed if least > 1 else True
    assert needed(0.0, confidence) is None


@pytest.mark.parametrize("samples", [1, 14, 229, 230, 460, 667, 3333])
@pytest.mark.parametrize("allowed", [0.005, 0.01, 0.05, 0.3, 1.0])
def test_the_most_harms_are_the_last_within_the_bound(samples: int, allowed: float) -> None:
    most = most_harms(samples, allowed, 0.9)
    assert most < 0 or upper_bound(most, samples, 0.9) <= allowed + 1e-12
    assert most == samples or upper_bound(most + 1, samples, 0.9) > allowed
    average = on_average(samples, allowed)
    assert average < 0 or (average + 1) / (samples + 1) <= allowed + 1e-12 or allowed == 1
    assert average == samples or (average + 2) / (samples + 1) > allowed


def test_what_the_digits_are_divided_into() -> None:
    """287 validation images: with confidence at 1.0 point, on average at 0.5, and nothing at 0.3."""
    assert divide(287, 0.01, 0.9) == Division(search=47, proof=240, promise="confidence", joint=False)
    assert divide(287, 0.005, 0.9) == Division(search=47, proof=240, promise="average", joint=False)
    with pytest.raises(TooFew, match="287 samples are too few for the promise: at least 399 are needed") as told:
        divide(287, 0.003, 0.9)
    assert (told.value.average, told.value.confident) == (399, 920)
    for enough, promise in ((told.value.average, "average"), (told.value.confident, "confidence")):
        assert divide(enough, 0.003, 0.9).promise == promise
    with pytest.raises(TooFew):
        divide(398, 0.003, 0.9)
    assert divide(919, 0.003, 0.9).promise == "average"
    with pytest.raises(TooFew, match="no number would do"):
        divide(10**6, 0.0, 0.9)


def test_with_four_times_the_samples_a_third_searches() -> None:
    assert divide(1839, 0.005, 0.9) == Division(search=306, proof=1533, promise="confidence", joint=False)
    assert divide(1840, 0.005, 0.9) == Division(search=613, proof=1227, promise="confidence", joint=True)
    assert divide(100_000, 0.005, 0.9) == Division(search=LARGEST_SEARCH, proof=96_000, promise="confidence", joint=True)
    assert halve(287) == Division(search=143, proof=144, promise="none", joint=False)
    assert halve(50_000).search == LARGEST_SEARCH


@pytest.mark.parametrize("samples", [2, 5, 140, 287, 5000, 60_000])
def test_what_training_looks_at_is_no_proof(samples: int) -> None:
    order = parted(samples, 1)
    assert sorted(order) == list(range(samples))
    assert not np.array_equal(order, parted(samples, 2)) or samples == 2
    for division in (halve(samples), *(divide(samples, loss, 0.9) for loss in (0.005, 0.05, 0.9) if loss * samples > 1.3)):
        assert seen_by_training(samples) <= division.search
        assert division.search + division.proof == samples


def test_it_stops_at_the_first_rung_that_fails() -> None:
    harm = np.zeros((4, 240), bool)
    harm[2, :5] = True  # the next one has no harm again
    assert walk(harm, 0.01, 0.9, "confidence").rung == 1
    assert walk(harm[:2], 0.01, 0.9, "confidence").rung == 1
    assert walk(harm[2:], 0.01, 0.9, "confidence") == walk(harm[2:], 0.005, 0.9, "average")
    assert (walk(harm[2:], 0.01, 0.9, "confidence").rung, walk(harm[2:], 0.01, 0.9, "confidence").bound) == (-1, 0.0)


def test_on_average_every_harm_so_far_counts() -> None:
    """Of each rung one sample, another one, is harmed: the third would make three."""
    harm = np.eye(4, 399, dtype=bool)
    proven = walk(harm, 0.0075, 0.9, "average")
    assert (proven.rung, proven.harms) == (1, 2)
    assert proven.bound == upper_bound(2, 399, 0.9)
    assert walk(harm, 0.0075, 0.9, "confidence").rung == -1 or most_harms(399, 0.0075, 0.9) == 0


def test_the_bound_of_a_chosen_rung_does_not_follow_its_luck() -> None:
    """No harm was seen on a rung that three harms would not have barred."""
    assert walk(np.zeros((3, 667), bool), 0.01, 0.9, "confidence").bound == upper_bound(3, 667, 0.9) <= 0.01


def test_thresholds_as_they_are_have_the_bound_of_their_own_harms() -> None:
    harm = np.arange(300)[None] < 7
    proven = walk(harm, 1.0, 0.9, "none")
    assert (proven.harms, proven.bound) == (7, upper_bound(7, 300, 0.9))
    assert walk(np.zeros((1, 0), bool), 1.0, 0.9, "none").bound == 1.0


@pytest.mark.parametrize(("promise", "samples"), [("confidence", 300), ("average", 120)])
def test_promises_and_bounds_are_kept(promise: str, samples: int) -> None:
    """Rungs of known harm, of which the third does just more than is allowed; half of the harms are shared by all rungs."""
    rng = np.random.default_rng(0)
    allowed, means = 0.02, np.array([0.001, 0.004, 0.0205, 0.04, 0.06])
    broken, over, reached = 0, 0, []
    for _ in range(2000):
        shape = len(means), samples
        proven = walk(np.where(rng.random(shape) < 0.5, rng.random(samples), rng.random(shape)) < means[:, None], allowed, 0.9, promise)
        mean = means[proven.rung] if proven.rung >= 0 else 0.0
        reached.append(mean)
        broken += mean > allowed
        over += mean > proven.bound
    assert over / 2000 <= 0.113
    if promise == "confidence":
        assert 0.03 < broken / 2000 <= 0.113
    else:
        assert 0.001 < np.mean(reached) <= allowed
