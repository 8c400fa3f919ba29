"""Entropy: the decision at, below and above each sample's own threshold; its parameters and its latency."""

import math
import random

import pytest

from hw.exits.scores.entropy import Entropy
from tests import plain_policies as plain

PARAMS = plain.entropy_params(0.05, split=(3, 3, 2))


def build(classes=10, pe=10, **params):
    return Entropy(classes=classes, pe=pe, logit_bits=12, params={**PARAMS, **params}, confidence_bits=16)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "pe"), [(2, 1), (2, 2), (6, 3), (5, 5), (12, 1), (40, 4), (300, 12)])
@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_entropy(run, classes, pe, gap):
    """All octaves of the sum, from one class that has it all to all of them alike."""
    dut = build(classes, pe, conf_shift=4)
    rng = random.Random(classes)
    rows = [[7] * classes, [-2048] * (classes - 1) + [2047]]
    rows += [[100] * alike + [-1000] * (classes - alike) for alike in {2, 3, 4, 7, 8, 9, 16, 100, 250} if alike < classes]
    rows += [[rng.randint(-k * k, k * k) for _ in range(classes)] for k in range(0, 30, 1 if classes < 20 else 4 if classes < 100 else 14)]
    pivots = [plain.entropy_pivot(row, PARAMS) for row in rows]
    assert all(pivot in dut.threshold_range and pivot - 1 in dut.threshold_range for pivot in pivots)
    for step in (-1, 0, 1):
        found = run(dut, rows, [min(pivot + step, dut.threshold_range[-1]) for pivot in pivots], gap)
        assert [item.leave for item in found] == [step >= 0] * len(rows)
        assert [item.confidence for item in found] == [min(plain.exponential_sum(row, PARAMS) >> 4, 2**15 - 1) for row in rows]
        assert [item.label for item in found] == [row.index(max(row)) for row in rows] == [item.winner for item in found]
        assert {(item.after, item.taken) for item in found} == {(dut.latency, dut.lead)}
    assert not any(item.leave for item in run(dut, rows, [dut.threshold_range[0]] * len(rows)))
    assert all(item.leave for item in run(dut, rows, [dut.threshold_range[-1]] * len(rows)))


def test_a_threshold_is_an_entropy_in_bits(run):
    """To the error of these small tables: 0.01 bits."""
    rng = random.Random(2)
    rows = [[rng.randint(0, rng.choice([10, 60, 200])) for _ in range(8)] for _ in range(120)]
    found = run(build(8, 4), rows, [round(1.5 * 2**12) - PARAMS["offset"]] * len(rows))
    left = 0
    for row, item in zip(rows, found, strict=True):
        weights = [math.exp(0.05 * value) for value in row]
        bits = -sum(weight / sum(weights) * math.log2(weight / sum(weights)) for weight in weights)
        if abs(bits - 1.5) > 0.01:
            assert item.leave == (bits < 1.5)
        left += item.leave
    assert 10 < left < 110


@pytest.mark.parametrize(("change", "message"), [
    ({"conf_shift": 33}, "conf_shift must be from 0 to 32, not 33"),
    ({"threshold_frac": 7}, "threshold_frac must be from 8 to 24, not 7"),
    ({"threshold_frac": 25}, "threshold_frac must be from 8 to 24, not 25"),
    ({"offset": -1}, "offset must be from 0 to 16383, not -1"),
    ({"offset": 4 << 12}, "offset must be from 0 to 16383, not 16384"),
    ({"unit_bits": 0}, "unit_bits must be from 1 to 16, not 0"),
    ({"unit_bits": 17}, "unit_bits must be from 1 to 16, not 17"),
    ({"log_bits": 15}, "log_bits must be from 1 to 14, not 15"),
    ({"log_table": [1, 2, 3]}, r"log_table must have 2\*\*\(log_bits - log_low_bits\) entries from 0 up"),
    ({"log_low": [1, 2, 3]}, r"log_low 2\*\*log_low_bits"),
    ({"log_low": [-1] * 64}, "entries from 0 up"),
    ({"table": [1]}, "table must have 64 entries, not 1"),
    ({"tau": 1}, "params of Entropy must have frac_bits, .*, tau"),
])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)


@pytest.mark.parametrize(("classes", "pe", "latency"), [
    (10, 10, 2 + 1 + 5 + 2 + 4), (10, 5, 3 + 3 + 5 + 2 + 1 + 4), (10, 1, 1 + 11 + 5 + 0 + 1 + 4), (2, 2, 1 + 1 + 5 + 1 + 4),
])
def test_latency(classes, pe, latency):
    """That of softmax, and four cycles."""
    assert build(classes, pe).latency == latency
