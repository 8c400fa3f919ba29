"""What moving one exit's threshold would buy: accuracy against the share of samples that leave there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quant_models.calibrate import apply
from quant_models.policies import policy

__all__ = ["VERSION", "tradeoff"]

VERSION = 1
"""Of ``tradeoff.json``: ``{"version", "curves"}``."""


def tradeoff(exits: Mapping[str, Any], logits: Sequence[np.ndarray], labels: np.ndarray, points: int = 40) -> list[dict[str, Any]]:
    """One curve for every enabled exit that has a threshold, the other thresholds as ``exits`` (of ``exits.json``) has them.

    ``logits`` (int64 ``[n, classes]``) of every exit and ``labels`` (int64 ``[n]``) are of the validation split. A curve is ``{"exit",
    "threshold", "share", "accuracy", "at"}``: lists of at most ``points`` thresholds over the scores seen, with the share (of all samples)
    that leaves there and the accuracy of the whole network, and ``at``, ``{"share", "accuracy"}`` of the threshold in use.
    """
    entries = [dict(entry) for entry in exits["exits"]]
    curves = []
    for entry in entries[:-1]:
        if not entry["enabled"] or entry["policy"] in ("always", "never"):
            continue
        scores = policy(entry["policy"]).score(logits[entry["index"]], entry["params"])
        steps = np.unique(np.quantile(scores, np.linspace(0, 1, points), method="nearest"))
        used = entry["threshold"]
        found = [_measure(entries, entry, int(step), logits, labels) for step in steps]
        at = _measure(entries, entry, used, logits, labels)
        entry["threshold"] = used
        curves.append(
            {
                "exit": entry["index"],
                "threshold": [int(step) for step in steps],
                "share": [share for share, _ in found],
                "accuracy": [accuracy for _, accuracy in found],
                "at": {"share": at[0], "accuracy": at[1]},
            }
        )
    return curves


def _measure(
    entries: list[dict[str, Any]], entry: dict[str, Any], threshold: int, logits: Sequence[np.ndarray], labels: np.ndarray
) -> tuple[float, float]:
    """(share that leaves at ``entry``, accuracy of all) with its threshold at ``threshold``."""
    entry["threshold"] = threshold
    label, taken = apply(entries, logits)
    return float((taken == entry["index"]).mean()), float((label == labels).mean())
