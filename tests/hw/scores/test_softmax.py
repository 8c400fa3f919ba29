"""Softmax: its parameters and its latency. What it decides is tested with the other policies in test_exit_decision.py."""

import pytest

from hw.scores.softmax import Softmax

PARAMS = {"frac_bits": 8, "mult": 9, "mult_frac": 8, "table_bits": 1, "table": [256, 181]}


def build(classes=10, pe=10, **params):
    return Softmax(classes=classes, pe=pe, logit_bits=12, params={**PARAMS, **params}, confidence_bits=16)


@pytest.mark.parametrize(("params", "message"), [
    ({"table_bits": 2}, r"table must have 2\*\*table_bits entries, not 2 for table_bits=2"),
    ({"conf_shift": 33}, "conf_shift must be from 0 to 32, not 33"),
    ({"tau": 1}, "params of Softmax must have frac_bits, .*, tau"),
    ({"frac_bits": 0}, "frac_bits must be from 1 to 24, not 0"),
])
def test_refuses(params, message):
    with pytest.raises(ValueError, match=message):
        build(**params)


@pytest.mark.parametrize(("classes", "pe", "digits", "latency"), [
    (10, 10, 2, 2 + 2 + 3 + 2),  # two levels of comparison, replay, three of E (1001b: two digits and rounding), two of sum
    (10, 5, 2, 3 + 3 + 3 + 2 + 1),
    (10, 1, 2, 1 + 11 + 3 + 0 + 1),
])
def test_latency(classes, pe, digits, latency):
    score = build(classes, pe)
    assert len(score.exponentials[0].digits) == digits
    assert score.latency == latency
