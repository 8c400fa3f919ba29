"""Who leaves where: the exits' integer scores, and what given thresholds make of samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError
from quant_models.exits.policies import Params, policy
from quant_models.exits.records import ExitRecord

__all__ = ["ExitLogits", "Gates", "apply", "scores"]

Gates = Mapping[int, np.ndarray]
"""Logits of gate heads, int64 ``[n]``, by exit."""


@dataclass(frozen=True, kw_only=True)
class ExitLogits:
    """One exit over the validation split: int64 ``logits`` ``[n, classes]`` in units of ``scale``, and the ``policy`` it is to leave by,
    with the ``score`` that ``class_threshold`` composes with. ``fixed_bits`` is the width of logits at which constants of softmax and
    entropy have the same form whatever the scale (None: they are chosen for this scale). Of policy ``gate``: the gate head's logits
    ``gate``, int64 ``[n]`` of ``gate_bits`` in units of ``gate_scale``."""

    policy: str
    logits: np.ndarray
    scale: float
    enabled: bool = True
    score: str = "softmax"
    fixed_bits: int | None = None
    gate: np.ndarray | None = None
    gate_bits: int = 16
    gate_scale: float = 1.0


def scores(
    policies: Sequence[str], params: Sequence[Params], logits: Sequence[np.ndarray], gates: Gates | None = None
) -> list[np.ndarray]:
    """The integer score of every exit, int64 ``[n]`` each. ``patience`` counts over the exits with that policy right before; ``gates``
    are the gate heads' logits."""
    found: list[np.ndarray] = []
    run: np.ndarray | None = None
    for k, (name, constants, values) in enumerate(zip(policies, params, logits, strict=True)):
        if name == "patience":
            agrees = False if run is None else values.argmax(1) == logits[k - 1].argmax(1)
            most = (1 << constants["run_bits"]) - 1
            run = np.where(agrees, np.minimum((0 if run is None else run) + 1, most), 1).astype(np.int64) * np.ones(len(values), np.int64)
            found.append(run)
            continue
        run = None
        if name == "gate":
            if gates is None or k not in gates:
                raise QuantModelError(f"exit {k}: policy gate needs the logits of a gate head, and there are none")
            found.append(gates[k])
            continue
        inner, own = (constants["score"], constants.get("score_params", {})) if name == "class_threshold" else (name, constants)
        score = policy(inner).score
        if score is None:
            raise QuantModelError(f"exit {k}: policy {name} needs more than logits, which calibration has not")
        found.append(score(values, own))
    return found


def apply(
    exits: Sequence[ExitRecord], logits: Sequence[np.ndarray], gates: Gates | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What ``exits`` (of ``exits.json``) make of integer ``logits`` (int64 ``[n, classes]`` per exit) and of the gate heads' logits
    ``gates``: class and exit of each sample, int64 ``[n]``."""
    found = scores([entry.policy for entry in exits], [entry.params for entry in exits], logits, gates)
    label, taken = logits[-1].argmax(1), np.full(len(logits[-1]), len(exits) - 1)
    for entry, values, score in reversed(list(zip(exits[:-1], logits[:-1], found[:-1], strict=True))):
        if entry.enabled:
            leave = _leaves(entry.policy, score, entry.threshold, entry.params, values)
            label, taken = np.where(leave, values.argmax(1), label), np.where(leave, entry.index, taken)
    return label, taken


def _leaves(name: str, score: np.ndarray, threshold: int, params: Params, logits: np.ndarray) -> np.ndarray:
    if name in ("always", "never"):
        return np.full(len(score), name == "always")
    limit: Any = threshold
    if name == "class_threshold":
        name, limit = params["score"], np.asarray(params["thresholds"], np.int64)[logits.argmax(1)]
    leave: np.ndarray = score >= limit if policy(name).rising else score <= limit
    return leave
