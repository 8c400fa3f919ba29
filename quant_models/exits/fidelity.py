"""Integer constants of the softmax and entropy policies, chosen so that the integer decision is the real one but near the threshold.

Notation: logits z, in units of ``scale`` s; distance d = z_max - z; x = s d / ln 2, so that exp(-s d) = 2**-x = e; C classes. The hardware
takes x in steps of 2**-B and e in units of 2**-F, both rounded down::

    x = (sum over j of exponents[j](c_j)) >> G              c_j: up to six bits of d, from bit p_j on; E = 0 for a d beyond them all
                                                            exponents[j](c) = c 2**p_j s / ln 2 2**(B + G), rounded
    E = entry(x mod 2**B) >> n, n = x >> B                  0 when n > F; entry(f) = 2**F 2**-(f / 2**B), about
    S = sum of E

A multiplication by a constant, made of tables of six bits (Chapman, "Constant coefficient multipliers for the XC4000E", Xilinx XAPP
054, 1996).
``entry`` is the sum of two small tables, a bipartite table (Das Sarma and Matula, "Faithful bipartite ROM reciprocal tables", ARITH 1995):
one by all but the lowest L bits of f, one of slopes by the highest K and the lowest L bits. It is right to a share q of itself.

**Errors of a term.** J tables are off by half a unit of 2**-(B + G) each, so with w = J 2**-(B + G + 1) the exponent is off by -w to
2**-B + w (towards a smaller one). The term is then E 2**-F = e 2**y (1 + q') - u 2**-F with y from -w to 2**-B + w, q' from -q to q, and
u from 0 to 1, what the shift drops. The greatest logit's own term is exact.

**Softmax** leaves when S <= floor(2**F / tau), and, S being an integer, that is 2**F / S >= tau exactly. With R the sum of e, the real
probability is 1 / R. So the decisions differ only for a tau between 1 / R and 2**F / S, and then the real probability is within
abs(1 / R - 2**F / S) of tau. Summing the terms::

    S 2**-F - R <= (R - 1) (2**(2**-B + w) (1 + q) - 1)
    R - S 2**-F <= (R - 1) (ln 2 w + q) + (C - 1) 2**-F                          and S 2**-F >= 1

:func:`softmax_bound` is the greatest difference of probabilities these allow, over R from 1 to C.

**Entropy** leaves when H <= h. In bits, H = log2 R + W / R with W = sum of x e, so H <= h exactly when sum of e (x - h) + R log2 R <= 0:
one product a term, none a sample. With R = 2**k r, r from 1 to 2, and any constant a, R log2 R = R (k + a) - 2**k g(r) with g(r) = r (a
- log2 r). The hardware adds up V = sum of E (x 2**(Q - B) - t) with the threshold t = h 2**Q / ln 2 - (a + 1) 2**Q, rounded, and looks
up g by the highest bits of r behind the leading one; a is chosen such that g is flat. In units of 2**-U (the last bits of V and S are
dropped)::

    leaves when (V >> (F + Q - U)) + (S >> (F - U)) (k - 1) <= g << k

As the same rounded x stands in E and in the product, rounding x is nothing but a change of each logit, and a change of all of them alike is
none: what counts is +-(2**-(B + 1) + w). With dH / dz_i = -p_i (ln p_i + H), :func:`entropy_bound` adds up, in nats:

    ln 2 (2**-(B + 1) + w) A                A = greatest sum of p_i abs(ln p_i + H): rounding x
    (C - 1) (1 + (F + 1) ln 2) 2**-F        what the shift drops; in a term of size 2**-x it counts 1 + x ln 2 times
    q (1 + A)                               the tables
    ln 2 (greatest error of g / r, found by trying every entry)
    ln 2 (abs(k - 1) + 1) 2**-(U + k), greatest at k = 0: dropped bits
    ln 2 2**-(Q + 1): rounding t

A is the greatest over distributions of some equal large and some equal small probabilities (:func:`spread`), as the variance of ln p is
(Reeb and Wolf, "Tight bound on relative entropy by entropy difference", IEEE Trans. Inf. Theory 2015); for A this was found by search,
and the tests search again. Second-order terms are covered by a margin of 2 percent.
"""

