"""Thresholds from the validation split: as many samples leave early as the wanted accuracy lets, and what is told of them is so."""

import dataclasses
import json
import math

import numpy as np
import pytest

from hw.exits.decision import ExitDecision
from quant_models.errors import QuantModelError, Unreachable
from quant_models.exits.calibrate import calibrate
from quant_models.exits.deciding import ExitLogits, apply, scores
from quant_models.exits.metrics import probabilities
from quant_models.exits.policies import POLICIES, policy
from quant_models.exits.price import Price
from quant_models.exits.promise import divide, halve, parted, upper_bound
from quant_models.exits.proof import Proof
from quant_models.exits.temperature import fit
from sim.golden import decide, parse_exits

SCORED = ["max_logit", "margin", "softmax", "entropy"]


def exits(policies, n=600, seed=0, classes=5):
    """Exits whose logits grow with certainty; later ones see better. Gives them and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    hardness = rng.uniform(0, 1, n)
    made = []
    for k, name in enumerate(policies):
        signal = 120 * (1.1 - hardness) * (1 + 0.6 * k)
        logits = rng.normal(0, 45, (n, classes))
        logits[np.arange(n), labels] += signal
        made.append(ExitLogits(policy=name, logits=np.round(logits).astype(np.int64), scale=0.03))
    return made, labels


def by_class(made, score):
    """The same with policy class_threshold at all exits but the last."""
    return [*(dataclasses.replace(item, policy="class_threshold", score=score) for item in made[:-1]), made[-1]]


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05])
def test_two_exits_leave_as_early_as_the_loss_allows(name, loss):
    made, labels = exits([name, "always"])
    found = calibrate(made, labels, accuracy_loss=loss)
    report = found.calibration
    assert report.accuracy >= report.last_exit_accuracy - loss - 1e-12
    # Every other threshold either loses too much or lets fewer go.
    early, rule = made[0], policy(name)
    params = found.exits[0].params
    last = made[1].logits.argmax(1) == labels
    right = early.logits.argmax(1) == labels
    best = 0.0
    for threshold in np.unique(rule.score(early.logits, params)):
        leave = rule.leaves(early.logits, int(threshold), params)
        if np.where(leave, right, last).mean() >= last.mean() - loss - 1e-12:
            best = max(best, leave.mean())
    assert found.exits[0].leave == best > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_threshold_for_each_class_is_no_worse_than_one_for_all(name, seed):
    made, labels = exits([name, "always"], seed=seed)
    for loss in (0.0, 0.01, 0.05):
        common, own = (calibrate(items, labels, accuracy_loss=loss) for items in (made, by_class(made, name)))
        assert own.calibration.accuracy >= own.calibration.last_exit_accuracy - loss - 1e-12
        assert own.exits[0].leave >= common.exits[0].leave
        params = own.exits[0].params
        assert (params["score"], len(params["thresholds"]), own.exits[0].threshold) == (name, 5, 0)
        assert params["score_params"] == common.exits[0].params
        assert len(set(params["thresholds"])) > 1


@pytest.mark.parametrize(("n", "seed", "loss"), [(30, 43, 0.1), (60, 80, 0.1), (150, 112, 0.03)])
def test_nor_is_it_with_few_samples(n, seed, loss):
    made, labels = exits(["max_logit", "always"], n=n, seed=seed, classes=3)
    common, own = (calibrate(items, labels, accuracy_loss=loss) for items in (made, by_class(made, "max_logit")))
    assert own.exits[0].leave >= common.exits[0].leave


def test_each_class_gets_the_threshold_that_it_can_bear():
    """Class 0 is always right, however unsure; class 1 only from 10 on."""
    first = np.array([[k, 0] for k in range(1, 21)] + [[0, k] for k in range(1, 21)])
    labels = np.array([0] * 20 + [1 if k >= 10 else 0 for k in range(1, 21)])
    last = np.eye(2, dtype=np.int64)[labels]
    made = [ExitLogits(policy="class_threshold", score="margin", logits=first, scale=0.1),
            ExitLogits(policy="always", logits=last, scale=1.0)]
    found = calibrate(made, labels, accuracy_loss=0.0)
    assert found.exits[0].params["thresholds"] == [1, 10]
    assert found.exits[0].leave == 31 / 40
    assert found.calibration.real_thresholds == {"0": pytest.approx([0.1, 1.0])}
    assert calibrate([dataclasses.replace(made[0], policy="margin"), made[1]], labels, accuracy_loss=0.0).exits[0].leave == 22 / 40


def test_three_exits_jointly():
    made, labels = exits(["max_logit", "softmax", "always"])
    found = calibrate(made, labels, accuracy_loss=0.02)
    report, entries = found.calibration, found.exits
    assert report.accuracy >= report.last_exit_accuracy - 0.02 - 1e-12
    assert sum(item.leave for item in entries) == pytest.approx(1)
    assert entries[1].reach == pytest.approx(1 - entries[0].leave)
    # Spending all on either exit alone is among what was tried.
    for alone in (0, 1):
        other = [item if k in (alone, 2) else dataclasses.replace(item, policy="never") for k, item in enumerate(made)]
        single = calibrate(other, labels, accuracy_loss=0.02).exits
        stages = [sum(item.reach for item in result) for result in (entries, single)]
        assert stages[0] <= stages[1] + 1e-12


def test_shares():
    made, labels = exits(["softmax", "max_logit", "always"])
    found = calibrate(made, labels, shares=[0.5, 0.25])
    assert [item.leave for item in found.exits] == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    assert set(found.calibration.real_thresholds) == {"0", "1"}
    none = calibrate(made, labels, shares=[0.0, 1.0]).exits
    assert [item.leave for item in none] == [0.0, 1.0, 0.0]
    assert (none[0].accuracy, none[2].accuracy) == (None, None)


@pytest.mark.parametrize("name", SCORED)
def test_shares_of_thresholds_by_class(name):
    made, labels = exits([name, "always"])
    found = by_class(made, name), made
    own, common = (calibrate(items, labels, shares=[0.6]) for items in found)
    assert own.exits[0].leave == common.exits[0].leave == pytest.approx(0.6, abs=0.01)
    assert set(own.exits[0].params["thresholds"]) == {common.exits[0].threshold}


def with_gate(made, labels, *places):
    """Exits of policy gate whose gate heads are mostly right about leaving there."""
    rng = np.random.default_rng(4)
    for k in places:
        fine = (made[k].logits.argmax(1) == labels) | (made[-1].logits.argmax(1) != labels)
        made[k] = dataclasses.replace(
            made[k], policy="gate", gate=np.round(rng.normal(0, 30, len(labels)) + np.where(fine, 40, -40)).astype(np.int64), gate_bits=9,
            gate_scale=0.25)
    return made


@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_a_gate_head_lets_as_many_go_as_the_loss_allows(loss):
    made, labels = exits(["max_logit", "always"])
    found = calibrate(with_gate(made, labels, 0), labels, accuracy_loss=loss)
    entry, told = found.exits[0], found.calibration
    assert told.accuracy >= told.last_exit_accuracy - loss - 1e-12
    assert (entry.policy, entry.params, entry.gate_scale) == ("gate", {"gate_bits": 9}, 0.25)
    assert told.real_thresholds["0"] == entry.threshold * 0.25
    right, last = (item.logits.argmax(1) == labels for item in made)
    best = 0.0
    for threshold in np.unique(made[0].gate):
        leave = made[0].gate >= threshold
        if np.where(leave, right, last).mean() >= last.mean() - loss - 1e-12:
            best = max(best, leave.mean())
    assert entry.leave == best > 0.3


def test_gate_heads_among_other_policies_are_the_golden_models():
    made, labels = exits(["max_logit", "gate", "patience", "gate", "always"])
    made = with_gate(made, labels, 1, 3)
    found = calibrate(made, labels, accuracy_loss=0.03)
    logits, gates = [item.logits for item in made], {1: made[1].gate, 3: made[3].gate}
    told = decide(logits, parse_exits(json.loads(found.dump())), gates)
    label, taken = apply(found.exits, logits, gates)
    assert np.array_equal(label, told.label)
    assert np.array_equal(taken, told.exit)
    assert {1, 3} <= set(taken.tolist())
    with pytest.raises(QuantModelError, match="exit 1: policy gate needs the logits of a gate head"):
        apply(found.exits, logits, {3: made[3].gate})


RUNS = [
    ["patience", "patience", "always"], ["patience", "patience", "patience", "always"], ["never", "patience", "patience", "always"],
    ["patience", "max_logit", "patience", "patience", "always"], ["patience", "class_threshold", "patience", "always"],
]


@pytest.mark.parametrize("policies", RUNS)
def test_patience_counts_the_exits_that_agree(policies):
    """Against a loop over samples; only exits of that policy right before count, enabled or not."""
    made, labels = exits(policies, n=80)
    made[policies.index("patience")] = dataclasses.replace(made[policies.index("patience")], enabled=False)
    entries = calibrate(made, labels, accuracy_loss=0.05).exits
    found = scores(policies, [entry.params for entry in entries], [item.logits for item in made])
    for k, name in enumerate(policies):
        if name != "patience":
            continue
        assert entries[k].params["first"] == (k == 0 or policies[k - 1] != "patience")
        for n in range(80):
            run, at = 1, k
            while at > 0 and policies[at - 1] == "patience" and made[at - 1].logits[n].argmax() == made[k].logits[n].argmax():
                run, at = run + 1, at - 1
            assert found[k][n] == run


def test_a_run_stops_at_the_greatest_number():
    logits = [np.array([[1, 0], [0, 1]])] * 5
    found = scores(["patience"] * 5, [{"run_bits": 2}] * 5, logits)
    assert [score.tolist() for score in found] == [[1, 1], [2, 2], [3, 3], [3, 3], [3, 3]]


@pytest.mark.parametrize("policies", [
    ["max_logit", "always"], ["margin", "entropy", "always"], ["softmax", "class_threshold", "always"],
    ["class_threshold", "patience", "patience", "always"], *RUNS,
])
@pytest.mark.parametrize("wanted", [{"accuracy_loss": 0.03}, {"shares": 0.3}])
def test_the_golden_model_lets_the_same_samples_leave(policies, wanted):
    made, labels = exits(policies)
    if "shares" in wanted:
        wanted = {"shares": [0.0 if name == "never" else 0.25 for name in policies[:-1]]}
    found = calibrate(made, labels, **wanted)
    told = decide([item.logits for item in made], parse_exits(json.loads(found.dump())))
    label, taken = apply(found.exits, [item.logits for item in made])
    assert (told.label == label).all()
    assert (told.exit == taken).all()
    assert [entry.leave for entry in found.exits] == [(told.exit == k).mean() for k in range(len(policies))]
    assert found.calibration.accuracy == (told.label == labels).mean()


def too_sure(policies, times=4, **more):
    """Exits whose logits are so many times what they should be."""
    made, labels = exits(policies, **more)
    return [dataclasses.replace(item, scale=item.scale * times) for item in made], labels


def test_temperatures_of_all_exits_are_told_and_change_nothing_but_softmax_and_entropy():
    policies = ["max_logit", "softmax", "entropy", "class_threshold", "margin", "always"]
    made, labels = too_sure(policies)
    plain, scaled = (calibrate(made, labels, shares=[0.2] * 5, temperature=on) for on in (False, True))
    assert all("temperature" not in entry.to_json() for entry in plain.exits)
    assert "temperature" not in plain.calibration.to_json()
    for item, before, after, told in zip(made, plain.exits, scaled.exits, scaled.calibration.temperature, strict=True):
        assert after.temperature == told.temperature == fit(item.logits, item.scale, labels) > 1.5
        assert (after.scale, after.policy) == (before.scale, before.policy)
        assert told.log_loss_scaled < told.log_loss - 0.05
        assert told.ece_scaled < told.ece
        if item.policy in ("max_logit", "margin", "always"):
            assert after.params == before.params
    assert [k for k in range(6) if plain.exits[k].params != scaled.exits[k].params] == [1, 2, 3]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("name", "real"), [
    ("softmax", lambda p: p.max(1)), ("entropy", lambda p: -(p * np.log(np.maximum(p, 1e-300))).sum(1)),
])
def test_thresholds_are_of_probabilities_that_a_temperature_scaled(name, real, own):
    """Who leaves is who does by the real score of the scaled logits, but within the bound of the threshold; the gateware takes it."""
    made, labels = too_sure([name, "always"])
    found = calibrate(by_class(made, name) if own else made, labels, shares=[0.4], temperature=True)
    entry, told = found.exits[0], found.calibration
    score = real(probabilities(made[0].logits, made[0].scale / entry.temperature))
    limit = np.broadcast_to(told.real_thresholds["0"], 5)[made[0].logits.argmax(1)]
    _, taken = apply(found.exits, [item.logits for item in made])
    near = np.abs(score - limit) <= told.epsilon["0"] + 2e-4
    assert ((taken == 0) == (score >= limit if name == "softmax" else score <= limit))[~near].all()
    assert near.mean() < 0.05
    decision = decide([item.logits for item in made], parse_exits(json.loads(found.dump())))
    assert (decision.exit == taken).all()
    inner = entry.params.get("score_params", entry.params)
    ExitDecision(classes=5, pe=1, acc_bits=16, bias=[0] * 5, policy=name, params=inner)


def test_what_is_told_of_thresholds_and_bounds():
    policies = ["max_logit", "softmax", "entropy", "class_threshold", "patience", "never", "always"]
    made, labels = exits(policies)
    made[3] = dataclasses.replace(made[3], score="entropy")
    found = calibrate(made, labels, shares=[0.2, 0.1, 0.1, 0.1, 0.1, 0.0], epsilon=0.004)
    entries, told = found.exits, found.calibration
    assert set(told.real_thresholds) == {"0", "1", "2", "3", "4"}
    assert told.real_thresholds["0"] == pytest.approx(entries[0].threshold * 0.03)
    assert told.real_thresholds["1"] == pytest.approx(min(1, 2 ** entries[1].params["frac_bits"] / entries[1].threshold))
    for k, inner, threshold in ((2, entries[2].params, entries[2].threshold),
                                (3, entries[3].params["score_params"], entries[3].params["thresholds"][4])):
        nats = (threshold + inner["offset"]) * math.log(2) / 2 ** inner["threshold_frac"]
        assert np.ravel(told.real_thresholds[str(k)])[-1] == pytest.approx(nats)
    assert len(told.real_thresholds["3"]) == 5
    assert told.real_thresholds["4"] == entries[4].threshold
    assert set(told.epsilon) == {"1", "2", "3"}
    assert all(0.0004 < bound <= 0.004 for bound in told.epsilon.values())
    assert told.wanted.to_json() == {"shares": [0.2, 0.1, 0.1, 0.1, 0.1, 0.0]}
    assert told.samples == 600
    smaller = calibrate(made, labels, accuracy_loss=0.01).calibration.epsilon
    assert all(smaller[k] <= 0.001 < told.epsilon[k] for k in smaller)


@pytest.mark.parametrize("score", [
    "max_logit", "margin", "softmax", "entropy",
])
@pytest.mark.parametrize("own", [False, True])
def test_the_gateware_has_a_threshold_at_which_none_leaves(score, own):
    """The surest sample there can be is wrong, so none may leave, and the threshold that says so is one that the unit takes."""
    labels = np.array([1, 1, 2])
    first, last = np.array([[32767, -32768, -32768], [0, 40, 0], [0, 0, 30]]), 9 * np.eye(3, dtype=np.int64)[labels]
    made = [ExitLogits(policy=score, logits=first, scale=0.05), ExitLogits(policy="always", logits=last, scale=1.0)]
    entry = calibrate(by_class(made, score) if own else made, labels, accuracy_loss=0.0).exits[0]
    params = entry.params.get("score_params", entry.params)
    unit = ExitDecision(classes=3, pe=1, acc_bits=16, bias=[0] * 3, policy=score, params=params)
    assert entry.leave == (0.0 if not own else 2 / 3)
    for threshold in entry.params.get("thresholds", [entry.threshold]):
        assert threshold in unit.threshold_range


def test_report_agrees_with_apply_and_exits_that_take_no_part():
    made, labels = exits(["never", "max_logit", "always"])
    made[0] = ExitLogits(policy="max_logit", logits=made[0].logits, scale=0.03, enabled=False)
    found = calibrate(made, labels, accuracy_loss=0.05)
    label, taken = apply(found.exits, [item.logits for item in made])
    assert found.calibration.accuracy == (label == labels).mean()
    assert not (taken == 0).any()
    assert (taken == 1).any()
    for entry in found.exits:
        here = taken == entry.index
        assert entry.leave == here.mean()
        assert entry.accuracy == ((label == labels)[here].mean() if here.any() else None)


def test_every_policy_that_logits_suffice_for_can_be_calibrated():
    for name in sorted(set(POLICIES) - {"always", "gate"}):
        made, labels = exits([name, "always"], n=60)
        assert calibrate(made, labels, accuracy_loss=0.1).exits[0].policy == name


def test_only_one_exit():
    made, labels = exits(["always"])
    assert calibrate(made, labels, accuracy_loss=0.01).exits[0].leave == 1.0


def test_file_is_stable_and_plain_json(tmp_path):
    made, labels = exits(["softmax", "always"])
    for name in ("a", "b"):
        calibrate(made, labels, shares=[0.75]).save(tmp_path / name)
    text = (tmp_path / "a").read_text()
    assert text == (tmp_path / "b").read_text()
    assert text.endswith("}\n")
    entry = json.loads(text)["exits"][0]
    assert set(entry) == {"index", "policy", "threshold", "enabled", "scale", "params", "reach", "leave", "accuracy"}
    assert isinstance(entry["threshold"], int)


@pytest.mark.parametrize(("policies", "wanted", "message"), [
    (["max_logit"], {"accuracy_loss": 0.1}, "the last exit must be enabled and have policy always"),
    (["always", "always"], {"accuracy_loss": 0.1}, "only the last exit can have policy always"),
    (["max_logit", "always"], {}, "needs one of accuracy_loss, shares, mean_cost and thresholds"),
    (["max_logit", "always"], {"accuracy_loss": 0.1, "shares": [0.5]}, "needs one of accuracy_loss, shares, mean_cost and thresholds"),
    (["max_logit", "always"], {"accuracy_loss": 1.5}, r"accuracy_loss must be 0 to 1, not 1\.5"),
    (["max_logit", "always"], {"shares": [1.5]}, r"shares must be 1 numbers from 0 to 1 that sum to at most 1, not \[1\.5\]"),
    (["gate", "always"], {"accuracy_loss": 0.1}, "exit 0: policy gate needs the logits of a gate head, and there are none"),
    (["luck", "always"], {"accuracy_loss": 0.1}, "policy must be one of max_logit, .*, not 'luck'"),
    (["softmax", "always"], {"accuracy_loss": 0.1, "epsilon": 1e-8}, "too few bits for epsilon=1e-08: softmax of 5 classes"),
])
def test_what_cannot_be_wanted(policies, wanted, message):
    made, labels = exits(policies, n=20)
    with pytest.raises(QuantModelError, match=message):
        calibrate(made, labels, **wanted)


def test_a_mean_cost_is_kept_to_with_the_most_right_answers():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 300)
    three = [
        ExitLogits(policy=policy, logits=(rng.normal(0, 1, (300, 4)) * 40 + strength * 40 * np.eye(4)[labels]).astype(np.int64), scale=0.05)
        for policy, strength in (("margin", 1.2), ("softmax", 2.0), ("always", 3.0))
    ]
    price = Price(steps=(2.0, 3.0, 5.0), whole=9.0)
    accuracies = []
    for share in (0.3, 0.6, 1.0):
        found = calibrate(three, labels, mean_cost=share, price=price)
        told = found.calibration
        leave = np.array([item.leave for item in found.exits])
        assert told.mean_cost == pytest.approx(float(np.cumsum([2, 3, 5]) @ leave) / 9)
        assert told.mean_cost <= share
        assert told.wanted.to_json() == {"mean_cost": share, "cost": "stages"}
        accuracies.append(told.accuracy)
    assert accuracies == sorted(accuracies)
    assert accuracies[0] < accuracies[-1]
    with pytest.raises(Unreachable, match=r"cannot be reached: the best is 0\.2222") as caught:
        calibrate(three, labels, mean_cost=0.2, price=price)
    assert caught.value.least == pytest.approx(2 / 9)
    with pytest.raises(QuantModelError, match="one of accuracy_loss, shares, mean_cost and thresholds"):
        calibrate(three, labels, mean_cost=0.2, shares=[0.5, 0.2])


def proof(n, loss=None, seed=3, confidence=0.9):
    division = halve(n) if loss is None else divide(n, loss, confidence)
    return Proof(division=division, order=parted(n, seed), confidence=confidence)


def harm(found, made, labels):
    """How many of the samples the exits of ``found`` harm, by the definition."""
    label, _ = apply(found.exits, [item.logits for item in made])
    return (made[-1].logits.argmax(1) == labels) & (label != labels)


@pytest.mark.parametrize(("n", "promise"), [(4000, "confidence"), (300, "confidence"), (110, "average")])
@pytest.mark.parametrize("policies", [["margin", "softmax", "always"], ["class_threshold", "patience", "always"]])
def test_a_promise_is_made_of_samples_that_found_nothing(n, promise, policies):
    """Thresholds follow from the other samples and how many were harmed; labels and scores of the proof change nothing else."""
    made, labels = exits(policies, n=n)
    training, _ = exits(policies, n=700, seed=9)
    kept = proof(n, 0.02)
    found = calibrate(made, labels, accuracy_loss=0.02, proof=kept, training=training)
    told = found.calibration
    assert (told.promise, told.confidence, told.proof_samples) == (promise, 0.9, len(kept.proof))
    assert 0 < told.bound <= (0.02 if promise == "confidence" else 0.05)
    assert found.exits[0].leave + found.exits[1].leave > 0.05
    harmed = harm(found, made, labels)[kept.proof].sum()
    # On average a sample counts that a stricter rung harmed.
    assert harmed == told.harms if promise == "confidence" else harmed <= told.harms
    # Other labels, but no other harm: the last exit is still wrong.
    other, answer = labels.copy(), made[-1].logits.argmax(1)
    spare = np.intersect1d(np.flatnonzero(answer != labels), kept.proof)
    other[spare] = [next(label for label in range(5) if label not in (labels[k], answer[k])) for k in spare]
    again = calibrate(made, other, accuracy_loss=0.02, proof=kept, training=training)
    assert len(spare) > 3
    assert [(entry.threshold, entry.params) for entry in again.exits] == [(entry.threshold, entry.params) for entry in found.exits]


@pytest.mark.parametrize("policies", [["max_logit", "softmax", "always"], ["margin", "class_threshold", "always"]])
def test_where_nothing_can_be_promised_no_exit_is_on(policies):
    """Exits that are always wrong, however sure; thresholds still are those at which none leaves."""
    n = 300
    made, labels = exits(policies, n=n)
    wrong = [dataclasses.replace(item, logits=np.roll(item.logits, 1, 1)) for item in made[:-1]]
    training = [dataclasses.replace(item, logits=item.logits[:200]) for item in made]
    found = calibrate([*wrong, made[-1]], labels, accuracy_loss=0.02, proof=proof(n, 0.02), training=training)
    assert [entry.enabled for entry in found.exits] == [False, False, True]
    assert [entry.leave for entry in found.exits] == [0.0, 0.0, 1.0]
    assert (found.calibration.harms, found.calibration.bound) == (0, 0.0)
    on = [entry.replace(enabled=True) for entry in found.exits]
    assert (apply(on, [item.logits for item in (*wrong, made[-1])])[1] == 2).all()


@pytest.mark.parametrize("wanted", [{"shares": [0.4, 0.3]}, {"mean_cost": 0.7}, {"thresholds": [0.9, 2.0]}])
def test_of_other_thresholds_the_bound_alone_is_told(wanted):
    made, labels = exits(["softmax", "max_logit", "always"])
    kept = proof(600)
    found = calibrate(made, labels, proof=kept, **wanted)
    told = found.calibration
    assert (told.promise, told.confidence, told.proof_samples) == ("none", 0.9, 300)
    assert told.harms == harm(found, made, labels)[kept.proof].sum()
    assert told.bound == upper_bound(told.harms, 300, 0.9)
    # What the proof holds did not choose.
    other = labels.copy()
    other[kept.proof] = 0
    again = calibrate(made, other, proof=kept, **wanted)
    assert [entry.threshold for entry in again.exits] == [entry.threshold for entry in found.exits]
    assert "promise" not in calibrate(made, labels, **wanted).calibration.to_json()


def test_temperatures_are_of_the_samples_that_search():
    made, labels = too_sure(["softmax", "always"])
    kept = proof(600)
    found = calibrate(made, labels, shares=[0.4], temperature=True, proof=kept)
    assert found.exits[0].temperature == fit(made[0].logits[kept.search], made[0].scale, labels[kept.search])


def test_fixed_thresholds_are_in_the_policies_units():
    made, labels = exits(["softmax", "class_threshold", "entropy", "patience", "never", "always"])
    made[1] = dataclasses.replace(made[1], score="margin")
    found = calibrate(made, labels, thresholds=[0.9, 3.0, 0.5, 2, None])
    told = found.calibration
    assert told.real_thresholds == {
        "0": pytest.approx(0.9, rel=1e-3), "1": [pytest.approx(3.0)] * 5, "2": pytest.approx(0.5, rel=1e-3), "3": 2.0,
    }
    assert told.wanted.to_json() == {"thresholds": [0.9, 3.0, 0.5, 2.0, None]}
    margin = np.sort(made[1].logits, 1) * 0.03
    sure = probabilities(made[0].logits, 0.03).max(1) >= 0.9
    assert found.exits[0].leave == sure.mean()
    assert found.exits[1].leave == (~sure & (margin[:, -1] - margin[:, -2] >= 3.0 - 1e-9)).mean()
    with pytest.raises(QuantModelError, match=r"exit 0: threshold of softmax must be from 0\.2 to 1 \(a probability\), not 0\.1"):
        calibrate(made, labels, thresholds=[0.1, 3.0, 0.5, 2, None])
    with pytest.raises(QuantModelError, match="thresholds must be 5, one for each exit but the last"):
        calibrate(made, labels, thresholds=[0.9, None, 0.5, 2, None])
