"""Softmax: the sum of exponentials, its parameters and its latency."""

import random

import pytest

from hw.exits.scores.softmax import Softmax
from tests import plain_policies as plain

PARAMS = plain.exponential_params(0.05, frac_bits=12, split=(3, 2, 1))


def build(classes=10, pe=10, **params):
    return Softmax(classes=classes, pe=pe, logit_bits=12, params={**PARAMS, **params}, confidence_bits=16)


@pytest.mark.many(3)
@pytest.mark.parametrize(("classes", "pe"), [(2, 1), (2, 2), (6, 3), (5, 5), (12, 1)])
@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_softmax(run, classes, pe, gap):
    dut = build(classes, pe, conf_shift=2)
    rng = random.Random(classes)
    rows = [[7] * classes, *([rng.randint(-k * k, k * k) for _ in range(classes)] for k in range(30))]
    sums = [plain.exponential_sum(row, PARAMS) for row in rows]
    assert sums[0] == classes << 12 == dut.threshold_range[-1]
    for step in (-1, 0, 1):
        found = run(dut, rows, [min(total + step, dut.threshold_range[-1]) for total in sums], gap)
        assert [item.leave for item in found] == [step >= 0] * len(rows)
        assert [item.confidence for item in found] == [total >> 2 for total in sums]
        assert [item.label for item in found] == [row.index(max(row)) for row in rows] == [item.winner for item in found]
        assert {(item.after, item.taken) for item in found} == {(dut.latency, 0)}
    assert not any(item.leave for item in run(dut, rows, [0] * len(rows)))


def test_confidence_stops_at_the_greatest_number_of_a_signed_field(run):
    [found] = run(build(10, 5), [[0] * 10], [0])
    assert found.confidence == (1 << 15) - 1


@pytest.mark.parametrize(("params", "message"), [
    ({"conf_shift": 33}, "conf_shift must be from 0 to 32, not 33"),
    ({"conf_shift": -1}, "conf_shift must be from 0 to 32, not -1"),
    ({"tau": 1}, "params of Softmax must have frac_bits, .*, tau"),
    ({"frac_bits": 0}, "frac_bits must be from 1 to 30, not 0"),
])
def test_refuses(params, message):
    with pytest.raises(ValueError, match=message):
        build(**params)


@pytest.mark.parametrize(("classes", "pe", "latency"), [
    (10, 10, 2 + 1 + 5 + 2),  # two levels of comparison, the replay, five of E (two exponent tables), two of the sum
    (10, 5, 3 + 3 + 5 + 2 + 1),
    (10, 1, 1 + 11 + 5 + 0 + 1),
    (2, 2, 1 + 1 + 5 + 1),
])
def test_latency(classes, pe, latency):
    assert build(classes, pe).latency == latency
