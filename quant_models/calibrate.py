"""Thresholds from the validation split: ``exits.json`` (docs/interfaces.md, section 3)."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError
from quant_models.files import atomic
from quant_models.policies import policy, softmax_tau

__all__ = ["ExitLogits", "apply", "calibrate", "dump_exits"]

# The accuracy that may be lost is dealt out to the exits in this many parts.
PARTS = 20


@dataclass(frozen=True, kw_only=True)
class ExitLogits:
    """One exit over the validation split: int64 ``logits`` ``[n, classes]`` in units of ``scale``, and the ``policy`` it is to leave by."""

    policy: str
    logits: np.ndarray
    scale: float
    enabled: bool = True


@dataclass(frozen=True)
class _Ranked:
    """One early exit's samples by sureness: ``sure`` is the score, negated where smaller is surer."""

    sure: np.ndarray
    right: np.ndarray
    rising: bool

    def threshold(self, cut: int) -> int:
        return cut if self.rising else -cut


def _allowed(ranked: _Ranked, present: np.ndarray, gain: np.ndarray, budget: float) -> tuple[int, np.ndarray, int] | None:
    """The lowest cut at which the samples ``present`` may leave with a loss (wrong answers more than the last exit's) within ``budget``.

    Gives the cut, who leaves, and the loss; None when not even the surest may.
    """
    index = np.flatnonzero(present)
    order = index[np.argsort(-ranked.sure[index], kind="stable")]
    sure = ranked.sure[order]
    loss = -np.cumsum(gain[order])
    # A threshold takes all samples of one score or none.
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.array([], np.int64)
    good = ends[loss[ends] <= budget + 1e-9]
    if not len(good):
        return None
    end = int(good[-1])
    leave = np.zeros(len(present), bool)
    leave[order[: end + 1]] = True
    return int(sure[end]), leave, int(loss[end])


def _by_loss(ranked: Sequence[_Ranked | None], last_right: np.ndarray, allowed: float) -> list[int | None]:
    """Cuts that run the fewest stages a sample while accuracy stays within ``allowed`` of the last exit alone.

    Wrong answers are one budget that exits spend on letting samples go. Given how it is dealt out, each exit in turn has one
    best cut, found exactly by a sweep over its sorted scores; so it is enough to try every way of dealing the budget out in
    PARTS parts. What one exit leaves unspent (or earns, where it is right and the last exit wrong: overthinking) goes to the
    next.
    """
    total = allowed * len(last_right)
    live = [k for k, item in enumerate(ranked) if item is not None]
    best: tuple[int, list[int | None]] = (0, [None] * len(ranked))
    if not live:
        return best[1]
    parts = PARTS if len(live) <= 3 else max(2, round(2000 ** (1 / (len(live) - 1))))
    for shares in itertools.combinations_with_replacement(range(parts + 1), len(live) - 1):
        cuts: list[int | None] = [None] * len(ranked)
        present = np.ones(len(last_right), bool)
        spent = saved = 0
        for k, share in zip(live, (*shares, parts), strict=True):
            item = ranked[k]
            assert item is not None
            gain = item.right.astype(np.int64) - last_right
            found = _allowed(item, present, gain, total * share / parts - spent)
            if found is not None:
                cut, leave, loss = found
                cuts[k], spent, present = cut, spent + loss, present & ~leave
                saved += int(leave.sum()) * (len(ranked) - k)
        if saved > best[0]:
            best = (saved, cuts)
    return best[1]


def _by_shares(ranked: Sequence[_Ranked | None], shares: Sequence[float]) -> list[int | None]:
    """Cuts at which the share of all samples that leaves at each exit is nearest to the one wanted."""
    cuts: list[int | None] = []
    present: np.ndarray | None = None
    for item, share in zip(ranked, shares, strict=True):
        if item is None:
            cuts.append(None)
            continue
        present = np.ones(len(item.sure), bool) if present is None else present
        wanted = share * len(item.sure)
        values = np.unique(item.sure[present])
        counts = np.array([int((item.sure[present] >= value).sum()) for value in values])
        if not len(values) or wanted < np.abs(counts - wanted).min():
            cuts.append(None)
            continue
        cut = int(values[np.argmin(np.abs(counts - wanted))])
        cuts.append(cut)
        present = present & (item.sure < cut)
    return cuts


