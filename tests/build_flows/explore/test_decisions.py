"""Thresholds, shares and harms, counted by hand; and that a configuration says exactly what was predicted."""

import numpy as np
import pytest
from scipy.stats import binom

from build_flows.explore.decisions import Decided, Scoring, decided, harm_bound, parted
from build_flows.explore.search_file import POLICY_NAMES
from quant_models.exits.calibrate import calibrate
from quant_models.exits.deciding import ExitLogits, apply
from quant_models.exits.policies import POLICIES
from tests.build_flows.explore.material import SCALES, answers

SEED, LAST = 1, 3


def real_logits(found, exit, where):
    return found.logits[exit][where].astype(float) * SCALES[exit]


def leaves(found, exits, policy, thresholds, where):
    """Class and exit of every image, by scores in real numbers."""
    label, taken = found.logits[LAST][where].argmax(1), np.full(len(where), len(exits))
    for k in reversed(range(len(exits))):
        row = POLICIES[policy]
        score = row.real(real_logits(found, exits[k], where))
        # The integer decision of softmax and entropy is the real one but for their epsilon.
        go = score >= thresholds[k] - 1e-9 if policy != "entropy" else score <= thresholds[k] + 1e-9
        label, taken = np.where(go, found.logits[exits[k]][where].argmax(1), label), np.where(go, k, taken)
    return label, taken


def test_one_half_selects_and_the_other_certifies():
    for samples in (1, 2, 7, 1200):
        found = parted(samples, SEED)
        assert sorted([*found.select, *found.certify]) == list(range(samples)), "all, and none twice"
        assert len(found.select) - len(found.certify) in (0, 1)
    assert (parted(1200, 1).select != parted(1200, 2).select).any()
    assert (parted(1200, 1).select == parted(1200, 1).select).all()


@pytest.mark.parametrize("policy", POLICY_NAMES)
@pytest.mark.parametrize("exits", [(0,), pytest.param((1, 2), marks=pytest.mark.slow)])
def test_thresholds_lose_no_more_than_they_may_of_the_images_that_select(policy, exits):
    found = answers()
    made = decided(found, exits, policy, 2.0, SEED, Scoring())
    where = parted(len(found.labels), SEED).select
    label, taken = leaves(found, exits, policy, made.thresholds, where)
    assert made.samples == len(where) == 600
    if policy in ("max_logit", "margin"):
        assert made.leave == tuple((taken == k).sum() for k in range(len(exits) + 1))
        assert made.right == (label == found.labels[where]).sum()
    else:
        assert made.leave == pytest.approx([(taken == k).sum() for k in range(len(exits) + 1)], abs=6)
    last = (found.logits[LAST][where].argmax(1) == found.labels[where]).sum()
    assert made.right >= last - 0.02 * len(where)
    assert made.leave[0] > 200, "and many leave"


def test_more_loss_lets_more_go():
    made = [decided(answers(), (0,), "margin", loss, SEED, Scoring()) for loss in (0.0, 1.0, 5.0)]
    assert made[0].leave[0] < made[1].leave[0] < made[2].leave[0]


def test_images_that_certify_choose_nothing():
    found = answers()
    where = parted(len(found.labels), SEED)
    other = answers()
    for logits in other.logits:
        logits[where.certify] = logits[where.certify][:, ::-1]
    assert decided(other, (2,), "margin", 1.0, SEED, Scoring()) == decided(found, (2,), "margin", 1.0, SEED, Scoring())


def test_an_exit_that_lets_none_go_has_no_threshold():
    found = answers()
    found.logits[0][:] = 0
    made = decided(found, (0,), "margin", 0.0, SEED, Scoring())
    # All scores are equal, and all are wrong but for class 0: to let them go costs more than nothing.
    assert (made.thresholds, made.leave[0], made.hard_share) == ((None,), 0, (1.0,))


