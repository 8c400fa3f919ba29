"""Policies against their definitions in plain Python integers, and who leaves where."""

import json
import math

import numpy as np
import pytest

from sim.golden import Exit, GoldenError, decide, load_exits
from sim.golden.policies import POLICIES

RNG = np.random.default_rng(7)
SOFTMAX = {"frac_bits": 12, "mult": round(0.05 / math.log(2) * 2**16), "mult_frac": 16, "table_bits": 5,
           "table": [round(2**12 * 2 ** (-f / 32)) for f in range(32)]}


def plain_sum(row, p):
    total = 0
    for value in row:
        x = ((max(row) - value) * p["mult"] + 2 ** (p["mult_frac"] - p["table_bits"] - 1)) >> (p["mult_frac"] - p["table_bits"])
        shift = x >> p["table_bits"]
        total += 0 if shift > p["frac_bits"] else p["table"][x & (2 ** p["table_bits"] - 1)] >> shift
    return total


def test_softmax_equals_its_definition_and_the_real_one():
    logits = RNG.integers(-200, 200, (300, 10))
    score = POLICIES["softmax"](logits, 5000, SOFTMAX)
    plain = [plain_sum(row, SOFTMAX) for row in logits.tolist()]
    assert score.confidence.tolist() == plain
    assert score.leaves.tolist() == [value <= 5000 for value in plain]
    z = logits * 0.05
    real = np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)
    assert np.abs(score.confidence / 2**12 - real).max() < 0.05
    shifted = POLICIES["softmax"](logits, 5000, {**SOFTMAX, "conf_shift": 3})
    assert shifted.confidence.tolist() == [value >> 3 for value in plain]
    assert shifted.leaves.tolist() == score.leaves.tolist()


@pytest.mark.parametrize(("change", "message"), [
    ({"table": [1, 2]}, "table must have 32 entries"),
    ({"mult_frac": 5}, "mult_frac must exceed table_bits, not mult_frac=5, table_bits=5"),
])
def test_softmax_constants_that_do_not_fit(change, message):
    with pytest.raises(GoldenError, match=message):
        POLICIES["softmax"](RNG.integers(-9, 9, (2, 3)), 1, {**SOFTMAX, **change})
    with pytest.raises(GoldenError, match="lacks the constant 'table'"):
        POLICIES["softmax"](RNG.integers(-9, 9, (2, 3)), 1, {k: v for k, v in SOFTMAX.items() if k != "table"})


def test_samples_leave_at_the_first_enabled_exit_that_fires():
    logits = [np.array([[5, 9], [9, 9], [1, 2], [9, 1]]), np.array([[0, 1], [8, 7], [3, 4], [7, 7]]),
              np.array([[1, 0], [2, 2], [-5, -4], [0, 3]])]
    exits = [Exit(index=0, policy="max_logit", threshold=9), Exit(index=1, policy="max_logit", threshold=4),
             Exit(index=2, policy="always", threshold=0)]
    taken = decide(logits, exits)
    assert taken.exit.tolist() == [0, 0, 1, 0]
    assert taken.label.tolist() == [1, 0, 1, 0]
    assert taken.confidence.tolist() == [9, 9, 4, 9]
    off = [Exit(index=0, policy="max_logit", threshold=-99, enabled=False), exits[1], exits[2]]
    assert decide(logits, off).exit.tolist() == [2, 1, 1, 1]
    off[1] = Exit(index=1, policy="never", threshold=0)
    late = decide(logits, off)
    assert late.exit.tolist() == [2] * 4
    assert late.label.tolist() == [0, 0, 1, 1]
    assert late.confidence.tolist() == [1, 2, -4, 3]


def test_the_last_exit_always_leaves():
    logits = [np.array([[1, 2]])]
    for policy in ("never", "max_logit", "always"):
        for enabled in (True, False):
            taken = decide(logits, [Exit(index=0, policy=policy, threshold=99, enabled=enabled)])
            assert (taken.exit.tolist(), taken.label.tolist()) == ([0], [1])


def test_exits_file(tmp_path):
    path = tmp_path / "exits.json"
    entry = {"index": 0, "policy": "max_logit", "threshold": 3, "enabled": True, "params": {}, "scale": 0.1, "reach": 1.0, "leave": 0.5}
    path.write_text(json.dumps({"version": 1, "exits": [entry, {**entry, "index": 1, "policy": "always"}]}))
    assert load_exits(path) == [Exit(index=0, policy="max_logit", threshold=3), Exit(index=1, policy="always", threshold=3)]
    for change, message in ({"policy": "best"}, "exit 0: policy must be one of"), ({"threshold": 3.5}, "threshold must be int, not 3.5"):
        path.write_text(json.dumps({"version": 1, "exits": [{**entry, **change}]}))
        with pytest.raises(GoldenError, match=message):
            load_exits(path)
    path.write_text("{")
    with pytest.raises(GoldenError, match="is not JSON"):
        load_exits(path)
