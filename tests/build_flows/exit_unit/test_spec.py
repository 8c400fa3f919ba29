"""A unit as a user asks for it: what follows from that, and what is refused before anything is built."""

from typing import Any

import pytest

from build_flows.base.errors import OfframpError
from build_flows.exit_unit.spec import DEFAULTS, UnitSpec, latency_bound
from quant_models.exits.policies import POLICIES


def spec(policy: str = "softmax", **more: Any) -> UnitSpec:
    return UnitSpec(**{"policy": policy, "classes": 10, "pe": 5, **more})  # type: ignore[arg-type]


def test_the_bound() -> None:
    assert [latency_bound(*pair) for pair in ((10, 10), (10, 1), (1000, 8), (2, 2), (12, 3))] == [22, 32, 268, 16, 24]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("classes", "pe"), [(2, 1), (10, 10), (12, 3), (100, 4)])
def test_no_unit_exceeds_it(policy: str, classes: int, pe: int) -> None:
    unit = spec(policy, classes=classes, pe=pe)
    assert unit.beats - 1 + unit.decision().latency <= latency_bound(classes, pe)


def test_names_and_what_is_compared() -> None:
    composed = spec("class_threshold", score="entropy")
    assert (spec().name, composed.name) == ("softmax_c10_pe5", "class_threshold_entropy_c10_pe5")
    assert (spec().scoring, composed.scoring, composed.real) == ("softmax", "entropy", DEFAULTS["entropy"])
    assert (spec().real, spec(threshold=0.7).real, spec("always").real) == (DEFAULTS["softmax"], 0.7, 0.0)
    other = spec(threshold=0.7).with_policy("entropy")
    assert (other.policy, other.real, other.pe) == ("entropy", DEFAULTS["entropy"], 5)


def test_a_projects_own_constants_go_before_those_that_follow() -> None:
    own = spec(made=({**spec().params, "conf_shift": 9}, 777))
    assert (own.params["conf_shift"], own.integer) == (9, 777)
    assert spec().integer == int(2 ** spec().params["frac_bits"] / 0.9)
    assert own.with_policy("margin").made is None


def test_how_far_the_decision_is_from_the_real_one() -> None:
    assert spec("max_logit").bound is None
    near = spec("entropy").bound
    assert near is not None
    assert 0 < near <= 1e-3
    assert spec("class_threshold", score="entropy").bound == near


@pytest.mark.parametrize(("change", "message"), [
    ({"classes": 1001, "pe": 1}, "classes must be from 2 to 1000, not 1001"),
    ({"pe": 0}, "pe must divide classes, not pe=0, classes=10"),
    ({"policy": "loudest"}, "policy must be one of .*, not 'loudest'"),
    ({"policy": "class_threshold", "class_thresholds": [1.0]}, "class thresholds must be one per class, not 1 for 10 classes"),
    ({"policy": "class_threshold", "score": "always"}, "score must be one of .*, not 'always'"),
])
def test_what_is_wrong_is_told(change: dict[str, Any], message: str) -> None:
    with pytest.raises(OfframpError, match=message):
        spec(**change)
