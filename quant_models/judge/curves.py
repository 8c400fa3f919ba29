"""Accuracy against cost: every policy's curve, and what given thresholds make of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quant_models.exits.deciding import Gates, apply, scores
from quant_models.exits.policies import POLICIES, Head, policy
from quant_models.exits.records import ExitRecord
from quant_models.judge.records import Curve, CurvePoint, MeanCost, Outcome
from quant_models.networks.cost import Cost

__all__ = ["SWEPT", "Costs", "curves", "outcome"]

SWEPT = ("max_logit", "margin", "softmax", "entropy", "class_threshold", "patience")
"""The policies that need nothing but the exits' logits; ``gate`` is swept too where there are gate heads."""

Exits = Sequence[ExitRecord]
Logits = Sequence[np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What leaving at each exit costs: ``exits``; and, where the network is compiled, ``intervals``, each stage's cycles a sample."""

    exits: Sequence[Cost]
    intervals: Sequence[int] | None = None

    def mean(self, taken: np.ndarray) -> MeanCost:
        """What samples cost that leave at ``taken`` (int64 ``[n]``)."""
        share = np.bincount(taken, minlength=len(self.exits)) / len(taken)
        cycles = None
        if self.intervals is not None:
            cycles = max(float((taken >= k).mean()) * interval for k, interval in enumerate(self.intervals))
        return MeanCost(
            macs=float(share @ [item.macs for item in self.exits]), bitops=float(share @ [item.bitops for item in self.exits]),
            cycles=cycles,
        )


def outcome(exits: Exits, logits: Logits, labels: np.ndarray, costs: Costs, gates: Gates | None = None) -> Outcome:
    """What becomes of samples decided by ``exits`` (of ``exits.json``) with integer ``logits`` (int64 ``[n, classes]`` by exit) and those
    of gate heads."""
    label, taken = apply(exits, logits, gates)
    shares = np.bincount(taken, minlength=len(exits)) / len(taken)
    return Outcome(accuracy=float((label == labels).mean()), shares=[float(item) for item in shares], **vars(costs.mean(taken)))


def curves(
    exits: Exits, validation: Logits, logits: Logits, labels: np.ndarray, costs: Costs, points: int = 41,
    gates: tuple[Gates, Gates] = ({}, {}),
) -> list[Curve]:
    """For each policy of :data:`SWEPT` the policy at every early exit that is in use (enabled, and not ``never``), its thresholds swept
    together; and for ``gate``, at those of them that have a gate head, the others letting none go.

    Thresholds are set by the logits of the ``validation`` split and measured with ``logits`` and ``labels`` of the test images; ``gates``
    has the gate heads' logits of either. ``class_threshold`` composes with softmax, and has the level in every class.
    """
    used = [entry.enabled and entry.policy != "never" for entry in exits[:-1]]
    if not any(used):
        return []
    found = []
    learned = [use and k in gates[0] for k, use in enumerate(used)]
    for name in (*SWEPT, *(("gate",) if any(learned) else ())):
        here = learned if name == "gate" else used
        entries = [
            _entry(entry, name, k == 0 or not used[k - 1], validation[k].shape[1]) if here[k]
            else entry.replace(policy="never", threshold=0, params={})
            for k, entry in enumerate(exits[:-1])
        ]
        rows = [CurvePoint(level=level, **vars(outcome(chosen, logits, labels, costs, gates[1])))
                for level, chosen in _levels(name, entries, exits[-1], validation, points, gates[0])]
        found.append(Curve(policy=name, points=rows))
    return found


def _entry(entry: ExitRecord, name: str, first: bool, classes: int) -> ExitRecord:
    head = Head(classes=classes, scale=entry.scale, temperature=entry.temperature)
    if name == "class_threshold":
        params: dict[str, Any] = {
            "score": "softmax", "score_params": POLICIES["softmax"].constants(head), "thresholds": [0] * classes
        }
    else:
        params = policy(name).constants(head)
    if name == "patience":
        params["first"] = first
    return entry.replace(policy=name, threshold=0, params=params)


def _levels(
    name: str, entries: Sequence[ExitRecord], last: ExitRecord, validation: Logits, points: int, gates: Gates
) -> list[tuple[float, list[ExitRecord]]]:
    """The exits at each level, the last one unchanged."""
    if name == "patience":
        return [
            (float(run), [*(entry.replace(threshold=run) if entry.policy == name else entry for entry in entries), last])
            for run in range(1, len(entries) + 2)
        ]
    found = scores([*(entry.policy for entry in entries), last.policy], [*(entry.params for entry in entries), last.params],
                   validation, gates)
    levels = []
    for level in np.linspace(0, 1, points):
        chosen = []
        for entry, values, logits in zip(entries, found[:-1], validation[:-1], strict=True):
            if entry.policy == "never":
                chosen.append(entry)
            elif name == "class_threshold":
                winner = logits.argmax(1)
                limits = [_cut(values[winner == label], level, False) for label in range(logits.shape[1])]
                chosen.append(entry.replace(params={**entry.params, "thresholds": limits}))
            else:
                chosen.append(entry.replace(threshold=_cut(values, level, policy(name).rising)))
        levels.append((float(level), [*chosen, last]))
    return levels


def _cut(values: np.ndarray, level: float, rising: bool) -> int:
    """The threshold at which about the share ``level`` of ``values`` leaves: none at 0."""
    sure = np.sort(values if rising else -values)[::-1]
    if not len(sure):
        return 0 if not rising else int(np.iinfo(np.int64).max)
    count = round(level * len(sure))
    cut = int(sure[0]) + 1 if count == 0 else int(sure[count - 1])
    return cut if rising else -cut