import copy
import itertools
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["EPSILON", "entropy_bound", "entropy_constants", "softmax_bound", "softmax_constants", "spread"]

EPSILON = 1e-3
"""How near to the threshold the real score may be when the integer decision differs, unless asked otherwise."""

MARGIN = 1.02
FRACTION_BITS = range(6, 29)
TABLES = (
    (3, 0, 0), (4, 0, 0), (5, 0, 0), (6, 0, 0), (3, 3, 1), (3, 3, 2), (3, 3, 3), (3, 4, 2), (3, 4, 3), (4, 3, 3), (4, 4, 3),
    (5, 4, 3),
)
"""Ways to split the B bits of f: K that both tables see, those that only the first sees, and L that only the second sees."""
GUARD_BITS = range(1, 7)
UNIT_BITS = range(13, 18)
LOG_TABLES = ((4, 3, 2), (5, 2, 2), (4, 3, 3), (5, 2, 3), (5, 3, 3), (6, 3, 3))
"""As ``TABLES``, for the table of g."""
LOG_OFFSET = 11371 / 2**12 - 1
"""a: a + 1 is 11371 / 2**12, so that a - log2 r - 1 / ln 2, the slope of g, is as steep at r = 1 as at r = 2 where an error counts half."""
CHUNK = 6
"""Bits of d that one exponent table takes."""
DISTANCE_BITS = 33
"""Bits of the widest distance: logits have 32."""
SUM_BITS = 31
"""A threshold on S is a positive number in a signed 32-bit register."""
PRODUCT_BITS = 12
"""Q: with the 5 or fewer bits of n and a sign, x - t then has the 18 bits that one DSP slice multiplies."""