def test_stages_are_planned_for_as_many_as_may_come():
    made = Decided(thresholds=(1.0, 2.0), right=900, leave=(600, 360, 40))
    first, second = made.planned(0.99)
    assert binom.cdf(400, 1000, first) == pytest.approx(0.01), "so many more would be as unlikely"
    assert binom.cdf(40, 1000, first * second) == pytest.approx(0.01), "of all samples, not of those that come"
    assert 0.4 < made.planned(0.9)[0] < first < 0.45
    assert Decided(thresholds=(1.0, 2.0), right=90, leave=(0, 0, 100)).planned(0.99) == (1.0, 1.0)
    assert Decided(thresholds=(), right=90, leave=(100,)).planned(0.99) == ()


def test_shares_are_of_all_and_hard_shares_of_those_that_come():
    made = Decided(thresholds=(1.0, 2.0), right=90, leave=(60, 30, 10))
    assert (made.samples, made.shares) == (100, (0.6, 0.3, 0.1))
    assert made.hard_share == (0.4, 0.25)
    assert Decided(thresholds=(1.0, 2.0), right=90, leave=(100, 0, 0)).hard_share == (0.0, 1.0), "none comes to the second"


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_the_harm_is_counted_on_the_images_that_certify_and_bounded(policy):
    found, exits, confidence = answers(), (0,), 0.95
    made = decided(found, exits, policy, 3.0, SEED, Scoring())
    where = parted(len(found.labels), SEED).certify
    bound = harm_bound(found, exits, policy, made.thresholds, SEED, Scoring(), confidence)
    label, _ = leaves(found, exits, policy, made.thresholds, where)
    right = found.logits[LAST][where].argmax(1) == found.labels[where]
    harms = int((right & (label != found.labels[where])).sum())
    assert harms > 3
    # Clopper and Pearson: so few harms would be as rare as 1 - confidence, were the mean at the bound.
    tails = [binom.cdf(count, len(where), bound) for count in range(max(0, harms - 2), harms + 3)]
    exact = binom.cdf(harms, len(where), bound)
    if policy in ("max_logit", "margin"):
        assert exact == pytest.approx(1 - confidence, rel=1e-6)
    else:
        assert min(abs(tail - (1 - confidence)) for tail in tails) < 1e-6, "but for scores within epsilon of the threshold"
    assert bound < harm_bound(found, exits, policy, made.thresholds, SEED, Scoring(), 0.99)


def test_images_that_select_are_no_part_of_the_bound():
    found, other = answers(), answers()
    where = parted(len(found.labels), SEED).select
    other.labels[where] = (other.labels[where] + 1) % 10
    arguments = ((0,), "margin", (4.0,), SEED, Scoring(), 0.9)
    assert harm_bound(other, *arguments) == harm_bound(found, *arguments)


@pytest.mark.parametrize("policy", POLICY_NAMES)
@pytest.mark.parametrize("scoring", [Scoring(), Scoring(epsilon=0.01), Scoring(bits=(14, 14, 14, 14))])
def test_real_thresholds_become_the_integers_that_were_found(policy, scoring):
    """What a configuration holds are real thresholds: they must become the very integers that the prediction was made with, whichever
    calibration reads them."""
    for seed in range(2):
        found = answers(seed, 300)
        where = parted(len(found.labels), SEED).select
        for loss in (1.0, 5.0):
            made = decided(found, (2,), policy, loss, SEED, scoring)
            assert None not in made.thresholds
            exits = [ExitLogits(policy=policy if k < LAST else "always", logits=found.logits[k][where].astype(np.int64), scale=SCALES[k],
                                fixed_bits=None if scoring.bits is None else scoring.bits[k]) for k in (2, LAST)]
            wanted = calibrate(exits, found.labels[where], accuracy_loss=loss / 100, epsilon=scoring.epsilon)
            # As TOML has them: the shortest text that is this number.
            told = [float(repr(threshold)) for threshold in made.thresholds]
            again = calibrate(exits, found.labels[where], thresholds=told, epsilon=scoring.epsilon)
            assert [item.threshold for item in again.exits[:-1]] == [item.threshold for item in wanted.exits[:-1]]
            _, taken = apply(again.exits, [item.logits for item in exits])
            assert made.leave == tuple((taken == k).sum() for k in range(2))
