import math

import numpy as np
import pytest

from quant_models.errors import QuantModelError
from quant_models.policies import POLICIES, policy, softmax_params, softmax_tau, softmax_threshold


def draw(classes, spread, seed=0, n=400):
    return np.random.default_rng(seed).integers(-spread, spread + 1, (n, classes))


def test_max_logit_and_the_constants():
    logits = np.array([[1, 5, 5], [-9, -3, -4]])
    rule = policy("max_logit")
    assert rule.score(logits, {}).tolist() == [5, -3]
    assert rule.leaves(logits, 5, {}).tolist() == [True, False]
    assert policy("always").leaves(logits, 99, {}).all()
    assert policy("always").score(logits, {}).tolist() == [5, -3]
    assert not policy("never").leaves(logits, -99, {}).any()
    assert policy("never").score(logits, {}).tolist() == [0, 0]
    assert all(item.params(0.1, 10) == {} for name, item in POLICIES.items() if name != "softmax")
    with pytest.raises(QuantModelError, match="policy must be one of max_logit, softmax, always, never, not 'margin'"):
        policy("margin")


def by_the_book(row, params):
    """Section 3 of the interfaces, line by line, in Python's integers."""
    f, m, x, b, table = (params[key] for key in ("frac_bits", "mult", "mult_frac", "table_bits", "table"))
    total = 0
    for z in row:
        position = ((int(max(row)) - int(z)) * m + 2 ** (x - b - 1)) >> (x - b)
        n, part = position >> b, position & (2**b - 1)
        total += 0 if n > f else table[part] >> n
    return total


@pytest.mark.parametrize("scale", [0.3, 0.05, 0.0071, 0.001, 3.0])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_softmax_is_its_definition_and_close_to_softmax(scale, classes):
    params = softmax_params(scale, classes)
    assert params["mult_frac"] > params["table_bits"]
    assert len(params["table"]) == 2 ** params["table_bits"]
    assert params["mult"] >= 1
    logits = draw(classes, max(2, round(6 / scale)))
    found = policy("softmax").score(logits, params)
    assert found.tolist() == [by_the_book(row, params) for row in logits]
    # Half a step of x is an error of ln 2 / 2**(B + 1) in each E; truncation by the shift takes less than one unit from each.
    exact = np.exp(scale * (logits - logits.max(1, keepdims=True))).sum(1) * 2 ** params["frac_bits"]
    assert (found >= 2 ** params["frac_bits"]).all()
    assert (np.abs(found - exact) <= 1.3 * math.log(2) / 2 ** (params["table_bits"] + 1) * exact + 2 * classes).all()


def test_softmax_thresholds_are_probabilities():
    params = softmax_params(0.01, 10)
    for tau in (0.999, 0.9, 0.5, 0.1):
        threshold = softmax_threshold(tau, params)
        assert threshold == math.floor(4096 / tau)
        assert softmax_threshold(softmax_tau(threshold, params), params) == threshold
    logits = np.array([[0] * 10, [2000] + [0] * 9])
    assert policy("softmax").leaves(logits, softmax_threshold(0.9, params), params).tolist() == [False, True]
    assert policy("softmax").leaves(logits, softmax_threshold(0.1, params), params).tolist() == [True, True]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: softmax_params(0.0, 10), "scale must be positive, not 0.0"),
    (lambda: softmax_params(float("nan"), 10), "scale must be positive, not nan"),
    (lambda: softmax_params(0.1, 1), "classes must be 2 to 1000, not 1"),
    (lambda: softmax_params(0.1, 10, frac_bits=30), "frac_bits must be 4 to 24 and table_bits 1 to 10, not 30 and 5"),
    (lambda: softmax_threshold(0.0, softmax_params(0.1, 10)), "tau must be more than 0 and at most 1, not 0.0"),
])
def test_values_out_of_range(call, message):
    with pytest.raises(QuantModelError, match=message):
        call()
