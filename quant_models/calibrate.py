"""Thresholds from the validation split: ``exits.json`` (docs/interfaces.md, section 3)."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError
from quant_models.fidelity import EPSILON
from quant_models.files import atomic
from quant_models.policies import POLICIES, Head, Params, policy, real_threshold

__all__ = ["ExitLogits", "apply", "calibrate", "dump_exits", "scores"]

# The accuracy that may be lost is dealt out to the exits in this many parts.
PARTS = 20

# How often the price of a lost answer is halved in the search for a class's threshold.
HALVINGS = 40


@dataclass(frozen=True, kw_only=True)
class ExitLogits:
    """One exit over the validation split: int64 ``logits`` ``[n, classes]`` in units of ``scale``, and the ``policy`` it is to leave by,
    with the ``score`` that ``class_threshold`` composes with."""

    policy: str
    logits: np.ndarray
    scale: float
    enabled: bool = True
    score: str = "softmax"


@dataclass(frozen=True)
class _Ranked:
    """One early exit's samples by sureness: ``sure`` is the score, negated where smaller is surer; ``group`` numbers the thresholds, of
    which each sample has one (0 but for ``class_threshold``), ``groups`` of them."""

    sure: np.ndarray
    right: np.ndarray
    rising: bool
    group: np.ndarray
    groups: int

    def thresholds(self, cuts: np.ndarray) -> list[int]:
        """Integer thresholds of cuts, int64 ``[groups]``."""
        return [int(cut if self.rising else -cut) for cut in cuts]

    def out_of_reach(self) -> np.ndarray:
        """Cuts just above the surest sample seen."""
        return np.full(self.groups, int(self.sure.max()) + 1, np.int64)

    def leaves(self, cuts: np.ndarray) -> np.ndarray:
        """bool ``[n]``."""
        found: np.ndarray = self.sure >= cuts[self.group]
        return found


@dataclass(frozen=True)
class _Steps:
    """The prefixes that a threshold can let go, of the samples in ``order`` (surest first): a threshold takes all samples of one score or
    none. ``ends`` are their last places, ``loss`` the wrong answers more than the last exit's among them, ``cut`` their thresholds."""

    order: np.ndarray
    ends: np.ndarray
    loss: np.ndarray
    cut: np.ndarray


def _steps(ranked: _Ranked, index: np.ndarray, gain: np.ndarray) -> _Steps:
    order = index[np.argsort(-ranked.sure[index], kind="stable")]
    sure = ranked.sure[order]
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.array([], np.int64)
    return _Steps(order, ends, -np.cumsum(gain[order])[ends], sure[ends])


def _allowed(ranked: _Ranked, present: np.ndarray, gain: np.ndarray, budget: float) -> np.ndarray:
    """The lowest cuts at which the samples ``present`` may leave with a loss (wrong answers more than the last exit's) within ``budget``.

    With one threshold that is found exactly. With one a class there are two ways to begin, and what lets more go wins: the best common
    threshold; and a price for each wrong answer, at which each class takes the cut that is worth most (Lagrange), the lowest price that
    keeps within the budget being searched for. Then classes go on one by one as far as the rest of the budget lets them.
    """
    groups = [_steps(ranked, np.flatnonzero(present & (ranked.group == group)), gain) for group in range(ranked.groups)]
    if ranked.groups == 1:
        return _cuts(ranked, groups, _go_on(groups, [-1], budget))
    common = _allowed(replace(ranked, group=np.zeros_like(ranked.group), groups=1), present, gain, budget)[0]
    begun = [[int(np.count_nonzero(steps.cut >= common)) - 1 for steps in groups], _at_a_price(groups, budget)]
    tried = [_cuts(ranked, groups, _go_on(groups, chosen, budget)) for chosen in begun]
    return max(tried, key=lambda cuts: int((present & ranked.leaves(cuts)).sum()))


def _cuts(ranked: _Ranked, groups: Sequence[_Steps], chosen: Sequence[int]) -> np.ndarray:
    """The cuts of the chosen steps, -1 being none."""
    cuts = ranked.out_of_reach()
    for group, (steps, at) in enumerate(zip(groups, chosen, strict=True)):
        if at >= 0:
            cuts[group] = steps.cut[at]
    return cuts


def _loss(groups: Sequence[_Steps], chosen: Sequence[int]) -> int:
    return sum(int(steps.loss[at]) for steps, at in zip(groups, chosen, strict=True) if at >= 0)


def _go_on(groups: Sequence[_Steps], chosen: list[int], budget: float) -> list[int]:
    """Each class in turn takes its lowest cut that the budget still allows."""
    for group, steps in enumerate(groups):
        others = _loss(groups, chosen) - (int(steps.loss[chosen[group]]) if chosen[group] >= 0 else 0)
        good = np.flatnonzero(others + steps.loss <= budget + 1e-9)
        if len(good):
            chosen[group] = max(chosen[group], int(good[-1]))
    return chosen


