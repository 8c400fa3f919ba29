"""Thresholds from the validation split: ``exits.json`` (docs/interfaces.md, section 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError, Unreachable
from quant_models.exits.exit_search import Ranked, by_loss, by_shares
from quant_models.exits.fidelity import EPSILON
from quant_models.exits.joint_search import MOST_EXITS, Cuts, WithinCost, WithinLoss, outcome, search
from quant_models.exits.metrics import calibration_error, probabilities
from quant_models.exits.policies import POLICIES, Head, Params, policy, real_threshold
from quant_models.exits.price import Price
from quant_models.exits.records import Calibration, ExitRecord, ExitsFile, ScaledRecord, Wanted
from quant_models.exits.temperature import fit, log_loss

__all__ = ["ExitLogits", "Gates", "apply", "calibrate", "scores"]

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


def calibrate(
    exits: Sequence[ExitLogits], labels: np.ndarray, *, accuracy_loss: float | None = None, shares: Sequence[float] | None = None,
    mean_cost: float | None = None, price: Price | None = None, epsilon: float = EPSILON, temperature: bool = False,
) -> ExitsFile:
    """Thresholds for all exits but the last, which has policy ``always``; gives the content of ``exits.json``.

    ``labels`` (int64 ``[n]``) and the logits are of the validation split, never of the test split. Either ``accuracy_loss`` (0
    to 1: how much less accurate than the last exit alone) or ``shares`` (of all samples, one per exit but the last, at most 1
    together) or ``mean_cost`` (above 0 to 1: the most right answers at a mean cost of at most this share of ``price.whole``; ``price``,
    None: each stage costs one, says what samples cost) says what is wanted; a mean cost below the least that there is raises
    :class:`quant_models.errors.Unreachable`, which tells that.

    An exit with policy ``never``, or not ``enabled``, takes no part. ``accuracy`` in the result
    is that of the samples that leave there, null when none does; ``calibration`` says what was wanted and what came out, what the
    integer thresholds are in real numbers, and the bounds that the constants of softmax and entropy keep to (``epsilon`` at most).

    With ``temperature`` every exit gets the one of :func:`quant_models.exits.temperature.fit` (key ``temperature`` of its entry), softmax
    and entropy are of logits over it, and ``calibration.temperature`` tells, by exit, log loss and calibration error without and with it.
    """
    if not exits or exits[-1].policy != "always" or not exits[-1].enabled:
        raise QuantModelError("the last exit must be enabled and have policy always")
    if sum(item is not None for item in (accuracy_loss, shares, mean_cost)) != 1:
        raise QuantModelError("calibration needs one of accuracy_loss, shares and mean_cost")
    if mean_cost is not None and not 0 < mean_cost <= 1:
        raise QuantModelError(f"mean_cost must be above 0 up to 1, not {mean_cost}")
    price = Price.stages(len(exits)) if price is None else price
    if accuracy_loss is not None and not 0 <= accuracy_loss <= 1:
        raise QuantModelError(f"accuracy_loss must be 0 to 1, not {accuracy_loss}")
    if shares is not None and (len(shares) != len(exits) - 1 or min(shares, default=0) < 0 or sum(shares) > 1 + 1e-9):
        raise QuantModelError(f"shares must be {len(exits) - 1} numbers from 0 to 1 that sum to at most 1, not {list(shares)}")
    if not len(labels) or any(len(item.logits) != len(labels) for item in exits):
        raise QuantModelError(f"every exit needs logits of all {len(labels)} validation samples, and there must be some")
    if any(item.policy == "always" for item in exits[:-1]):
        raise QuantModelError("only the last exit can have policy always")

    gates = {k: item.gate for k, item in enumerate(exits) if item.gate is not None}
    temperatures = [fit(item.logits, item.scale, labels) if temperature else 1.0 for item in exits]
    heads = [
        Head(
            classes=item.logits.shape[1], scale=item.scale, epsilon=epsilon, fixed_bits=item.fixed_bits, gate_bits=item.gate_bits,
            gate_scale=item.gate_scale, temperature=own,
        )
        for item, own in zip(exits, temperatures, strict=True)
    ]
    params = [_params(item, k, exits, head) for k, (item, head) in enumerate(zip(exits, heads, strict=True))]
    found = scores([item.policy for item in exits], params, [item.logits for item in exits], gates)
    last_right = exits[-1].logits.argmax(1) == labels
    ranked = [
        _rank(item, score, labels) if item.enabled and item.policy != "never" else None
        for item, score in zip(exits[:-1], found[:-1], strict=True)
    ]
    if mean_cost is not None:
        cuts = _by_cost(ranked, last_right, price, mean_cost)
    else:
        cuts = by_loss(ranked, last_right.astype(np.int64), accuracy_loss) if accuracy_loss is not None else by_shares(ranked, shares or ())

    entries: list[ExitRecord] = []
    real: dict[str, float | list[float]] = {}
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
        own: dict[str, float] = {"gate_scale": item.gate_scale} if item.policy == "gate" else {}
        own |= {"temperature": head.temperature} if temperature else {}
        entries.append(ExitRecord(
            index=k, policy=item.policy, threshold=threshold, enabled=item.enabled, scale=item.scale, params=constants, **own
        ))
    label, taken = apply(entries, [item.logits for item in exits], gates)
    right = label == labels
    for k, entry in enumerate(entries):
        here = taken == k
        entries[k] = entry.replace(
            reach=float((taken >= k).mean()), leave=float(here.mean()), accuracy=float(right[here].mean()) if here.any() else None
        )
    wanted = Wanted(accuracy_loss=accuracy_loss) if shares is None else Wanted(shares=[float(share) for share in shares])
    more: dict[str, Any] = {}
    if mean_cost is not None:
        wanted = Wanted(mean_cost=mean_cost, cost=price.unit)
        leave = [int((taken == k).sum()) for k in range(len(exits))]
        more["mean_cost"] = float(price.mean(leave, len(labels))) / price.whole
    if temperature:
        more["temperature"] = [_scaled(item, labels, found) for item, found in zip(exits, temperatures, strict=True)]
    return ExitsFile(exits=entries, calibration=Calibration(
        wanted=wanted, samples=len(labels), accuracy=float(right.mean()), last_exit_accuracy=float(last_right.mean()),
        exit_accuracy=[float((item.logits.argmax(1) == labels).mean()) for item in exits], real_thresholds=real, epsilon=bounds, **more,
    ))


def _by_cost(ranked: Sequence[Ranked | None], last_right: np.ndarray, price: Price, share: float) -> Cuts:
    """The cuts of most right answers at a mean cost of ``share`` of the whole."""
    found = search(ranked, last_right, WithinCost(price, share * price.whole))
    if found is None:
        cheapest = search(ranked, last_right, WithinLoss(price, 0))
        if cheapest is None:
            raise QuantModelError(f"mean_cost is for at most {MOST_EXITS} early exits, not {sum(item is not None for item in ranked)}")
        _, leave = outcome(ranked, last_right, cheapest)
        least = float(price.mean(leave, len(last_right))) / price.whole
        raise Unreachable(
            f"so small a share of the whole network's {price.unit} cannot be reached: the best is {least:.4f}, when every sample leaves as "
            "early as exits let it", least=least,
        )
    return found


def _scaled(item: ExitLogits, labels: np.ndarray, temperature: float) -> ScaledRecord:
    """Log loss and calibration error over the validation split, without and with the temperature."""
    def measured(own: float) -> tuple[float, float]:
        error = calibration_error(probabilities(item.logits, item.scale / own), labels).ece
        assert error is not None  # there are samples
        return log_loss(item.logits, item.scale, labels, own), error

    (loss, ece), (loss_scaled, ece_scaled) = measured(1.0), measured(temperature)
    return ScaledRecord(temperature=temperature, log_loss=loss, ece=ece, log_loss_scaled=loss_scaled, ece_scaled=ece_scaled)


def _params(item: ExitLogits, index: int, exits: Sequence[ExitLogits], head: Head) -> dict[str, Any]:
    """An exit's integer constants; those of ``class_threshold`` get their thresholds later."""
    if item.policy == "class_threshold":
        inner = POLICIES[policy(item.score).name].constants(head)
        return {"score": item.score, "score_params": inner, "thresholds": [0] * head.classes}
    constants = policy(item.policy).constants(head)
    if item.policy == "patience":
        constants["first"] = index == 0 or exits[index - 1].policy != "patience"
    return constants


def _rank(item: ExitLogits, score: np.ndarray, labels: np.ndarray) -> Ranked:
    own = item.policy == "class_threshold"
    rising = policy(item.score if own else item.policy).rising
    winner = item.logits.argmax(1)
    group = winner if own else np.zeros(len(score), np.int64)
    return Ranked(score if rising else -score, winner == labels, rising, group, item.logits.shape[1] if own else 1)
