"""The driver's thresholds are those of training and of the documentation."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offramp_driver import InputError, units
from offramp_driver.manifest import Exit
from quant_models.exits.policies import POLICIES, Head, integer_threshold, real_threshold

PAGE = (Path(__file__).parent.parent.parent / "docs" / "accelerator.md").read_text(encoding="utf-8")
COMPARING = [name for name, row in POLICIES.items() if row.unit is not None and name != "class_threshold"]
HEADS = [Head(classes=10, scale=0.026879698038101196, gate_scale=0.03), Head(classes=2, scale=0.5, gate_scale=1.0),
         Head(classes=1000, scale=0.0011, gate_scale=0.007)]


def exit_of(name: str, head: Head, **changes: Any) -> tuple[Exit, dict[str, Any]]:
    """An exit as a manifest has it, of scalar constants only, and all its constants."""
    params = POLICIES[name].constants(head)
    scalars = {key: value for key, value in params.items() if isinstance(value, int)}
    values = {"policy": name, "classes": head.classes, "threshold": 0, "enabled": True, "scale": head.scale,
              "threshold_range": (-(1 << 31), (1 << 31) - 1), "params": scalars, "gate_scale": head.gate_scale, **changes}
    return Exit(**values), params


def reals(name: str, head: Head) -> np.ndarray:
    least, most = POLICIES[name].limits(head)
    return np.concatenate([[least, most], np.random.default_rng(0).uniform(least, most, 200)])


@pytest.mark.parametrize("head", HEADS, ids=lambda head: f"{head.classes} classes")
@pytest.mark.parametrize("name", COMPARING)
def test_integers_and_reals_are_those_of_training(name: str, head: Head) -> None:
    exit_, params = exit_of(name, head)
    for value in map(float, reals(name, head)):
        integer = integer_threshold(name, value, head, params)
        assert units.integer(exit_, value) == integer
        assert units.real(exit_, integer) == real_threshold(name, integer, head, params)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: f"{head.classes} classes")
@pytest.mark.parametrize("name", COMPARING)
def test_what_an_integer_stands_for_is_that_integer_again(name: str, head: Head) -> None:
    exit_, params = exit_of(name, head)
    least, most = sorted(integer_threshold(name, limit, head, params) for limit in POLICIES[name].limits(head))
    for integer in sorted({least + 1, most - 1, *np.linspace(least, most, 500).round().astype(int).tolist()[1:-1]}):
        assert units.integer(exit_, units.real(exit_, integer)) == integer


@pytest.mark.parametrize("name", COMPARING)
def test_thresholds_of_classes_have_the_unit_of_the_score(name: str) -> None:
    head = HEADS[0]
    plain, params = exit_of(name, head)
    flat, _ = exit_of("class_threshold", head, params={"score": name, "thresholds": [0] * 10, **plain.params})
    nested, _ = exit_of("class_threshold", head, params={"score": name, "thresholds": [0] * 10, "score_params": plain.params})
    value = float(np.mean(reals(name, head)[2:]))
    for exit_ in (flat, nested):
        assert units.integer(exit_, value) == integer_threshold(name, value, head, params)
        assert units.real(exit_, 100) == real_threshold(name, 100, head, params)
        assert units.unit(exit_) == units.unit(plain)


def test_every_policy_that_compares_has_a_unit() -> None:
    for name in POLICIES:
        if name != "class_threshold":
            found = units.unit(exit_of(name, HEADS[0])[0])
            assert (found is not None) is (name in COMPARING), name


def test_the_documentation_says_the_same() -> None:
    """Each formula of the page's table, evaluated."""
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE.split("## Thresholds at run time")[1], re.MULTILINE))
    head = HEADS[0]
    for name, value, word in (("max_logit", 3.3, "logit"), ("margin", 1.7, "difference"), ("softmax", 0.9, "tau"), ("entropy", 0.4, "nats"),
                              ("gate", 0.2, "logit")):
        formula = re.search(r"`([^`]+)`", rows[name])
        assert formula is not None
        exit_, params = exit_of(name, head)
        text = formula[1].replace("ln 2", "log(2)")
        scope = {"ceil": math.ceil, "floor": math.floor, "round": round, "log": math.log, word: value,
                 "scale": head.gate_scale if name == "gate" else head.scale, **params}
        assert units.integer(exit_, value) == eval(text, {"__builtins__": {}}, scope), name
    assert rows["patience"].strip() == "that number"
    assert units.integer(exit_of("patience", head)[0], 3.0) == 3


@pytest.mark.parametrize(("name", "value", "text"), [
    ("softmax", 1.5, r"threshold of softmax must be from 0.1 to 1 \(probability\), not 1.5"),
    ("softmax", 0.0, "from 0.1 to 1"), ("softmax", math.nan, "must be a number, not nan"), ("max_logit", math.inf, "not inf"),
    ("entropy", 2.4, r"threshold of entropy must be from 0 to 2.30259 \(nats\), not 2.4"), ("entropy", -0.1, "not -0.1"),
    ("always", 0.5, "policy always compares with no threshold"),
])
def test_what_cannot_be_a_threshold_is_told(name: str, value: float, text: str) -> None:
    with pytest.raises(InputError, match=text):
        units.integer(exit_of(name, HEADS[0])[0], value)


def test_a_policy_without_threshold_has_no_real_one() -> None:
    with pytest.raises(InputError, match="policy never compares with no threshold"):
        units.real(exit_of("never", HEADS[0])[0], 0)


def test_a_gate_head_whose_unit_is_not_known_says_so() -> None:
    exit_, _ = exit_of("gate", HEADS[0], gate_scale=None)
    for use in (lambda: units.integer(exit_, 1.0), lambda: units.real(exit_, 1)):
        with pytest.raises(InputError, match="does not tell the unit of the gate head's logits: write the integer threshold instead"):
            use()
