"""What exits make of samples, by sureness: the form in which thresholds are searched for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quant_models.exits.deciding import ExitLogits, Gates, scores
from quant_models.exits.exit_search import Ranked
from quant_models.exits.policies import POLICIES, Head, Params, policy

__all__ = ["constants", "gates_of", "ranked", "takes_part"]


def takes_part(item: ExitLogits) -> bool:
    """Whether an exit has a threshold that lets samples go."""
    return item.enabled and item.policy not in ("never", "always")


def gates_of(exits: Sequence[ExitLogits]) -> Gates:
    """The logits of the gate heads that there are."""
    return {k: item.gate for k, item in enumerate(exits) if item.gate is not None}


def ranked(exits: Sequence[ExitLogits], params: Sequence[Params], labels: np.ndarray | None) -> list[Ranked | None]:
    """The early exits' samples by sureness, with the constants ``params`` of every exit; None for one that takes no part. Without
    ``labels`` (int64 ``[n]``) no answer is right."""
    found = scores([item.policy for item in exits], params, [item.logits for item in exits], gates_of(exits))
    return [_rank(item, score, labels) if takes_part(item) else None for item, score in zip(exits[:-1], found[:-1], strict=True)]


def constants(exits: Sequence[ExitLogits], index: int, head: Head) -> dict[str, Any]:
    """The integer constants of the exit ``index``; those of ``class_threshold`` get their thresholds later."""
    item = exits[index]
    if item.policy == "class_threshold":
        inner = POLICIES[policy(item.score).name].constants(head)
        return {"score": item.score, "score_params": inner, "thresholds": [0] * head.classes}
    found = policy(item.policy).constants(head)
    if item.policy == "patience":
        found["first"] = index == 0 or exits[index - 1].policy != "patience"
    return found


def _rank(item: ExitLogits, score: np.ndarray, labels: np.ndarray | None) -> Ranked:
    own = item.policy == "class_threshold"
    rising = policy(item.score if own else item.policy).rising
    winner = item.logits.argmax(1)
    group = winner if own else np.zeros(len(score), np.int64)
    right = np.zeros(len(score), bool) if labels is None else winner == labels
    return Ranked(score if rising else -score, right, rising, group, item.logits.shape[1] if own else 1)
