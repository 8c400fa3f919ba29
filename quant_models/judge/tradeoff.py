"""What moving one exit's threshold would buy: accuracy against the share of samples that leave there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quant_models.exits.calibrate import Gates, apply, scores

__all__ = ["VERSION", "tradeoff"]

VERSION = 1
"""Of ``tradeoff.json``: ``{"version", "curves"}``."""


def tradeoff(
    exits: Mapping[str, Any], logits: Sequence[np.ndarray], labels: np.ndarray, points: int = 40, gates: Gates | None = None
) -> list[dict[str, Any]]:
    """One curve for every enabled exit that has a threshold, the other thresholds as ``exits`` (of ``exits.json``) has them. An exit with
    thresholds by class has a curve over one for all classes.

    ``logits`` (int64 ``[n, classes]``) of every exit, ``labels`` (int64 ``[n]``) and the logits of gate heads are of the validation split.
    A curve is ``{"exit", "threshold", "share", "accuracy", "at"}``: lists of at most ``points`` thresholds over the scores seen, with the
    share (of all samples) that leaves there and the accuracy of the whole network, and ``at``, ``{"share", "accuracy"}`` of the threshold
    in use.
    """
    entries = [dict(entry) for entry in exits["exits"]]
    found = scores([entry["policy"] for entry in entries], [entry["params"] for entry in entries], logits, gates)
    curves = []
    for k, entry in enumerate(entries[:-1]):
        if not entry["enabled"] or entry["policy"] in ("always", "never"):
            continue
        steps = np.unique(np.quantile(found[k], np.linspace(0, 1, points), method="nearest"))
        measured = [_measure(entries, k, int(step), logits, labels, gates) for step in steps]
        at = _measure(entries, k, None, logits, labels, gates)
        curves.append(
            {
                "exit": entry["index"],
                "threshold": [int(step) for step in steps],
                "share": [share for share, _ in measured],
                "accuracy": [accuracy for _, accuracy in measured],
                "at": {"share": at[0], "accuracy": at[1]},
            }
        )
    return curves


def _measure(
    entries: Sequence[dict[str, Any]], k: int, threshold: int | None, logits: Sequence[np.ndarray], labels: np.ndarray,
    gates: Gates | None,
) -> tuple[float, float]:
    """(share that leaves at exit ``k``, accuracy of all) with its threshold at ``threshold``, or as it is."""
    tried = list(entries)
    if threshold is not None:
        params = entries[k]["params"]
        if "thresholds" in params:
            params = {**params, "thresholds": [threshold] * len(params["thresholds"])}
        tried[k] = {**entries[k], "threshold": threshold, "params": params}
    label, taken = apply(tried, logits, gates)
    return float((taken == entries[k]["index"]).mean()), float((label == labels).mean())
