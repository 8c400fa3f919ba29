"""Curves over a threshold are what deciding sample by sample gives."""

import numpy as np

from build_flows.tradeoff import tradeoff


def _exits() -> dict[str, object]:
    common = {"enabled": True, "scale": 0.1, "params": {}}
    return {
        "exits": [
            {"index": 0, "policy": "max_logit", "threshold": 5, **common},
            {"index": 1, "policy": "never", "threshold": 0, **common},
            {"index": 2, "policy": "always", "threshold": 0, **common},
        ]
    }


def test_a_curve_is_what_each_threshold_gives() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 200)
    logits = [random.integers(-10, 10, (200, 4)) for _ in range(3)]
    exits = _exits()
    [curve] = tradeoff(exits, logits, labels, points=9)
    assert curve["exit"] == 0
    assert 2 <= len(curve["threshold"]) <= 9
    for threshold, share, accuracy in zip(
        [*curve["threshold"], 5], [*curve["share"], curve["at"]["share"]], [*curve["accuracy"], curve["at"]["accuracy"]], strict=True
    ):
        leaves = logits[0].max(1) >= threshold
        label = np.where(leaves, logits[0].argmax(1), logits[2].argmax(1))
        assert share == leaves.mean()
        assert accuracy == (label == labels).mean()
    assert exits == _exits()
