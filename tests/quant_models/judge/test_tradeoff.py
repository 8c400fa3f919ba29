"""Curves over a threshold are what deciding sample by sample gives."""

from typing import Any

import numpy as np
import pytest

from quant_models.exits.records import ExitRecord
from quant_models.judge.tradeoff import tradeoff
from sim.golden import decide, parse_exits

COMMON: dict[str, Any] = {"enabled": True, "scale": 0.1, "params": {}}
ALWAYS: dict[str, Any] = {"policy": "always", "threshold": 0, **COMMON}


def _exits(*entries: dict[str, Any]) -> list[ExitRecord]:
    return [ExitRecord(index=k, **entry) for k, entry in enumerate(entries)]


def _some() -> list[ExitRecord]:
    return _exits({"policy": "max_logit", "threshold": 5, **COMMON}, {"policy": "never", "threshold": 0, **COMMON}, ALWAYS)


def _draw(count: int) -> tuple[list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 200)
    return [random.integers(-10, 10, (200, 4)) for _ in range(count)], labels


def test_a_curve_is_what_each_threshold_gives() -> None:
    logits, labels = _draw(3)
    exits = _some()
    [curve] = tradeoff(exits, logits, labels, points=9).curves
    assert curve.exit == 0
    assert 2 <= len(curve.threshold) <= 9
    for threshold, share, accuracy in zip(
        [*curve.threshold, 5], [*curve.share, curve.at.share], [*curve.accuracy, curve.at.accuracy], strict=True
    ):
        leaves = logits[0].max(1) >= threshold
        label = np.where(leaves, logits[0].argmax(1), logits[2].argmax(1))
        assert share == leaves.mean()
        assert accuracy == (label == labels).mean()
    assert exits == _some()


THRESHOLDS = [7, 2, 9, 30]
EXITS = {
    "class_threshold": _exits(
        {"policy": "class_threshold", "threshold": 0, **COMMON,
         "params": {"score": "margin", "score_params": {}, "thresholds": THRESHOLDS}},
        {"policy": "max_logit", "threshold": 8, **COMMON}, ALWAYS,
    ),
    "patience": _exits(
        {"policy": "patience", "threshold": 2, **COMMON, "params": {"id_bits": 8, "run_bits": 2, "first": True}},
        {"policy": "patience", "threshold": 2, **COMMON, "params": {"id_bits": 8, "run_bits": 2, "first": False}},
        {"policy": "patience", "threshold": 3, **COMMON, "params": {"id_bits": 8, "run_bits": 2, "first": False}}, ALWAYS,
    ),
}


@pytest.mark.parametrize("name", EXITS)
def test_curves_are_what_the_golden_model_gives(name: str) -> None:
    """A curve of thresholds by class is over one for all of them, and ``at`` is where the ones in use are."""
    exits = EXITS[name]
    logits, labels = _draw(len(exits))
    curves = tradeoff(exits, logits, labels, points=9).curves
    assert [curve.exit for curve in curves] == list(range(len(logits) - 1))
    seen = set()
    for curve in curves:
        points = zip([None, *curve.threshold], [curve.at.share, *curve.share], [curve.at.accuracy, *curve.accuracy], strict=True)
        for threshold, share, accuracy in points:
            tried = parse_exits({"version": 1, "exits": [item.to_json() for item in exits]})
            entry = tried[curve.exit]
            if threshold is not None and "thresholds" in entry.params:
                entry.params["thresholds"] = [threshold] * 4
            elif threshold is not None:
                object.__setattr__(entry, "threshold", threshold)
            found = decide(logits, tried)
            assert (found.exit == entry.index).mean() == share
            assert (found.label == labels).mean() == accuracy
            seen.add(share)
    assert len(seen) >= (12 if name == "class_threshold" else 4)
    assert EXITS["class_threshold"][0].params["thresholds"] == THRESHOLDS
