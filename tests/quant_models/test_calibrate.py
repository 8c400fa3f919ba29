import dataclasses
import json

import numpy as np
import pytest

from quant_models.calibrate import ExitLogits, apply, calibrate, dump_exits
from quant_models.errors import QuantModelError
from quant_models.policies import policy


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


@pytest.mark.parametrize("name", ["max_logit", "softmax"])
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05])
def test_two_exits_leave_as_early_as_the_loss_allows(name, loss):
    made, labels = exits([name, "always"])
    found = calibrate(made, labels, accuracy_loss=loss)
    report = found["calibration"]
    assert report["accuracy"] >= report["last_exit_accuracy"] - loss - 1e-12
    # Every other threshold either loses too much or lets fewer go.
    early, rule = made[0], policy(name)
    params = found["exits"][0]["params"]
    last = made[1].logits.argmax(1) == labels
    right = early.logits.argmax(1) == labels
    best = 0.0
    for threshold in np.unique(rule.score(early.logits, params)):
        leave = rule.leaves(early.logits, int(threshold), params)
        if np.where(leave, right, last).mean() >= last.mean() - loss - 1e-12:
            best = max(best, leave.mean())
    assert found["exits"][0]["leave"] == best


def test_three_exits_jointly():
    made, labels = exits(["max_logit", "softmax", "always"])
    found = calibrate(made, labels, accuracy_loss=0.02)
    report, entries = found["calibration"], found["exits"]
    assert report["accuracy"] >= report["last_exit_accuracy"] - 0.02 - 1e-12
    assert sum(item["leave"] for item in entries) == pytest.approx(1)
    assert entries[1]["reach"] == pytest.approx(1 - entries[0]["leave"])
    # Spending all on either exit alone is among what was tried.
    for alone in (0, 1):
        other = [item if k in (alone, 2) else dataclasses.replace(item, policy="never") for k, item in enumerate(made)]
        single = calibrate(other, labels, accuracy_loss=0.02)["exits"]
        stages = [sum(item["reach"] for item in result) for result in (entries, single)]
        assert stages[0] <= stages[1] + 1e-12


def test_shares():
    made, labels = exits(["softmax", "max_logit", "always"])
    found = calibrate(made, labels, shares=[0.5, 0.25])
    assert [item["leave"] for item in found["exits"]] == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    assert set(found["calibration"]["tau"]) == {"0"}
    none = calibrate(made, labels, shares=[0.0, 1.0])["exits"]
    assert [item["leave"] for item in none] == [0.0, 1.0, 0.0]
    assert (none[0]["accuracy"], none[2]["accuracy"]) == (None, None)


def test_report_agrees_with_apply_and_exits_that_take_no_part():
    made, labels = exits(["never", "max_logit", "always"])
    made[0] = ExitLogits(policy="max_logit", logits=made[0].logits, scale=0.03, enabled=False)
    found = calibrate(made, labels, accuracy_loss=0.05)
    label, taken = apply(found["exits"], [item.logits for item in made])
    assert found["calibration"]["accuracy"] == (label == labels).mean()
    assert not (taken == 0).any()
    assert (taken == 1).any()
    for entry in found["exits"]:
        here = taken == entry["index"]
        assert entry["leave"] == here.mean()
        assert entry["accuracy"] == ((label == labels)[here].mean() if here.any() else None)


def test_only_one_exit():
    made, labels = exits(["always"])
    assert calibrate(made, labels, accuracy_loss=0.01)["exits"][0]["leave"] == 1.0


def test_file_is_stable_and_plain_json(tmp_path):
    made, labels = exits(["softmax", "always"])
    for name in ("a", "b"):
        dump_exits(calibrate(made, labels, shares=[0.75]), tmp_path / name)
    text = (tmp_path / "a").read_text()
    assert text == (tmp_path / "b").read_text()
    assert text.endswith("}\n")
    entry = json.loads(text)["exits"][0]
    assert set(entry) == {"index", "policy", "threshold", "enabled", "scale", "params", "reach", "leave", "accuracy"}
    assert isinstance(entry["threshold"], int)


@pytest.mark.parametrize(("policies", "wanted", "message"), [
    (["max_logit"], {"accuracy_loss": 0.1}, "the last exit must be enabled and have policy always"),
    (["always", "always"], {"accuracy_loss": 0.1}, "only the last exit can have policy always"),
    (["max_logit", "always"], {}, "needs either accuracy_loss or shares"),
    (["max_logit", "always"], {"accuracy_loss": 0.1, "shares": [0.5]}, "needs either accuracy_loss or shares"),
    (["max_logit", "always"], {"accuracy_loss": 1.5}, r"accuracy_loss must be 0 to 1, not 1\.5"),
    (["max_logit", "always"], {"shares": [1.5]}, r"shares must be 1 numbers from 0 to 1 that sum to at most 1, not \[1\.5\]"),
])
def test_what_cannot_be_wanted(policies, wanted, message):
    made, labels = exits(policies, n=20)
    with pytest.raises(QuantModelError, match=message):
        calibrate(made, labels, **wanted)
