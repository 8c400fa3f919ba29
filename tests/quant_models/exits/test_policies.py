"""Every row of the table: its integers are the golden model's, its real numbers what it says they are, and one turns into the other."""

import math

import numpy as np
import pytest

from hw.exits.scores import SCORES
from quant_models.errors import QuantModelError
from quant_models.exits.policies import POLICIES, Head, integer_threshold, policy, real_threshold
from sim.golden import POLICIES as GOLDEN
from sim.golden import Side

SCORED = [name for name, row in POLICIES.items() if row.score is not None and row.unit is not None]
SHAPES = [(2, 0.3), (10, 0.0123), (100, 0.002)]


def head(classes=10, scale=0.0123, **more):
    return Head(classes=classes, scale=scale, **more)


def draw(classes, scale, seed=0, n=400):
    """Logits of few and of many nats of spread."""
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0, rng.uniform(0.2, 5, (n, 1)), (n, classes)) / scale).astype(np.int64)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


REAL = {
    "max_logit": lambda z: z.max(1),
    "margin": lambda z: np.sort(z, 1)[:, -1] - np.sort(z, 1)[:, -2],
    "softmax": lambda z: softmax(z).max(1),
    "entropy": lambda z: -(softmax(z) * np.log(softmax(z))).sum(1),
}


def test_the_same_policies_in_every_room():
    assert set(POLICIES) == set(GOLDEN) == set(SCORES)
    assert SCORED == ["max_logit", "margin", "softmax", "entropy"]
    assert all(name == row.name and row.summary and row.confidence for name, row in POLICIES.items())


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize(("classes", "scale"), SHAPES)
def test_the_score_is_where_the_golden_decision_turns(name, classes, scale):
    row, logits = POLICIES[name], draw(classes, scale)
    params = row.constants(head(classes, scale))
    score = row.score(logits, params)
    assert score.dtype == np.int64
    surer = 1 if row.rising else -1
    assert GOLDEN[name](logits, score, params, Side()).leaves.all()
    assert not GOLDEN[name](logits, score + surer, params, Side()).leaves.any()
    for threshold in np.quantile(score, [0.1, 0.5, 0.9], method="nearest"):
        leaves = row.leaves(logits, threshold, params)
        assert (leaves == GOLDEN[name](logits, int(threshold), params, Side()).leaves).all()
        assert 0 < leaves.sum() < len(leaves)


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize(("classes", "scale"), SHAPES)
def test_the_integer_score_stands_for_the_real_one(name, classes, scale):
    """To the bound that the row tells, and the step of a threshold; exactly without rounding where there is no bound."""
    row, logits, one = POLICIES[name], draw(classes, scale), head(classes, scale)
    params = row.constants(one)
    exact = REAL[name](logits * scale)
    assert row.real(logits * scale) == pytest.approx(exact, abs=1e-9)
    found = np.array([real_threshold(name, int(score), one, params) for score in row.score(logits, params)])
    step = math.log(2) / 2 ** params["threshold_frac"] if name == "entropy" else 0
    slack = 1e-9 if row.bound is None else row.bound(params, one) + step
    assert slack < 2e-3
    assert np.abs(found - exact).max() <= slack


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("temperature", [0.05, 0.7, 3.0, 20.0])
def test_a_temperature_divides_the_logits_of_softmax_and_entropy_alone(name, temperature):
    """The golden model agrees at any of them, and the real score is that of the scaled logits."""
    row, logits, one = POLICIES[name], draw(10, 0.0123), head(temperature=temperature)
    params = row.constants(one)
    score = row.score(logits, params)
    surer = 1 if row.rising else -1
    assert GOLDEN[name](logits, score, params, Side()).leaves.all()
    assert not GOLDEN[name](logits, score + surer, params, Side()).leaves.any()
    exact = REAL[name](logits * 0.0123 / (temperature if row.bound else 1.0))
    found = np.array([real_threshold(name, int(value), one, params) for value in score])
    step = math.log(2) / 2 ** params["threshold_frac"] if name == "entropy" else 0
    assert np.abs(found - exact).max() <= (1e-9 if row.bound is None else row.bound(params, one) + step)


@pytest.mark.parametrize("score", SCORED)
@pytest.mark.parametrize("temperature", [1.0, 2.3])
def test_thresholds_by_class_are_the_golden_model_s_for_each_score(score, temperature):
    row, logits = POLICIES[score], draw(10, 0.0123)
    inner = row.constants(head(temperature=temperature))
    own = row.score(logits, inner)
    thresholds = [int(np.quantile(own, 0.05 + 0.1 * label, method="nearest")) for label in range(10)]
    limit = np.array(thresholds)[logits.argmax(1)]
    params = {"score": score, "score_params": inner, "thresholds": thresholds}
    leaves = row.leaves(logits, limit, inner)
    assert (GOLDEN["class_threshold"](logits, 0, params, Side()).leaves == leaves).all()
    assert 0 < leaves.sum() < len(leaves)


@pytest.mark.parametrize("name", [*SCORED, "gate", "patience"])
def test_thresholds_there_and_back(name):
    one = head(gate_scale=0.03)
    params = POLICIES[name].constants(one)
    least, most = POLICIES[name].limits(one)
    for share in np.linspace(0, 1, 23):
        real = least + share * (most - least)
        integer = integer_threshold(name, real, one, params)
        back = real_threshold(name, integer, one, params)
        step = {"softmax": real**2 / 2 ** params.get("frac_bits", 0), "patience": 1, "gate": 0.03,
                "entropy": math.log(2) / 2 ** params.get("threshold_frac", 0)}.get(name, one.scale)
        assert abs(back - real) <= step * 1.001
        # 2**F / (2**F / S) may round to less than S
        assert integer - integer_threshold(name, min(max(back, least), most), one, params) in ([0, 1] if name == "softmax" else [0])