@lru_cache(maxsize=1024)
def _exponents(scale: float, frac_bits: int, table_bits: int, guard_bits: int, logit_bits: int | None) -> dict[str, Any]:
    """The exponent tables, up to the first distance whose E is 0 in any case; the topmost one stops there. With ``logit_bits`` they
    are for all distances of so many bits: as many of the same sizes, whatever the scale."""
    unit = scale / math.log(2) * 2.0 ** (table_bits + guard_bits)
    beyond = _beyond(frac_bits, table_bits, guard_bits)
    near = 1 if logit_bits is None else logit_bits
    while logit_bits is None and near < DISTANCE_BITS and unit * 2.0**near < beyond:
        near += 1
    tables = []
    # the lowest table is the small one: it has the fewest output bits
    sizes = [size for size in [near % CHUNK] if size] + [CHUNK] * (near // CHUNK)
    at = 0
    for size in sizes:
        tables.append([min(round(c * 2.0**at * unit), beyond) for c in range(1 << size)])
        at += size
    return {"exponents": tables, "guard_bits": guard_bits}


def _beyond(frac_bits: int, table_bits: int, guard_bits: int) -> int:
    """The exponent from which on E is 0: no entry of a table is greater."""
    return (frac_bits + 1) << (table_bits + guard_bits)


@lru_cache(maxsize=1024)
def _tables(frac_bits: int, split: tuple[int, int, int]) -> tuple[dict[str, Any], float]:
    """The two tables of ``entry``, and the greatest error of their sum as a share of it."""
    lead, _, low = split
    table_bits = sum(split)
    exact = 2.0**frac_bits * 2.0 ** (-np.arange(1 << table_bits) / (1 << table_bits))
    if low == 0:
        table = np.round(exact).astype(np.int64)
        return {"table_bits": table_bits, "table": table.tolist()}, float(np.abs(table / exact - 1).max())
    cells = exact.reshape(1 << lead, -1, 1 << low)
    drops = cells - cells[:, :, -1:]
    slopes = np.round((drops.max(axis=1) + drops.min(axis=1)) / 2).astype(np.int64)
    rest = cells - slopes[:, None, :]
    base = np.round((rest.max(axis=2) + rest.min(axis=2)) / 2).astype(np.int64)
    # The greatest logit's term must be exact.
    base[0, 0] = (1 << frac_bits) - slopes[0, 0]
    made = (base[:, :, None] + slopes[:, None, :]).ravel()
    constants = {"table_bits": table_bits, "low_bits": low, "table": base.ravel().tolist(), "low": slopes.ravel().tolist()}
    return constants, float(np.abs(made / exact - 1).max())


def _exponential(params: Mapping[str, Any]) -> tuple[float, float]:
    """w and q of given constants."""
    bits, low = params["table_bits"], params.get("low_bits", 0)
    f = np.arange(1 << bits)
    made = np.asarray(params["table"], np.int64)[f >> low]
    if low:
        slopes = np.asarray(params["low"], np.int64)
        lead = len(slopes).bit_length() - 1 - low
        made = made + slopes[(f >> (bits - lead) << low) | (f & ((1 << low) - 1))]
    exact = 2.0 ** params["frac_bits"] * 2.0 ** (-f / (1 << bits))
    return _wander(len(params["exponents"]), bits, params["guard_bits"]), float(np.abs(made / exact - 1).max())


def _wander(tables: int, table_bits: int, guard_bits: int) -> float:
    """w: how far the sum of so many rounded exponents can be off."""
    return tables * 2.0 ** -(table_bits + guard_bits + 1)


def softmax_bound(params: Mapping[str, Any], scale: float, classes: int) -> float:
    """The epsilon of softmax constants: decisions differ only where the real probability is nearer to the threshold than this."""
    wander, share = _exponential(params)
    return _softmax_bound(params["frac_bits"], params["table_bits"], wander, share, classes)


@lru_cache(maxsize=64)
def _others(frac_bits: int, classes: int) -> Any:
    """R - 1, all the way."""
    return np.concatenate([np.geomspace(2.0 ** -(frac_bits + 4), classes - 1, 4000), [classes - 1]])


@lru_cache(maxsize=4096)
def _softmax_bound(frac_bits: int, table_bits: int, wander: float, share: float, classes: int) -> float:
    others = _others(frac_bits, classes)
    total = 1 + others
    above = others * (2.0 ** (2.0**-table_bits + wander) * (1 + share) - 1)
    below = others * (math.log(2) * wander + share) + (classes - 1) * 2.0**-frac_bits
    low = 1 / total - 1 / (total + above)
    high = 1 / np.maximum(1.0, total - below) - 1 / total
    return MARGIN * float(max(low.max(), high.max()))


@lru_cache(maxsize=64)
def spread(classes: int) -> float:
    """A: the greatest sum of p abs(ln p + H) of any distribution over ``classes``."""
    share = np.linspace(0.0005, 0.9995, 2000)
    deviation = 0.0
    for large in range(1, classes):
        big, small = share / large, (1 - share) / (classes - large)
        entropy = -share * np.log(big) - (1 - share) * np.log(small)
        deviation = max(deviation, float((share * np.abs(np.log(big) + entropy) + (1 - share) * np.abs(np.log(small) + entropy)).max()))
    return deviation


def _log_curve(r: Any) -> Any:
    return r * (LOG_OFFSET - np.log2(r))


@lru_cache(maxsize=64)
def _log_tables(unit_bits: int, split: tuple[int, int, int]) -> tuple[dict[str, Any], float]:
    """The two tables of g in units of 2**-unit_bits, and the greatest error of g / r, in bits."""
    lead, _, low = split
    log_bits = sum(split)
    middle = 2.0**unit_bits * _log_curve(1 + (np.arange(1 << log_bits) + 0.5) / (1 << log_bits))
    cells = middle.reshape(1 << lead, -1, 1 << low)
    drops = cells - cells[:, :, -1:]
    # slopes of either sign: offsets from each cell's least make them all positive
    slopes = (drops.max(axis=1) + drops.min(axis=1)) / 2
    slopes = np.round(slopes - slopes.min(axis=1, keepdims=True)).astype(np.int64)
    rest = cells - slopes[:, None, :]
    base = np.round((rest.max(axis=2) + rest.min(axis=2)) / 2).astype(np.int64)
    constants: dict[str, Any] = {
        "unit_bits": unit_bits, "log_bits": log_bits, "log_low_bits": low, "log_table": base.ravel().tolist(),
        "log_low": slopes.ravel().tolist(),
    }
    return constants, _log_error(constants)


def _log_error(params: Mapping[str, Any]) -> float:
    """The greatest error of g / r, in bits, of given constants."""
    bits, low = params["log_bits"], params["log_low_bits"]
    index = np.arange(1 << bits)
    slopes = np.asarray(params["log_low"], np.int64)
    lead = len(slopes).bit_length() - 1 - low
    made = np.asarray(params["log_table"], np.int64)[index >> low] + slopes[(index >> (bits - lead) << low) | (index & ((1 << low) - 1))]
    r = 1 + (index[:, None] + np.linspace(0, 1, 9)[None, :]) / (1 << bits)
    return float((np.abs(made[:, None] / 2.0 ** params["unit_bits"] - _log_curve(r)) / r).max())


def entropy_bound(params: Mapping[str, Any], scale: float, classes: int) -> float:
    """The epsilon of entropy constants, in nats."""
    wander, share = _exponential(params)
    return _entropy_bound(params["frac_bits"], params["table_bits"], wander, share, classes, _log_error(params), params["unit_bits"],
                          params["threshold_frac"])


def _entropy_bound(frac_bits: int, table_bits: int, wander: float, share: float, classes: int, log_error: float, unit_bits: int,
                   threshold_frac: int) -> float:
    deviation = spread(classes)
    nats = math.log(2)
    terms = (
        nats * (2.0 ** -(table_bits + 1) + wander) * deviation,
        (classes - 1) * (1 + (frac_bits + 1) * nats) * 2.0**-frac_bits,
        share * (1 + deviation),
        nats * log_error,
        nats * 2 * 2.0**-min(unit_bits, frac_bits),
        nats * 2.0 ** -(threshold_frac + 1),
    )
    return MARGIN * sum(terms)


def _check(scale: float, classes: int, epsilon: float, logit_bits: int | None, frac_bits: int | None) -> None:
    if not (math.isfinite(scale) and scale > 0):
        raise QuantModelError(f"scale must be positive, not {scale}")
    if not 2.0**-40 <= scale <= 2.0**16:
        raise QuantModelError(f"scale must be from 2**-40 to 2**16, not {scale}")
    if not 2 <= classes <= 1000:
        raise QuantModelError(f"classes must be 2 to 1000, not {classes}")
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise QuantModelError(f"epsilon must be positive, not {epsilon}")
    if logit_bits is not None and not 1 <= logit_bits <= 32:
        raise QuantModelError(f"logit_bits must be from 1 to 32, not {logit_bits}")
    if frac_bits is not None and frac_bits not in FRACTION_BITS:
        raise QuantModelError(f"frac_bits must be from {FRACTION_BITS[0]} to {FRACTION_BITS[-1]}, not {frac_bits}")


def _refuse(policy: str, least: float, epsilon: float, classes: int, frac_bits: int | None) -> QuantModelError:
    given = f" with frac_bits={frac_bits}" if frac_bits is not None else ""
    return QuantModelError(f"too few bits for epsilon={epsilon:g}: {policy} of {classes} classes comes to {least:.2g} at best{given}")


def softmax_constants(
    scale: float, classes: int, *, epsilon: float = EPSILON, frac_bits: int | None = None, logit_bits: int | None = None
) -> dict[str, Any]:
    """The cheapest constants whose :func:`softmax_bound` is at most ``epsilon`` (in probability), for logits of unit ``scale``.

    ``frac_bits`` asks for an F of one's own. With ``logit_bits`` (1 to 32) all but the exponents' values follow from that width,
    ``classes`` and ``epsilon`` alone, so that the hardware is the same for every scale; a few LUTs more than for one of them. Raises
    :class:`QuantModelError` when ``scale``, ``classes`` or ``frac_bits`` is out of range, or when there are too few bits for
    ``epsilon``: F is limited by S having to fit a 32-bit register.
    """
    _check(scale, classes, epsilon, logit_bits, frac_bits)
    best: tuple[float, dict[str, Any]] | None = None
    least = math.inf
    for fraction in (f for f in FRACTION_BITS if frac_bits in (None, f) and classes << f < 1 << SUM_BITS):
        for split in TABLES:
            bits = sum(split)
            tables, share = _tables(fraction, split)
            for guard in GUARD_BITS:
                exponents = _exponents(scale, fraction, bits, guard, logit_bits)
                cost = _cost(fraction, split, exponents, logit_bits)
                if best is not None and cost >= best[0]:
                    continue
                bound = _softmax_bound(fraction, bits, _wander(len(exponents["exponents"]), bits, guard), share, classes)
                least = min(least, bound)
                if bound <= epsilon:
                    best = cost, {"frac_bits": fraction, **exponents, **tables}
    if best is None:
        raise _refuse("softmax", least, epsilon, classes, frac_bits)
    # what was remembered must not change with what the caller makes of it
    return copy.deepcopy(best[1])


def entropy_constants(
    scale: float, classes: int, *, epsilon: float = EPSILON, frac_bits: int | None = None, logit_bits: int | None = None
) -> dict[str, Any]:
    """The cheapest constants whose :func:`entropy_bound` is at most ``epsilon`` (in nats), for logits of unit ``scale``.

    As :func:`softmax_constants` otherwise.
    """
    _check(scale, classes, epsilon, logit_bits, frac_bits)
    best: tuple[float, dict[str, Any]] | None = None
    least = math.inf
    for fraction in (f for f in FRACTION_BITS if frac_bits in (None, f)):
        for split in TABLES:
            bits = sum(split)
            tables, share = _tables(fraction, split)
            frac = max(bits, PRODUCT_BITS)
            for guard in GUARD_BITS:
                exponents = _exponents(scale, fraction, bits, guard, logit_bits)
                wander = _wander(len(exponents["exponents"]), bits, guard)
                fixed = _entropy_bound(fraction, bits, wander, share, classes, 0.0, 60, frac)
                least = min(least, fixed)
                if fixed > epsilon:
                    continue
                without_logs = _cost(fraction, split, exponents, logit_bits)
                for log_split, unit in itertools.product(LOG_TABLES, UNIT_BITS):
                    if unit > fraction:
                        continue
                    cost = without_logs + 6 * unit
                    cost += 16 * 2 ** max(0, log_split[0] + log_split[1] - 6) + 6 * 2 ** max(0, log_split[0] + log_split[2] - 6)
                    if best is not None and cost >= best[0]:
                        continue
                    logs, log_error = _log_tables(unit, log_split)
                    bound = _entropy_bound(fraction, bits, wander, share, classes, log_error, unit, frac)
                    least = min(least, bound)
                    if bound <= epsilon:
                        best = cost, {
                            "frac_bits": fraction, **exponents, **tables, "threshold_frac": frac,
                            "offset": round((LOG_OFFSET + 1) * 2**frac), **logs,
                        }
    if best is None:
        raise _refuse("entropy", least, epsilon, classes, frac_bits)
    # what was remembered must not change with what the caller makes of it
    return copy.deepcopy(best[1])


def _cost(frac_bits: int, split: tuple[int, int, int], exponents: Mapping[str, Any], logit_bits: int | None) -> float:
    """About how many LUTs a lane takes."""
    lead, middle, low = split
    table = frac_bits * 2 ** max(0, lead + middle - 6)
    if low:
        table += frac_bits + (frac_bits - lead - middle) * 2 ** max(0, lead + low - 6)
    limit = None if logit_bits is None else _beyond(frac_bits, sum(split), exponents["guard_bits"])
    widths = [(max(entries) if limit is None else limit).bit_length() for entries in exponents["exponents"]]
    return float(table + 4 * frac_bits + sum(widths) + sum(sorted(widths)[1:]))