def _at_a_price(groups: Sequence[_Steps], budget: float) -> list[int]:
    """What each class takes at the lowest price of a wrong answer that keeps within the budget; nothing where none does."""
    chosen, low, high = [-1] * len(groups), 0.0, 1.0
    while high < 2.0**HALVINGS and _loss(groups, [_worth_most(steps, high) for steps in groups]) > budget + 1e-9:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        price = (low + high) / 2
        tried = [_worth_most(steps, price) for steps in groups]
        if _loss(groups, tried) <= budget + 1e-9:
            chosen, high = tried, price
        else:
            low = price
    return chosen


def _worth_most(steps: _Steps, price: float) -> int:
    """The prefix with the most samples, less ``price`` for each wrong answer; -1 for none at all."""
    if not len(steps.ends):
        return -1
    worth = steps.ends + 1 - price * steps.loss
    best = len(worth) - 1 - int(np.argmax(worth[::-1]))
    return best if worth[best] > 0 else -1


def _by_loss(ranked: Sequence[_Ranked | None], last_right: np.ndarray, allowed: float) -> list[np.ndarray | None]:
    """Cuts that run the fewest stages a sample while accuracy stays within ``allowed`` of the last exit alone.

    Wrong answers are one budget that exits spend on letting samples go. Given how it is dealt out, each exit in turn has one
    best cut, found by a sweep over its sorted scores; so it is enough to try every way of dealing the budget out in
    PARTS parts. What one exit leaves unspent (or earns, where it is right and the last exit wrong: overthinking) goes to the
    next.
    """
    total = allowed * len(last_right)
    live = [k for k, item in enumerate(ranked) if item is not None]
    best: tuple[int, list[np.ndarray | None]] = (0, [None] * len(ranked))
    if not live:
        return best[1]
    parts = PARTS if len(live) <= 3 else max(2, round(2000 ** (1 / (len(live) - 1))))
    for shares in itertools.combinations_with_replacement(range(parts + 1), len(live) - 1):
        cuts: list[np.ndarray | None] = [None] * len(ranked)
        present = np.ones(len(last_right), bool)
        spent = saved = 0
        for k, share in zip(live, (*shares, parts), strict=True):
            item = ranked[k]
            assert item is not None
            gain = item.right.astype(np.int64) - last_right
            cuts[k] = found = _allowed(item, present, gain, total * share / parts - spent)
            leave = present & item.leaves(found)
            spent -= int(gain[leave].sum())
            present &= ~leave
            saved += int(leave.sum()) * (len(ranked) - k)
        if saved > best[0]:
            best = (saved, cuts)
    return best[1]


def _by_shares(ranked: Sequence[_Ranked | None], shares: Sequence[float]) -> list[np.ndarray | None]:
    """Cuts at which the share of all samples that leaves at each exit is nearest to the one wanted; with a threshold for each class, they
    start from the same one."""
    cuts: list[np.ndarray | None] = []
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
        found = np.full(item.groups, int(values[np.argmin(np.abs(counts - wanted))]), np.int64)
        cuts.append(found)
        present = present & ~item.leaves(found)
    return cuts