def test_every_integer_threshold_of_softmax_comes_back():
    params = POLICIES["softmax"].constants(head())
    for integer in range(1 << params["frac_bits"], 10 << params["frac_bits"], 7):
        assert integer_threshold("softmax", real_threshold("softmax", integer, head(), params), head(), params) == integer


def test_the_threshold_of_softmax_is_rounded_down():
    """As S is an integer, S <= floor(2**F / tau) is 2**F / S >= tau without error."""
    params = POLICIES["softmax"].constants(head())
    one = 1 << params["frac_bits"]
    for tau in (0.1, 0.123, 0.5, 0.9, 0.937, 0.999, 1.0):
        integer = integer_threshold("softmax", tau, head(), params)
        assert integer == math.floor(one / tau)
        assert one / integer >= tau > one / (integer + 1)
    assert real_threshold("softmax", 0, head(), params) == 1.0


@pytest.mark.parametrize(("name", "real", "integer"), [
    ("max_logit", 0.5, 5), ("max_logit", 0.41, 5), ("max_logit", -0.41, -4), ("margin", 0.3, 3), ("margin", 0.31, 4), ("patience", 2, 2),
    ("patience", 2.5, 3), ("gate", 1.0, 2), ("gate", 1.01, 3), ("always", 9.0, 0), ("never", 9.0, 0),
])
def test_the_least_integer_that_is_enough(name, real, integer):
    one = head(scale=0.1, gate_scale=0.5)
    assert integer_threshold(name, real, one, POLICIES[name].constants(one)) == integer


@pytest.mark.parametrize(("name", "real", "message"), [
    ("softmax", 0.0999, r"threshold of softmax must be from 0\.1 to 1 \(a probability\), not 0\.0999"),
    ("softmax", 1.01, r"threshold of softmax must be from 0\.1 to 1 \(a probability\), not 1\.01"),
    ("entropy", -0.1, r"threshold of entropy must be from 0 to 2\.30259 \(nats\), not -0\.1"),
    ("entropy", 2.4, r"threshold of entropy must be from 0 to 2\.30259 \(nats\), not 2\.4"),
    ("margin", -1.0, r"threshold of margin must be from 0 to 6553\.6 \(a difference of logits\), not -1"),
    ("max_logit", 3277.0, r"threshold of max_logit must be from -3276\.8 to 3276\.8 \(a logit\), not 3277"),
    ("gate", -4.5, r"threshold of gate must be from -4 to 4 \(a logit of the gate head\), not -4\.5"),
    ("patience", 0.5, r"threshold of patience must be from 1 to 15 \(a number of exits\), not 0\.5"),
    ("patience", 16, r"threshold of patience must be from 1 to 15 \(a number of exits\), not 16"),
    ("softmax", math.nan, r"threshold of softmax must be from 0\.1 to 1 \(a probability\), not nan"),
])
def test_thresholds_out_of_range(name, real, message):
    one = head(scale=0.1, gate_bits=4, gate_scale=0.5)
    with pytest.raises(QuantModelError, match=message):
        integer_threshold(name, real, one, POLICIES[name].constants(one))


@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
@pytest.mark.parametrize("name", ["softmax", "entropy"])
def test_the_confidence_fits_its_field(name, classes):
    """The greatest S, shifted as the constants say, just fits a signed field of 16 bits."""
    params = POLICIES[name].constants(head(classes))
    most = classes << params["frac_bits"]
    assert most >> params["conf_shift"] < 1 << 15
    assert params["conf_shift"] == 0 or most >> params["conf_shift"] - 1 >= 1 << 14


def test_policies_without_a_score_of_their_own():
    logits = np.array([[1, 5, 5], [-9, -3, -4]])
    assert policy("always").leaves(logits, 99, {}).all()
    assert policy("always").score(logits, {}).tolist() == [5, -3]
    assert not policy("never").leaves(logits, -99, {}).any()
    assert policy("never").score(logits, {}).tolist() == [0, 0]
    assert POLICIES["patience"].constants(head(id_bits=5, run_bits=2)) == {"id_bits": 5, "run_bits": 2}
    assert POLICIES["gate"].constants(head(gate_bits=9)) == {"gate_bits": 9}
    assert (POLICIES["patience"].streams, POLICIES["gate"].streams) == (("token_i", "token_o"), ("gate",))
    for name in ("gate", "patience", "class_threshold"):
        with pytest.raises(QuantModelError, match=f"policy {name} needs more than one exit's logits"):
            policy(name).leaves(logits, 0, {})
    with pytest.raises(QuantModelError, match=r"policy must be one of max_logit, margin, softmax, .*, never, not 'luck'"):
        policy("luck")


@pytest.mark.parametrize(("change", "message"), [
    ({"classes": 1}, "classes must be 2 to 1000, not 1"), ({"classes": 1001}, "classes must be 2 to 1000, not 1001"),
    ({"scale": 0.0}, "scale must be positive, not 0.0"), ({"scale": math.nan}, "scale must be positive, not nan"),
    ({"scale": math.inf}, "scale must be positive, not inf"), ({"gate_scale": -1.0}, "gate_scale must be positive, not -1.0"),
    ({"temperature": 0.0}, "temperature must be positive, not 0.0"),
    ({"logit_bits": 0}, "logit_bits must be from 1 to 32, not 0"), ({"gate_bits": 33}, "gate_bits must be from 1 to 32, not 33"),
])
def test_a_head_that_cannot_be(change, message):
    with pytest.raises(QuantModelError, match=message):
        head(**change)
