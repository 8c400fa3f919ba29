"""The bound between the integer decision and the real one: exhaustively where that is possible, and searched for where it is not.

Every threshold is tried at once: a sample's integer score says at which real threshold the integer decision turns, and its real score at
which the real one does. Decisions differ for the thresholds between the two and for no others, so their distance must be within the bound.
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_models.errors import QuantModelError
from quant_models.exits import fidelity
from quant_models.exits.fidelity import EPSILON, entropy_bound, entropy_constants, softmax_bound, softmax_constants, spread
from quant_models.exits.policies import POLICIES
from sim.golden import POLICIES as GOLDEN
from sim.golden import Side

MAKE = {"softmax": softmax_constants, "entropy": entropy_constants}
BOUND = {"softmax": softmax_bound, "entropy": entropy_bound}


def turns_at(name, logits, params):
    """The real threshold at which the integer decision of each sample turns, after the golden model has said that it does turn there."""
    score = POLICIES[name].score(logits, params)
    assert GOLDEN[name](logits, score, params, Side()).leaves.all()
    assert not GOLDEN[name](logits, score - 1, params, Side()).leaves.any()
    if name == "softmax":  # leaves when S <= floor(2**F / tau), that is tau <= 2**F / S
        return 2 ** params["frac_bits"] / score
    # leaves when round(h 2**Q / ln 2) - offset reaches the score
    turn = (score + params["offset"] - 0.5) * math.log(2) / 2 ** params["threshold_frac"]
    return np.clip(turn, 0, math.log(logits.shape[1]))


def real(name, logits, scale):
    """The greatest probability, or the entropy in nats."""
    z = (logits - logits.max(1, keepdims=True)) * scale
    e = np.exp(z)
    p = e / e.sum(1, keepdims=True)
    return p.max(1) if name == "softmax" else -(p * (z - np.log(e.sum(1, keepdims=True)))).sum(1)


def worst(name, logits, params, scale):
    """The greatest distance between where the two decisions turn."""
    return float(np.abs(turns_at(name, logits, params) - real(name, logits, scale)).max())


def all_logits(classes, bits):
    values = np.arange(-(1 << bits - 1), 1 << bits - 1)
    return np.stack([axis.ravel() for axis in np.meshgrid(*[values] * classes)], 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(("classes", "bits"), [(2, 8), (3, 5), (4, 4), (6, 2)])
@pytest.mark.parametrize("span", [2.0, 6.0, 25.0])
def test_every_combination_of_logits(name, classes, bits, span):
    """Of so few bits that all can be tried, at scales where they are ``span`` apart at most; and the bound is not beyond all measure."""
    scale = span / 2**bits
    logits = all_logits(classes, bits)
    assert len(logits) == 2 ** (bits * classes)
    for epsilon in (1e-2, EPSILON):
        params = MAKE[name](scale, classes, epsilon=epsilon)
        bound = BOUND[name](params, scale, classes)
        found = worst(name, logits, params, scale)
        assert found <= bound <= epsilon
        assert bits < 4 or found >= bound / 25


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("scale", [1e-4, 0.0023, 0.017, 1.0, 10.0])
def test_every_distance_of_two_classes(name, scale):
    """All that 16-bit logits can be apart."""
    logits = np.zeros((1 << 16, 2), np.int64)
    logits[:, 1] = -np.arange(1 << 16)
    params = MAKE[name](scale, 2)
    assert worst(name, logits, params, scale) <= BOUND[name](params, scale, 2) <= EPSILON


def draw(rng, classes, scale, count):
    """Logits of 16 bits in many shapes: noise of any spread, a few ahead of the rest, all but a few alike, one by one further down."""
    rows = []
    for _ in range(count):
        spread_ = 10 ** rng.uniform(-1, 1.3)
        kind = rng.integers(4)
        if kind == 0:
            row = rng.normal(0, spread_, classes)
        elif kind == 1:
            row = rng.normal(0, 0.05, classes) * spread_
            row[: rng.integers(1, classes)] += rng.uniform(0, 15)
        elif kind == 2:
            row = np.where(np.arange(classes) < rng.integers(1, classes), rng.uniform(0, 14), 0.0)
        else:
            row = -np.arange(classes) * rng.uniform(0, 30 / classes)
        rows.append(rng.permutation(row))
    return np.clip(np.round(np.array(rows) / scale), -(1 << 15), (1 << 15) - 1).astype(np.int64)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(MAKE)), st.sampled_from([2, 3, 10, 17, 100, 365, 1000]), st.floats(-4, 1), st.sampled_from([1e-2, EPSILON]),
       st.integers(0, 2**32))
def test_any_classes_and_scale(name, classes, magnitude, epsilon, seed):
    scale = 10**magnitude
    params = MAKE[name](scale, classes, epsilon=epsilon)
    bound = BOUND[name](params, scale, classes)
    assert bound <= epsilon
    logits = draw(np.random.default_rng(seed), classes, scale, max(20, 4000 // classes))
    assert worst(name, logits, params, scale) <= bound


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("classes", [3, 10, 100])
def test_the_worst_logits_that_a_search_finds(name, classes):
    """Changing a few logits again and again, keeping what takes the decisions further apart."""
    scale, rng = 0.01, np.random.default_rng(classes)
    params = MAKE[name](scale, classes)
    rows = draw(rng, classes, scale, 60)
    apart = np.abs(turns_at(name, rows, params) - real(name, rows, scale))
    start = apart.max()
    for _ in range(150):
        tried = rows + np.where(rng.random(rows.shape) < 2 / classes, rng.integers(-40, 41, rows.shape) * rng.integers(0, 2, rows.shape), 0)
        found = np.abs(turns_at(name, tried, params) - real(name, tried, scale))
        better = found > apart
        rows[better], apart[better] = tried[better], found[better]
    assert start < apart.max() <= BOUND[name](params, scale, classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("scale", [0.0011, 0.05])
def test_epsilon_is_kept_and_a_smaller_one_costs_more(name, classes, scale):
    bits = []
    for epsilon in (1e-2, EPSILON, 3e-4 if name == "softmax" or classes <= 10 else 5e-4):
        params = MAKE[name](scale, classes, epsilon=epsilon)
        assert epsilon / 10 <= BOUND[name](params, scale, classes) <= epsilon
        bits.append(params["frac_bits"] + params["table_bits"])
    assert bits[0] < bits[1] <= bits[2]


@pytest.mark.parametrize(("name", "call", "message"), [
    ("softmax", {"frac_bits": 1000}, "frac_bits must be from 6 to 28, not 1000"),
    ("entropy", {"frac_bits": -1}, "frac_bits must be from 6 to 28, not -1"),
    ("softmax", {"frac_bits": 6}, r"too few bits for epsilon=0.001: softmax of 10 classes comes to \S+ at best with frac_bits=6"),
    ("entropy", {"frac_bits": 10}, r"too few bits for epsilon=0.001: entropy of 10 classes comes to \S+ at best with frac_bits=10"),
    ("softmax", {"epsilon": 1e-7}, r"too few bits for epsilon=1e-07: softmax of 10 classes comes to \S+ at best$"),
    ("entropy", {"epsilon": 1e-6}, r"too few bits for epsilon=1e-06: entropy of 10 classes comes to \S+ at best$"),
    ("entropy", {"classes": 100, "epsilon": 3e-4}, "too few bits for epsilon=0.0003: entropy of 100 classes"),
    ("softmax", {"classes": 1000, "epsilon": 3e-4}, "too few bits for epsilon=0.0003: softmax of 1000 classes"),
    ("softmax", {"scale": 0.0}, "scale must be positive, not 0.0"),
    ("softmax", {"scale": -0.1}, "scale must be positive, not -0.1"),
    ("entropy", {"scale": math.nan}, "scale must be positive, not nan"),
    ("softmax", {"scale": math.inf}, "scale must be positive, not inf"),
    ("softmax", {"scale": 1e-13}, r"scale must be from 2\*\*-40 to 2\*\*16, not 1e-13"),
    ("entropy", {"scale": 1e5}, r"scale must be from 2\*\*-40 to 2\*\*16, not 100000.0"),
    ("softmax", {"classes": 1}, "classes must be 2 to 1000, not 1"),
    ("entropy", {"classes": 1001}, "classes must be 2 to 1000, not 1001"),
    ("softmax", {"epsilon": 0.0}, "epsilon must be positive, not 0.0"),
    ("entropy", {"epsilon": math.nan}, "epsilon must be positive, not nan"),
])
def test_what_cannot_be_had(name, call, message):
    given_ = {"scale": 0.02, "classes": 10, **call}
    with pytest.raises(QuantModelError, match=message):
        MAKE[name](given_.pop("scale"), given_.pop("classes"), **given_)


@pytest.mark.parametrize("name", ["softmax", "entropy"])
def test_one_form_for_every_scale(name):
    found = [MAKE[name](scale, 10, logit_bits=17) for scale in (2.0**-20, 0.003, 0.7, 2.0**10)]
    apart = [{key: value for key, value in item.items() if key != "exponents"} for item in found]
    assert all(item == apart[0] for item in apart)
    limit = (apart[0]["frac_bits"] + 1) << (apart[0]["table_bits"] + apart[0]["guard_bits"])
    for item, scale in zip(found, (2.0**-20, 0.003, 0.7, 2.0**10), strict=True):
        assert [len(table) for table in item["exponents"]] == [2**5, 2**6, 2**6]
        assert max(map(max, item["exponents"])) <= limit
        bound = {"softmax": softmax_bound, "entropy": entropy_bound}[name]
        assert bound(item, scale, 10) <= EPSILON
    assert found[0]["exponents"] != found[1]["exponents"]
    with pytest.raises(QuantModelError, match="logit_bits must be from 1 to 32, not 33"):
        MAKE[name](0.1, 10, logit_bits=33)


def test_a_fraction_of_ones_own_is_taken():
    assert softmax_constants(0.01, 10, frac_bits=18)["frac_bits"] == 18
    assert entropy_constants(0.01, 10, frac_bits=22)["frac_bits"] == 22


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**16])
@pytest.mark.parametrize("classes", [2, 1000])
def test_the_ends_of_the_range(scale, classes):
    """S fits a signed 32-bit register, and no distance of 32-bit logits is without a term."""
    for name in MAKE:
        params = MAKE[name](scale, classes)
        assert BOUND[name](params, scale, classes) <= EPSILON
        assert 1 <= len(params["exponents"]) <= 8
        assert classes << params["frac_bits"] < 1 << 31 or name == "entropy"


def uneven(p):
    """Sum of p abs(ln p + H)."""
    p = np.maximum(p, 1e-300)
    logs = np.log(p)
    return (p * np.abs(logs - (p * logs).sum(-1, keepdims=True))).sum(-1)


@pytest.mark.many(3)
@pytest.mark.parametrize("classes", [2, 3, 5, 10, 30, 100, 1000])
def test_no_distribution_is_more_uneven(classes):
    """Random ones, and climbing from the best of them."""
    rng = np.random.default_rng(classes)
    top = spread(classes)
    p = rng.dirichlet(np.full(classes, 0.3), 300)
    levels = [np.exp(-rng.uniform(0, 12) * (np.arange(classes) >= np.exp(rng.uniform(0, math.log(classes))))) for _ in range(3000)]
    p = np.concatenate([p, np.array(levels) / np.sum(levels, 1, keepdims=True)])
    value = uneven(p)
    best = np.argsort(value)[-20:]
    p, value = p[best], value[best]
    step = 0.5
    for _ in range(1500):
        tried = p * np.exp(step * rng.normal(size=p.shape) * (rng.random(p.shape) < rng.choice([1.0, 0.3, 2 / classes])))
        tried /= tried.sum(1, keepdims=True)
        found = uneven(tried)
        better = found > value
        p[better], value[better] = tried[better], found[better]
        step = max(1e-3, step * (1.02 if better.any() else 0.98))
    assert 0.94 * top <= value.max() <= 1.001 * top


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(("scale", "classes"), [(0.0007, 10), (0.0123, 10), (0.05, 100), (3.0, 2)])
def test_tables_are_what_they_are_defined_as(name, scale, classes):
    params = MAKE[name](scale, classes)
    fraction, bits, guard = (params[key] for key in ("frac_bits", "table_bits", "guard_bits"))
    at = 0
    for table in params["exponents"]:
        width = len(table).bit_length() - 1
        assert len(table) == 1 << width
        assert width <= 6
        for c, entry in enumerate(table):
            exact = c * 2**at * scale / math.log(2) * 2 ** (bits + guard)
            # one that alone makes E vanish need not be larger than that takes
            assert abs(entry - exact) <= 0.5 or (fraction + 1 << bits + guard) <= entry <= exact
        at += width
    assert 2**at * scale / math.log(2) >= fraction + 1, "a distance beyond the tables may still count"
    low = params.get("low_bits", 0)
    slopes = params.get("low", [0])
    lead = len(slopes).bit_length() - 1 - low
    made = [params["table"][f >> low] + slopes[(f >> bits - lead << low) | f % (1 << low)] for f in range(1 << bits)]
    assert made[0] == 2**fraction, "the greatest logit's term must be exact"
    share = max(abs(entry / 2 ** (fraction - f / 2**bits) - 1) for f, entry in enumerate(made))
    assert share < 2.0 ** -(bits - 1), "the tables must not spoil what their resolution gives"


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_table_of_logarithms(classes):
    """g(r) = r (a - log2 r) in the middle of each step, to two and a half units; a + 1 is the offset."""
    params = entropy_constants(0.01, classes)
    bits, low, unit = (params[key] for key in ("log_bits", "log_low_bits", "unit_bits"))
    a = params["offset"] / 2 ** params["threshold_frac"] - 1
    slopes = params["log_low"]
    lead = len(slopes).bit_length() - 1 - low
    assert min(slopes) >= 0
    for index in range(1 << bits):
        r = 1 + (index + 0.5) / (1 << bits)
        made = params["log_table"][index >> low] + slopes[(index >> bits - lead << low) | index % (1 << low)]
        assert abs(made - 2**unit * r * (a - math.log2(r))) < 2.5


@pytest.mark.parametrize("name", MAKE)
def test_the_same_question_has_the_same_answer(name):
    texts = []
    for _ in range(2):
        for cached in (fidelity._exponents, fidelity._tables, fidelity._log_tables, spread):
            cached.cache_clear()
        texts.append(json.dumps(MAKE[name](0.0123, 10), sort_keys=True))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", MAKE)
def test_constants_are_the_callers_own(name):
    first = MAKE[name](0.0123, 10)
    kept = json.dumps(first)
    for table in (*first["exponents"], first["table"], first.get("low", []), first.get("log_table", []), first.get("log_low", [])):
        table[:] = [99] * len(table)
    assert json.dumps(MAKE[name](0.0123, 10)) == kept