def scores(policies: Sequence[str], params: Sequence[Params], logits: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The integer score of every exit, int64 ``[n]`` each. ``patience`` counts over the exits with that policy right before."""
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
        inner, own = (constants["score"], constants.get("score_params", {})) if name == "class_threshold" else (name, constants)
        score = policy(inner).score
        if score is None:
            raise QuantModelError(f"exit {k}: policy {name} needs more than logits, which calibration has not")
        found.append(score(values, own))
    return found


def apply(exits: Sequence[dict[str, Any]], logits: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What ``exits`` (of ``exits.json``) make of integer ``logits`` (int64 ``[n, classes]`` per exit): class and exit of each
    sample, int64 ``[n]``."""
    found = scores([entry["policy"] for entry in exits], [entry["params"] for entry in exits], logits)
    label, taken = logits[-1].argmax(1), np.full(len(logits[-1]), len(exits) - 1)
    for entry, values, score in reversed(list(zip(exits[:-1], logits[:-1], found[:-1], strict=True))):
        if entry["enabled"]:
            leave = _leaves(entry["policy"], score, entry["threshold"], entry["params"], values)
            label, taken = np.where(leave, values.argmax(1), label), np.where(leave, entry["index"], taken)
    return label, taken


def _leaves(name: str, score: np.ndarray, threshold: int, params: Params, logits: np.ndarray) -> np.ndarray:
    if name in ("always", "never"):
        return np.full(len(score), name == "always")
    limit: Any = threshold
    if name == "class_threshold":
        name, limit = params["score"], np.asarray(params["thresholds"], np.int64)[logits.argmax(1)]
    leave: np.ndarray = score >= limit if policy(name).rising else score <= limit
    return leave


def calibrate(
    exits: Sequence[ExitLogits], labels: np.ndarray, *, accuracy_loss: float | None = None, shares: Sequence[float] | None = None,
    epsilon: float = EPSILON,
) -> dict[str, Any]:
    """Thresholds for all exits but the last, which has policy ``always``; gives the content of ``exits.json``.

    ``labels`` (int64 ``[n]``) and the logits are of the validation split, never of the test split. Either ``accuracy_loss`` (0
    to 1: how much less accurate than the last exit alone) or ``shares`` (of all samples, one per exit but the last, at most 1
    together) says what is wanted. An exit with policy ``never``, or not ``enabled``, takes no part. ``accuracy`` in the result
    is that of the samples that leave there, null when none does; ``calibration`` says what was wanted and what came out, what the
    integer thresholds are in real numbers, and the bounds that the constants of softmax and entropy keep to (``epsilon`` at most).
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
    if any(item.policy == "always" for item in exits[:-1]):
        raise QuantModelError("only the last exit can have policy always")

    heads = [Head(classes=item.logits.shape[1], scale=item.scale, epsilon=epsilon) for item in exits]
    params = [_params(item, k, exits, head) for k, (item, head) in enumerate(zip(exits, heads, strict=True))]
    found = scores([item.policy for item in exits], params, [item.logits for item in exits])
    last_right = exits[-1].logits.argmax(1) == labels
    ranked = [
        _rank(item, score, labels) if item.enabled and item.policy != "never" else None
        for item, score in zip(exits[:-1], found[:-1], strict=True)
    ]
    cuts = _by_loss(ranked, last_right.astype(np.int64), accuracy_loss) if accuracy_loss is not None else _by_shares(ranked, shares or ())

    entries: list[dict[str, Any]] = []
    real: dict[str, Any] = {}
    bounds: dict[str, float] = {}
    for k, (item, constants, head) in enumerate(zip(exits, params, heads, strict=True)):
        rank, cut = (ranked[k], cuts[k]) if k < len(ranked) else (None, None)
        threshold = 0
        scored, inner = (item.score, constants["score_params"]) if item.policy == "class_threshold" else (item.policy, constants)
        bound = policy(scored).bound
        if bound is not None:
            bounds[str(k)] = bound(inner, head)
        if rank is not None:
            # Just out of reach of the surest sample seen, where none may leave.
            thresholds = rank.thresholds(rank.out_of_reach() if cut is None else cut)
            if item.policy == "class_threshold":
                constants["thresholds"] = thresholds
                real[str(k)] = [real_threshold(item.score, value, head, inner) for value in thresholds]
            else:
                [threshold] = thresholds
                real[str(k)] = real_threshold(item.policy, threshold, head, constants)
        entries.append({
            "index": k, "policy": item.policy, "threshold": threshold, "enabled": item.enabled, "scale": item.scale, "params": constants
        })
    label, taken = apply(entries, [item.logits for item in exits])
    right = label == labels
    for entry in entries:
        here = taken == entry["index"]
        entry |= {"reach": float((taken >= entry["index"]).mean()), "leave": float(here.mean())}
        entry["accuracy"] = float(right[here].mean()) if here.any() else None
    told: dict[str, Any] = {
        "wanted": {"accuracy_loss": accuracy_loss} if shares is None else {"shares": [float(share) for share in shares]},
        "samples": len(labels), "accuracy": float(right.mean()), "last_exit_accuracy": float(last_right.mean()),
        "exit_accuracy": [float((item.logits.argmax(1) == labels).mean()) for item in exits],
        "real_thresholds": real, "epsilon": bounds,
    }
    return {"version": 1, "exits": entries, "calibration": told}


def _params(item: ExitLogits, index: int, exits: Sequence[ExitLogits], head: Head) -> dict[str, Any]:
    """An exit's integer constants; those of ``class_threshold`` get their thresholds later."""
    if item.policy == "class_threshold":
        inner = POLICIES[policy(item.score).name].constants(head)
        return {"score": item.score, "score_params": inner, "thresholds": [0] * head.classes}
    constants = policy(item.policy).constants(head)
    if item.policy == "patience":
        constants["first"] = index == 0 or exits[index - 1].policy != "patience"
    return constants


def _rank(item: ExitLogits, score: np.ndarray, labels: np.ndarray) -> _Ranked:
    own = item.policy == "class_threshold"
    rising = policy(item.score if own else item.policy).rising
    winner = item.logits.argmax(1)
    group = winner if own else np.zeros(len(score), np.int64)
    return _Ranked(score if rising else -score, winner == labels, rising, group, item.logits.shape[1] if own else 1)


def dump_exits(exits: dict[str, Any], path: Path) -> None:
    """Write ``exits.json``, sorted by key and atomically: the same calibration gives the same bytes."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(exits, indent=1, sort_keys=True) + "\n")
