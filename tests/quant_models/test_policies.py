"""The table of policies: integers as the golden model has them, real scores beside them, thresholds there and back."""

import math

import numpy as np
import pytest

from hw.scores import SCORES
from quant_models.errors import QuantModelError
from quant_models.policies import POLICIES, Head, integer_threshold, policy, real_threshold
from sim.golden.policies import POLICIES as GOLDEN
from sim.golden.policies import Side

SCORED = [name for name, row in POLICIES.items() if row.score is not None and row.unit is not None]


def draw(head, seed=0, n=600):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, head.classes)) * rng.uniform(0.1, 8, (n, 1)) / head.scale
    logits[::7] = np.round(logits[::7] / 50)  # ties
    most = 2 ** (head.logit_bits - 1) - 1
    return np.clip(np.round(logits), -most - 1, most).astype(np.int64)


def heads():
    return [Head(classes=classes, scale=scale) for classes in (2, 3, 10, 100) for scale in (0.05, 0.0021, 0.7)]


def test_every_room_has_the_same_policies():
    assert set(POLICIES) == set(GOLDEN) == set(SCORES)
    assert all(row.name == name and row.summary and row.confidence for name, row in POLICIES.items())


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("head", heads(), ids=str)
def test_a_score_is_where_the_golden_decision_turns(name, head):
    row, logits = policy(name), draw(head)
    params = row.constants(head)
    score = row.score(logits, params)
    step = 1 if row.rising else -1
    for offset, leaves in ((0, True), (step, False), (-step, True)):
        found = GOLDEN[name](logits, score + offset, params, Side())
        assert (found.leaves == leaves).all(), (name, offset)
    assert row.leaves(logits, score, params).all()
    assert not row.leaves(logits, score + step, params).any()


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("head", heads(), ids=str)
def test_the_real_score_is_the_integer_one_in_real_numbers(name, head):
    row, logits = policy(name), draw(head, seed=1)
    params = row.constants(head)
    exact = row.real(logits * head.scale)
    found = np.array([real_threshold(name, int(score), head, params) for score in row.score(logits, params)])
    allowed = row.bound(params, head) if row.bound else 1e-6
    # an entropy's score is the next integer threshold above it
    unit = math.log(2) / 2 ** params["threshold_frac"] if name == "entropy" else 0
    assert np.abs(found - exact).max() <= allowed + unit
    assert allowed <= head.epsilon


@pytest.mark.parametrize("name", [name for name, row in POLICIES.items() if row.unit is not None and name != "class_threshold"])
def test_thresholds_there_and_back(name):
    head = Head(classes=10, scale=0.0123)
    params = policy(name).constants(head)
    least, most = policy(name).limits(head)
    for real in np.linspace(least, most, 31):
        threshold = integer_threshold(name, float(real), head, params)
        assert integer_threshold(name, real_threshold(name, threshold, head, params), head, params) == threshold
    for real in (least - 0.5, most + 0.5):
        with pytest.raises(QuantModelError, match=f"threshold of {name} must be from .* not"):
            integer_threshold(name, real, head, params)


def test_a_probability_becomes_the_largest_sum_allowed():
    head = Head(classes=10, scale=0.01)
    params = policy("softmax").constants(head)
    for tau in (1.0, 0.999, 0.9, 0.5, 0.1):
        assert integer_threshold("softmax", tau, head, params) == math.floor(2 ** params["frac_bits"] / tau)
    assert (10 << params["frac_bits"]) >> params["conf_shift"] < 2**15


def test_simple_policies_and_what_they_refuse():
    logits = np.array([[1, 5, 5], [-9, -3, -4]])
    assert policy("max_logit").score(logits, {}).tolist() == [5, -3]
    assert policy("margin").score(logits, {}).tolist() == [0, 1]
    assert policy("always").leaves(logits, 99, {}).all()
    assert not policy("never").leaves(logits, -99, {}).any()
    for name in ("patience", "gate", "class_threshold"):
        with pytest.raises(QuantModelError, match=f"policy {name} needs more than one exit's logits"):
            policy(name).leaves(logits, 1, {})
    with pytest.raises(QuantModelError, match="policy must be one of max_logit, margin, softmax, .* not 'luck'"):
        policy("luck")


@pytest.mark.parametrize(("change", "message"), [
    ({"scale": 0.0}, "scale must be positive, not 0.0"),
    ({"scale": math.nan}, "scale must be positive, not nan"),
    ({"gate_scale": -1.0}, "gate_scale must be positive, not -1.0"),
    ({"classes": 1}, "classes must be 2 to 1000, not 1"),
    ({"logit_bits": 33}, "logit_bits must be from 1 to 32, not 33"),
])
def test_heads_that_cannot_be(change, message):
    with pytest.raises(QuantModelError, match=message):
        Head(**{"classes": 10, "scale": 0.1, **change})
