"""Curves are what deciding with each threshold gives."""

import numpy as np
import pytest

from quant_models.exits.policies import POLICIES, Head
from quant_models.exits.records import ExitRecord
from quant_models.judge.curves import SWEPT, Costs, curves, outcome
from quant_models.judge.records import Outcome
from quant_models.networks.cost import Cost

CLASSES = 4
COSTS = Costs(exits=[Cost(macs=10, bitops=100), Cost(macs=30, bitops=200), Cost(macs=100, bitops=900)], intervals=[8, 12, 40])


def entry(index: int, policy: str, threshold: int = 0, enabled: bool = True) -> ExitRecord:
    params = POLICIES[policy].constants(Head(classes=CLASSES, scale=0.1))
    return ExitRecord(index=index, policy=policy, threshold=threshold, enabled=enabled, scale=0.1, params=params)


def draw(seed: int, n: int = 400) -> tuple[list[np.ndarray], np.ndarray]:
    """Logits that are right more often, and surer, at later exits."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, n)
    hard = random.random(n)
    found = []
    for strength in (20, 30, 40):
        logits = random.integers(-20, 20, (n, CLASSES))
        logits[np.arange(n), labels] += (strength * (1.5 - hard)).astype(int)
        found.append(logits)
    return found, labels


def test_outcome_by_hand() -> None:
    high, low = [9, 0, 0, 0], [1, 0, 0, 0]
    logits = [np.array([high, low, low, low]), np.array([low, high, low, low]), np.array([[0, 5, 0, 0]] * 4)]
    exits = [entry(0, "max_logit", 5), entry(1, "max_logit", 5), entry(2, "always")]
    found = outcome(exits, logits, np.array([0, 1, 1, 1]), COSTS)
    assert found == Outcome(
        accuracy=0.75, shares=[0.25, 0.25, 0.5], macs=(10 + 30 + 200) / 4, bitops=(100 + 200 + 1800) / 4,
        cycles=max(8, 0.75 * 12, 0.5 * 40),
    )
    alone = Costs(exits=COSTS.exits)
    assert outcome(exits, logits, np.array([0, 1, 1, 1]), alone).cycles is None


def test_gate_heads_are_swept_where_there_are_any() -> None:
    """At those exits alone, by the levels of the validation split; what leaves has a gate logit at or above that level's."""
    validation, _ = draw(1)
    logits, labels = draw(2)
    random = np.random.default_rng(3)
    held, here = ({1: np.round(random.normal(0, 30, 400)).astype(np.int64)} for _ in range(2))
    exits = [entry(0, "softmax"), entry(1, "gate"), entry(2, "always")]
    found = curves(exits, validation, logits, labels, COSTS, points=11, gates=(held, here))
    assert [item.policy for item in found] == [*SWEPT, "gate"]
    for point in found[-1].points:
        count = round(point.level * 400)
        cut = np.sort(held[1])[::-1][count - 1] if count else held[1].max() + 1
        leaves = here[1] >= cut
        assert point.shares == pytest.approx([0, leaves.mean(), 1 - leaves.mean()])
        label = np.where(leaves, logits[1].argmax(1), logits[2].argmax(1))
        assert point.accuracy == pytest.approx((label == labels).mean())
    exits[1] = exits[1].replace(enabled=False)
    assert [item.policy for item in curves(exits, validation, logits, labels, COSTS, points=3, gates=(held, here))] == list(SWEPT)


def test_a_curve_goes_from_the_last_exit_alone_to_all_at_the_first() -> None:
    validation, _ = draw(1)
    logits, labels = draw(2)
    exits = [entry(0, "softmax"), entry(1, "margin"), entry(2, "always")]
    found = curves(exits, validation, logits, labels, COSTS, points=11)
    assert [item.policy for item in found] == list(SWEPT)
    for item in found[:-1]:
        none, every = item.points[0], item.points[-1]
        # Another split's surest sample may be surer than any of validation's.
        assert none.shares[2] > 0.97
        assert every.shares[0] > 0.97
        costs = [row.macs for row in item.points]
        assert costs == sorted(costs, reverse=True)
        middle = item.points[5]
        assert middle.shares[0] == pytest.approx(0.5, abs=0.1)
    assert [row.level for row in found[-1].points] == [1.0, 2.0, 3.0]
    assert found[-1].points[0].shares == [1.0, 0.0, 0.0]
    agree = float((logits[0].argmax(1) == logits[1].argmax(1)).mean())
    assert found[-1].points[1].shares == pytest.approx([0.0, agree, 1 - agree])


def test_sure_samples_leave_first_whatever_the_policy() -> None:
    validation, _ = draw(1)
    logits, labels = draw(2)
    exits = [entry(0, "softmax"), entry(1, "softmax"), entry(2, "always")]
    for item in curves(exits, validation, logits, labels, COSTS, points=11)[:-1]:
        at_first = item.points[-1].accuracy
        assert max(row.accuracy for row in item.points) > at_first + 0.05, item.policy


def test_an_exit_that_is_not_used_stays_so() -> None:
    validation, _ = draw(1)
    logits, labels = draw(2)
    for first in (entry(0, "never"), entry(0, "softmax", enabled=False)):
        for item in curves([first, entry(1, "softmax"), entry(2, "always")], validation, logits, labels, COSTS, points=5):
            assert all(row.shares[0] == 0 for row in item.points)
    assert curves([entry(0, "always")], validation[:1], logits[:1], labels, Costs(exits=COSTS.exits[:1])) == []


def test_a_class_that_no_validation_sample_is_taken_for_does_not_leave() -> None:
    validation, _ = draw(1)
    logits, labels = draw(2)
    validation[0][:, 3] -= 1000
    exits = [entry(0, "softmax"), entry(1, "never"), entry(2, "always")]
    found = {item.policy: item for item in curves(exits, validation, logits, labels, COSTS, points=5)}
    kept = float((logits[0].argmax(1) == 3).mean())
    assert found["class_threshold"].points[-1].shares[2] >= kept > 0