def apply(exits: Sequence[dict[str, Any]], logits: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What ``exits`` (of ``exits.json``) make of integer ``logits`` (int64 ``[n, classes]`` per exit): class and exit of each
    sample, int64 ``[n]``."""
    label, taken = logits[-1].argmax(1), np.full(len(logits[-1]), len(exits) - 1)
    for entry, values in reversed(list(zip(exits[:-1], logits[:-1], strict=True))):
        if entry["enabled"]:
            leave = policy(entry["policy"]).leaves(values, entry["threshold"], entry["params"])
            label, taken = np.where(leave, values.argmax(1), label), np.where(leave, entry["index"], taken)
    return label, taken


def calibrate(
    exits: Sequence[ExitLogits], labels: np.ndarray, *, accuracy_loss: float | None = None, shares: Sequence[float] | None = None
) -> dict[str, Any]:
    """Thresholds for all exits but the last, which has policy ``always``; gives the content of ``exits.json``.

    ``labels`` (int64 ``[n]``) and the logits are of the validation split, never of the test split. Either ``accuracy_loss`` (0
    to 1: how much less accurate than the last exit alone) or ``shares`` (of all samples, one per exit but the last, at most 1
    together) says what is wanted. An exit with policy ``never``, or not ``enabled``, takes no part. ``accuracy`` in the result
    is that of the samples that leave there, null when none does; ``calibration`` says what was wanted and what came out.
    """
    if not exits or exits[-1].policy != "always" or not exits[-1].enabled:
        raise QuantModelError("the last exit must be enabled and have policy always")
    if (accuracy_loss is None) == (shares is None):
        raise QuantModelError("calibration needs either accuracy_loss or shares")
    if accuracy_loss is not None and not 0 <= accuracy_loss <= 1:
        raise QuantModelError(f"accuracy_loss must be 0 to 1, not {accuracy_loss}")
    if shares is not None and (len(shares) != len(exits) - 1 or min(shares, default=0) < 0 or sum(shares) > 1 + 1e-9):
        raise QuantModelError(f"shares must be {len(exits) - 1} numbers from 0 to 1 that sum to at most 1, not {list(shares)}")
    if not len(labels) or any(len(item.logits) != len(labels) for item in exits):
        raise QuantModelError(f"every exit needs logits of all {len(labels)} validation samples, and there must be some")

    params = [policy(item.policy).params(item.scale, item.logits.shape[1]) for item in exits]
    last_right = exits[-1].logits.argmax(1) == labels
    ranked: list[_Ranked | None] = []
    for item, constants in zip(exits[:-1], params, strict=False):
        if not item.enabled or item.policy == "never":
            ranked.append(None)
            continue
        if item.policy == "always":
            raise QuantModelError("only the last exit can have policy always")
        rule = policy(item.policy)
        score = rule.score(item.logits, constants)
        ranked.append(_Ranked(score if rule.rising else -score, item.logits.argmax(1) == labels, rule.rising))
    cuts = _by_loss(ranked, last_right.astype(np.int64), accuracy_loss) if accuracy_loss is not None else _by_shares(ranked, shares or ())

    entries: list[dict[str, Any]] = []
    for k, (item, constants) in enumerate(zip(exits, params, strict=True)):
        rank = ranked[k] if k < len(ranked) else None
        threshold = 0
        if rank is not None:
            cut = cuts[k]
            # Just out of reach of the surest sample seen, where none may leave.
            threshold = rank.threshold(int(rank.sure.max()) + 1 if cut is None else cut)
        entries.append({
            "index": k, "policy": item.policy, "threshold": threshold, "enabled": item.enabled, "scale": item.scale, "params": constants
        })
    label, taken = apply(entries, [item.logits for item in exits])
    right = label == labels
    for entry in entries:
        here = taken == entry["index"]
        entry |= {"reach": float((taken >= entry["index"]).mean()), "leave": float(here.mean())}
        entry["accuracy"] = float(right[here].mean()) if here.any() else None
    found: dict[str, Any] = {
        "wanted": {"accuracy_loss": accuracy_loss} if shares is None else {"shares": [float(share) for share in shares]},
        "samples": len(labels), "accuracy": float(right.mean()), "last_exit_accuracy": float(last_right.mean()),
        "exit_accuracy": [float((item.logits.argmax(1) == labels).mean()) for item in exits],
        "tau": {str(entry["index"]): softmax_tau(entry["threshold"], entry["params"]) for entry in entries if entry["policy"] == "softmax"},
    }
    return {"version": 1, "exits": entries, "calibration": found}


def dump_exits(exits: dict[str, Any], path: Path) -> None:
    """Write ``exits.json``, sorted by key and atomically: the same calibration gives the same bytes."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(exits, indent=1, sort_keys=True) + "\n")
