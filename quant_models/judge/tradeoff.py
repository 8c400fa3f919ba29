"""What moving one exit's threshold would buy: accuracy against the share of samples that leave there."""

from collections.abc import Sequence

import numpy as np

from quant_models.exits.deciding import Gates, apply, scores
from quant_models.exits.records import ExitRecord
from quant_models.judge.records import TradeoffCurve, TradeoffFile, TradeoffPoint

__all__ = ["tradeoff"]


def tradeoff(
    entries: Sequence[ExitRecord], logits: Sequence[np.ndarray], labels: np.ndarray, points: int = 40, gates: Gates | None = None
) -> TradeoffFile:
    """One curve for every enabled exit that has a threshold, the other thresholds as ``entries`` (of ``exits.json``) have them. An exit
    with thresholds by class has a curve over one for all classes.

    ``logits`` (int64 ``[n, classes]``) of every exit, ``labels`` (int64 ``[n]``) and the logits of gate heads are of the validation split.
    A curve has at most ``points`` thresholds over the scores seen.
    """
    found = scores([entry.policy for entry in entries], [entry.params for entry in entries], logits, gates)
    curves = []
    for k, entry in enumerate(entries[:-1]):
        if not entry.enabled or entry.policy in ("always", "never"):
            continue
        steps = np.unique(np.quantile(found[k], np.linspace(0, 1, points), method="nearest"))
        measured = [_measure(entries, k, int(step), logits, labels, gates) for step in steps]
        at = _measure(entries, k, None, logits, labels, gates)
        curves.append(
            TradeoffCurve(
                exit=entry.index, threshold=[int(step) for step in steps], share=[share for share, _ in measured],
                accuracy=[accuracy for _, accuracy in measured], at=TradeoffPoint(share=at[0], accuracy=at[1]),
            )
        )
    return TradeoffFile(curves=curves)


def _measure(
    entries: Sequence[ExitRecord], k: int, threshold: int | None, logits: Sequence[np.ndarray], labels: np.ndarray,
    gates: Gates | None,
) -> tuple[float, float]:
    """(share that leaves at exit ``k``, accuracy of all) with its threshold at ``threshold``, or as it is."""
    tried = list(entries)
    if threshold is not None:
        params = entries[k].params
        if "thresholds" in params:
            params = {**params, "thresholds": [threshold] * len(params["thresholds"])}
        tried[k] = entries[k].replace(threshold=threshold, params=params)
    label, taken = apply(tried, logits, gates)
    return float((taken == entries[k].index).mean()), float((label == labels).mean())
