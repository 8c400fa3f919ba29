"""Thresholds from the validation split, and what may be promised of them: ``exits.json`` (docs/interfaces.md, section 3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError, Unreachable
from quant_models.exits.deciding import ExitLogits, apply
from quant_models.exits.exit_search import Ranked, by_shares
from quant_models.exits.fidelity import EPSILON
from quant_models.exits.goals import Cuts, WithinCost, WithinLoss
from quant_models.exits.grid import MOST_EXITS
from quant_models.exits.joint_search import outcome, search
from quant_models.exits.metrics import calibration_error, probabilities
from quant_models.exits.policies import Head, Params, integer_threshold, policy, real_threshold
from quant_models.exits.price import Price
from quant_models.exits.proof import Found, Proof, bounded, promised
from quant_models.exits.ranking import constants, gates_of, ranked, takes_part
from quant_models.exits.records import Calibration, ExitRecord, ExitsFile, ScaledRecord, Wanted
from quant_models.exits.temperature import fit, log_loss

__all__ = ["calibrate"]


def calibrate(
    exits: Sequence[ExitLogits], labels: np.ndarray, *, accuracy_loss: float | None = None, shares: Sequence[float] | None = None,
    mean_cost: float | None = None, thresholds: Sequence[float | None] | None = None, price: Price | None = None, epsilon: float = EPSILON,
    temperature: bool = False, proof: Proof | None = None, training: Sequence[ExitLogits] | None = None,
) -> ExitsFile:
    """Thresholds for all exits but the last, which has policy ``always``; gives the content of ``exits.json``.

    ``labels`` (int64 ``[n]``) and the logits are of the validation split, never of the test split. What is wanted is one of:
    ``accuracy_loss`` (0 to 1: how much less accurate than the last exit alone; as few stages a sample as possible); ``shares`` (of all
    samples, one per exit but the last, at most 1 together); ``mean_cost`` (above 0 to 1: the most right answers at a mean cost of at most
    this share of ``price.whole``; ``price``, None: each stage costs one, says what samples cost), which raises
    :class:`quant_models.errors.Unreachable` below the least that there is; or ``thresholds`` themselves, in the policies' units, one per
    exit but the last (None where it takes no part).

    With ``proof`` temperatures and thresholds are found on its ``search`` samples alone, and those of its ``proof`` are read once: with an
    ``accuracy_loss`` by the test of :mod:`quant_models.exits.promise`, which says how far down the ladder one may go, and otherwise for the
    bound. Where the test allows nothing, all early exits are disabled. ``training`` is what every exit makes of samples that the network
    was trained on, of which the ladder is made where there are few. Without ``proof`` all samples find thresholds, and nothing is promised.

    An exit with policy ``never``, or not ``enabled``, takes no part. ``accuracy`` in the result
    is that of the samples that leave there, null when none does; ``calibration`` says what was wanted and what came out, what the
    integer thresholds are in real numbers, and the bounds that the constants of softmax and entropy keep to (``epsilon`` at most).

    With ``temperature`` every exit gets the one of :func:`quant_models.exits.temperature.fit` (key ``temperature`` of its entry), softmax
    and entropy are of logits over it, and ``calibration.temperature`` tells, by exit, log loss and calibration error without and with it.
    """
    _check(exits, labels, accuracy_loss, shares, mean_cost, thresholds)
    price = Price.stages(len(exits)) if price is None else price
    chosen = np.arange(len(labels)) if proof is None else proof.search
    temperatures = [fit(item.logits[chosen], item.scale, labels[chosen]) if temperature else 1.0 for item in exits]
    heads = [
        Head(
            classes=item.logits.shape[1], scale=item.scale, epsilon=epsilon, fixed_bits=item.fixed_bits, gate_bits=item.gate_bits,
            gate_scale=item.gate_scale, temperature=own,
        )
        for item, own in zip(exits, temperatures, strict=True)
    ]
    params = [constants(exits, k, head) for k, head in enumerate(heads)]
    early = ranked(exits, params, labels)
    last_right = exits[-1].logits.argmax(1) == labels
    found: Found | None = None
    cuts: Cuts | None
    if thresholds is None and accuracy_loss is not None and proof is not None:
        found = promised(early, last_right, accuracy_loss, proof, None if training is None else ranked(training, params, None))
        cuts = found.cuts
    else:
        seen, right = [None if item is None else item.of(chosen) for item in early], last_right[chosen]
        if thresholds is not None:
            cuts = _fixed(exits, params, heads, thresholds)
        elif mean_cost is not None:
            cuts = _by_cost(seen, right, price, mean_cost)
        elif accuracy_loss is not None:
            cuts = _by_loss(seen, right, accuracy_loss)
        else:
            cuts = by_shares(seen, shares or ())
        # Just out of reach of the surest sample seen, where none may leave.
        cuts = [item.out_of_reach() if item is not None and cut is None else cut for item, cut in zip(seen, cuts, strict=True)]
        found = None if proof is None else bounded(early, last_right, cuts, proof)

    entries: list[ExitRecord] = []
    real: dict[str, float | list[float]] = {}
    bounds: dict[str, float] = {}
    for k, (item, own_params, head) in enumerate(zip(exits, params, heads, strict=True)):
        rank = early[k] if k < len(early) else None
        threshold = 0
        scored, inner = (item.score, own_params["score_params"]) if item.policy == "class_threshold" else (item.policy, own_params)
        bound = policy(scored).bound
        if bound is not None:
            bounds[str(k)] = bound(inner, head)
        if rank is not None:
            cut = None if cuts is None else cuts[k]
            own_thresholds = rank.thresholds(rank.out_of_reach() if cut is None else cut)
            if item.policy == "class_threshold":
                own_params["thresholds"] = own_thresholds
                real[str(k)] = [real_threshold(item.score, value, head, inner) for value in own_thresholds]
            else:
                [threshold] = own_thresholds
                real[str(k)] = real_threshold(item.policy, threshold, head, own_params)
        own: dict[str, float] = {"gate_scale": item.gate_scale} if item.policy == "gate" else {}
        own |= {"temperature": head.temperature} if temperature else {}
        entries.append(ExitRecord(
            index=k, policy=item.policy, threshold=threshold, enabled=item.enabled and (cuts is not None or k == len(early)),
            scale=item.scale, params=own_params, **own,
        ))
    label, taken = apply(entries, [item.logits for item in exits], gates_of(exits))
    right = label == labels
    for k, entry in enumerate(entries):
        here = taken == k
        entries[k] = entry.replace(
            reach=float((taken >= k).mean()), leave=float(here.mean()), accuracy=float(right[here].mean()) if here.any() else None
        )
    more: dict[str, Any] = {}
    if found is not None and proof is not None:
        more = {key: getattr(found, key) for key in ("promise", "proof_samples", "harms", "bound")} | {"confidence": proof.confidence}
    if mean_cost is not None:
        wanted = Wanted(mean_cost=mean_cost, cost=price.unit)
        leave = [int((taken == k).sum()) for k in range(len(exits))]
        more["mean_cost"] = float(price.mean(leave, len(labels))) / price.whole
    elif thresholds is not None:
        wanted = Wanted(thresholds=list(thresholds))
    elif shares is not None:
        wanted = Wanted(shares=[float(share) for share in shares])
    else:
        wanted = Wanted(accuracy_loss=accuracy_loss)
    if temperature:
        more["temperature"] = [_scaled(item, labels, own) for item, own in zip(exits, temperatures, strict=True)]
    return ExitsFile(exits=entries, calibration=Calibration(
        wanted=wanted, samples=len(labels), accuracy=float(right.mean()), last_exit_accuracy=float(last_right.mean()),
        exit_accuracy=[float((item.logits.argmax(1) == labels).mean()) for item in exits], real_thresholds=real, epsilon=bounds, **more,
    ))


def _check(
    exits: Sequence[ExitLogits], labels: np.ndarray, accuracy_loss: float | None, shares: Sequence[float] | None, mean_cost: float | None,
    thresholds: Sequence[float | None] | None,
) -> None:
    early = len(exits) - 1
    if not exits or exits[-1].policy != "always" or not exits[-1].enabled:
        raise QuantModelError("the last exit must be enabled and have policy always")
    if sum(item is not None for item in (accuracy_loss, shares, mean_cost, thresholds)) != 1:
        raise QuantModelError("calibration needs one of accuracy_loss, shares, mean_cost and thresholds")
    if mean_cost is not None and not 0 < mean_cost <= 1:
        raise QuantModelError(f"mean_cost must be above 0 up to 1, not {mean_cost}")
    if accuracy_loss is not None and not 0 <= accuracy_loss <= 1:
        raise QuantModelError(f"accuracy_loss must be 0 to 1, not {accuracy_loss}")
    if shares is not None and (len(shares) != early or min(shares, default=0) < 0 or sum(shares) > 1 + 1e-9):
        raise QuantModelError(f"shares must be {early} numbers from 0 to 1 that sum to at most 1, not {list(shares)}")
    if thresholds is not None:
        missing = [takes_part(item) and value is None for item, value in zip(exits, thresholds, strict=False)]
        if len(thresholds) != early or any(missing):
            raise QuantModelError(f"thresholds must be {early}, one for each exit but the last, not {list(thresholds)}")
    if not len(labels) or any(len(item.logits) != len(labels) for item in exits):
        raise QuantModelError(f"every exit needs logits of all {len(labels)} validation samples, and there must be some")
    if any(item.policy == "always" for item in exits[:-1]):
        raise QuantModelError("only the last exit can have policy always")


def _fixed(exits: Sequence[ExitLogits], params: Sequence[Params], heads: Sequence[Head], thresholds: Sequence[float | None]) -> Cuts:
    """The cuts that real ``thresholds`` are; one for all classes."""
    cuts: Cuts = []
    for k, (item, own_params, head, real) in enumerate(zip(exits[:-1], params[:-1], heads[:-1], thresholds, strict=True)):
        if real is None or not takes_part(item):
            cuts.append(None)
            continue
        own = item.policy == "class_threshold"
        name, inner = (item.score, own_params["score_params"]) if own else (item.policy, own_params)
        try:
            integer = integer_threshold(name, real, head, inner)
        except QuantModelError as error:
            raise QuantModelError(f"exit {k}: {error}") from None
        cuts.append(np.full(head.classes if own else 1, integer if policy(name).rising else -integer, np.int64))
    return cuts


def _by_loss(ranked: Sequence[Ranked | None], last_right: np.ndarray, allowed: float) -> Cuts:
    """The cuts of the fewest stages a sample within this loss of accuracy."""
    goal = WithinLoss(Price.stages(len(ranked) + 1), float(last_right.sum()) - allowed * len(last_right))
    found = search(ranked, last_right, goal, [[None] * len(ranked)])
    # Nothing is lost where none leaves.
    return [None] * len(ranked) if found is None else found


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
