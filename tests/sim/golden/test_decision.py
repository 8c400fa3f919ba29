"""Who leaves where; what the policies themselves make of logits is in test_golden_policies.py."""

import json
import random

import numpy as np
import pytest

from sim.golden import Exit, GoldenError, decide, load_exits
from tests import plain_policies as plain


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


def by_hand(rows, exits, gates):
    """(class, exit, confidence) of one sample, exit by exit; ``rows`` are its logits at each."""
    token = None
    for index, (row, exit_) in enumerate(zip(rows, exits, strict=True)):
        told = plain.decide(exit_.policy, row, exit_.threshold, exit_.params, gate=gates.get(index, 0), token=token)
        if index == len(exits) - 1 or (told.leaves and exit_.enabled):
            return row.index(max(row)), index, told.confidence
        scoring = exit_.params.get("score", exit_.policy)
        token = (told.label, told.run) if scoring == "patience" else None
    raise AssertionError("the last exit lets all samples leave")


@pytest.mark.parametrize("seed", range(40))
def test_any_row_of_exits(seed):
    """Patience beside and behind other policies, gates, thresholds of classes, exits that are switched off."""
    rng = random.Random(seed)
    softmax, patience = plain.exponential_params(0.1), {"id_bits": 4, "run_bits": 2}
    runs = rng.sample(range(1, 4), 3)
    kinds = [
        ("patience", rng.randint(1, 4), patience), ("patience", 2, patience), ("gate", rng.randint(-3, 3), {"gate_bits": 4}),
        ("softmax", rng.randint(65536, 200_000), softmax), ("max_logit", rng.randint(0, 9), {}), ("margin", rng.randint(0, 5), {}),
        ("entropy", rng.randint(-8000, 4000), plain.entropy_params(0.1)), ("never", 0, {}),
        ("class_threshold", 0, {"score": "margin", "thresholds": [1, 9, 4]}),
        ("class_threshold", 0, {"score": "patience", "score_params": patience, "thresholds": runs}),
    ]
    exits = [Exit(index=k, policy=name, threshold=threshold, params=params, enabled=rng.random() < 0.8)
             for k, (name, threshold, params) in enumerate(rng.choices(kinds, [4, 4, *[1] * 7, 2], k=rng.randint(1, 6)))]
    if rng.random() < 0.5:
        exits.append(Exit(index=len(exits), policy="always", threshold=0))
    logits = [[[rng.randint(0, 9) + 3 * (lane == k % 3) for lane in range(3)] for k in range(60)] for _ in exits]
    gates = {exit_.index: [rng.randint(-8, 7) for _ in range(60)] for exit_ in exits if exit_.policy == "gate"}
    found = decide([np.array(rows) for rows in logits], exits, {index: np.array(values) for index, values in gates.items()})
    expected = [by_hand([rows[k] for rows in logits], exits, {index: values[k] for index, values in gates.items()}) for k in range(60)]
    assert list(zip(found.label.tolist(), found.exit.tolist(), found.confidence.tolist(), strict=True)) == expected


def test_patience_counts_exits_right_behind_each_other():
    logits = [np.array([[0, 5]])] * 5
    rule = {"policy": "patience", "params": {"run_bits": 4}}
    for between, taken, confidence in (
        (Exit(index=2, threshold=3, **rule), 2, 3),
        (Exit(index=2, threshold=3, enabled=False, **rule), 3, 4),  # one that is switched off still counts
        (Exit(index=2, policy="never", threshold=0), 4, 5),  # any other starts the count anew
        (Exit(index=2, policy="max_logit", threshold=9), 4, 5),
    ):
        exits = [Exit(index=0, threshold=3, **rule), Exit(index=1, threshold=3, **rule), between, Exit(index=3, threshold=3, **rule),
                 Exit(index=4, policy="always", threshold=0)]
        found = decide(logits, exits)
        assert (found.exit.tolist(), found.confidence.tolist()) == ([taken], [confidence])


def test_a_gate_without_its_logits_is_told():
    exits = [Exit(index=0, policy="gate", threshold=0), Exit(index=1, policy="always", threshold=0)]
    with pytest.raises(GoldenError, match="gate needs the gate head's logits"):
        decide([np.array([[1, 2]])] * 2, exits, {1: np.array([3])})


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
