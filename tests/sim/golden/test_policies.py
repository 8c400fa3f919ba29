"""Golden policies against their definitions in plain Python integers."""

import random

import numpy as np
import pytest

from sim.golden import GoldenError, Side
from sim.golden.policies import POLICIES
from tests import plain_policies as plain

CONSTANTS = {
    "max_logit": {}, "margin": {}, "always": {}, "never": {}, "gate": {"gate_bits": 9}, "patience": {"id_bits": 5, "run_bits": 2},
    "softmax": plain.exponential_params(0.05, frac_bits=14, split=(3, 3, 2), conf_shift=3),
    "entropy": plain.entropy_params(0.05, conf_shift=2),
}
EXPONENTIALS = [
    plain.exponential_params(0.01), plain.exponential_params(0.002, frac_bits=12, split=(2, 1, 3), widths=(2, 6), guard_bits=0),
    plain.exponential_params(3.0, split=(0, 0, 0), widths=(1,)),
    plain.exponential_params(1e-4, frac_bits=24, split=(4, 4, 3), widths=(6, 6, 6)),
]


def draw(rng, classes, count):
    rows = [[0] * classes, [-32768] * (classes - 1) + [32767], [32767] + [-32768] * (classes - 1)]
    return rows + [[rng.randint(-k * k, k * k) for _ in range(classes)] for k in range(count)]


def compare(name, rows, params, gates, tokens):
    """At thresholds around each sample's own, all in one call: a threshold may be one for each."""
    side = Side(gate=np.array(gates), label=np.array([label for label, _ in tokens]), run=np.array([run for _, run in tokens]))
    logits = np.array(rows)
    own = [plain.pivot(name, row, params, gate=gate, token=token) for row, gate, token in zip(rows, gates, tokens, strict=True)]
    for step in (-1, 0, 1):
        score = POLICIES[name](logits, np.array(own) + step, params, side)
        told = [plain.decide(name, row, middle + step, params, gate=gate, token=token)
                for row, middle, gate, token in zip(rows, own, gates, tokens, strict=True)]
        assert score.leaves.tolist() == [item.leaves for item in told]
        assert score.confidence.tolist() == [item.confidence for item in told]
        assert score.confidence.dtype == np.int64
        assert (score.run is None) == (name != "patience" and params.get("score") != "patience")
        if score.run is not None:
            assert score.run.tolist() == [item.run for item in told]


@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.parametrize("classes", [2, 3, 10, 130])
def test_every_policy(name, classes):
    rng = random.Random(classes)
    rows = draw(rng, classes, 40)
    gates = [rng.randint(-256, 255) for _ in rows]
    tokens = [(row.index(max(row)) if rng.random() < 0.5 else rng.randrange(classes), rng.randint(0, 3)) for row in rows]
    compare(name, rows, CONSTANTS[name], gates, tokens)


@pytest.mark.parametrize("inner", ["max_logit", "margin", "softmax", "entropy", "patience", "gate", "always"])
def test_thresholds_of_classes(inner):
    """``threshold`` is not looked at; each class has its own."""
    rng = random.Random(5)
    rows = draw(rng, 4, 80)
    gates = [rng.randint(-256, 255) for _ in rows]
    tokens = [(rng.randrange(4), rng.randint(0, 3)) for _ in rows]
    near = sorted(plain.pivot(inner, row, CONSTANTS[inner], gate=gate, token=token)
                  for row, gate, token in zip(rows, gates, tokens, strict=True))
    thresholds = [1, 2, 3, 4] if inner == "patience" else [near[len(near) * k // 4 + 5] for k in range(4)]
    params = {"score": inner, "score_params": CONSTANTS[inner], "thresholds": thresholds}
    side = Side(gate=np.array(gates), label=np.array([label for label, _ in tokens]), run=np.array([run for _, run in tokens]))
    found = [POLICIES["class_threshold"](np.array(rows), threshold, params, side) for threshold in (-(2**31), 2**31 - 1)]
    told = [plain.decide("class_threshold", row, 0, params, gate=gate, token=token)
            for row, gate, token in zip(rows, gates, tokens, strict=True)]
    for score in found:
        assert score.leaves.tolist() == [item.leaves for item in told]
        assert score.confidence.tolist() == [item.confidence for item in told]
    assert inner == "always" or 0 < sum(item.leaves for item in told) < len(told)


@pytest.mark.parametrize("params", EXPONENTIALS)
@pytest.mark.parametrize("classes", [2, 17])
def test_exponentials_at_any_scale(params, classes):
    rng = random.Random(classes)
    rows = draw(rng, classes, 120)
    score = POLICIES["softmax"](np.array(rows), 0, params, Side())
    assert score.confidence.tolist() == [plain.exponential_sum(row, params) for row in rows]


@pytest.mark.parametrize("seed", range(10))
def test_any_tables(seed):
    rng = random.Random(seed)
    params = plain.random_exponential_params(rng, rng.randint(1, 20))
    rows = [[rng.randint(-(2**k), 2**k) for _ in range(5)] for k in range(32) for _ in range(3)]
    score = POLICIES["softmax"](np.array(rows), 0, params, Side())
    assert score.confidence.tolist() == [plain.exponential_sum(row, params) for row in rows]


def test_patience_counts_from_one_without_a_token():
    logits = np.array([[1, 2], [3, 0]])
    for side in (Side(), Side(label=np.array([1, 0]), run=np.array([0, 0]))):
        score = POLICIES["patience"](logits, 2, {"run_bits": 3}, side)
        assert (score.run.tolist(), score.leaves.tolist()) == ([1, 1], [False, False])


SOFTMAX = CONSTANTS["softmax"]


@pytest.mark.parametrize(("name", "params", "message"), [
    ("softmax", {**SOFTMAX, "table": [1, 2]}, "softmax: table must have 64 entries, not 2"),
    ("softmax", {**SOFTMAX, "low": [1, 2, 3]}, "softmax: low must have a power of two of entries, at least 4, not 3"),
    ("softmax", {**SOFTMAX, "exponents": [[0, 1, 2]]}, "softmax: an exponent table must have 2, 4, 8, ... entries, not 3"),
    ("softmax", {**SOFTMAX, "exponents": [[0]]}, "softmax: an exponent table must have 2, 4, 8, ... entries, not 1"),
    ("softmax", {key: value for key, value in SOFTMAX.items() if key != "table"}, "softmax lacks the constant 'table'"),
    ("entropy", SOFTMAX, "entropy lacks the constant 'threshold_frac'"),
    ("patience", {}, "patience lacks the constant 'run_bits'"),
    ("gate", {}, "gate needs the gate head's logits"),
    ("class_threshold", {}, "class_threshold lacks the constant 'score'"),
    ("class_threshold", {"score": "luck", "thresholds": [1, 2, 3]}, "class_threshold: score must be one of always, .*, not 'luck'"),
    ("class_threshold", {"score": "margin", "thresholds": [1, 2]}, "class_threshold: thresholds must be one per class, not 2 for 3"),
])
def test_constants_that_do_not_fit(name, params, message):
    with pytest.raises(GoldenError, match=message):
        POLICIES[name](np.array([[1, 2, 3], [3, 2, 1]]), 1, params, Side())
