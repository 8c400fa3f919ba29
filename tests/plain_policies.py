"""Every policy in Python's integers, one sample at a time, written from the docstrings of quant_models.exits.fidelity and hw.exits.scores:
what the gateware and the golden models are compared with. And constants to run them with, good ones and merely legal ones.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """``confidence`` is not saturated yet; ``run`` is what patience tells the next exit."""

    label: int
    leaves: bool
    confidence: int
    run: int = 0


def exponential(d: int, p: Params) -> tuple[int, int]:
    """E and x of a distance."""
    x, at = 0, 0
    for table in p["exponents"]:
        x += table[(d >> at) % len(table)]
        at += len(table).bit_length() - 1
    x >>= p["guard_bits"]
    return (0 if d >> at else _entry(x % 2 ** p["table_bits"], p) >> (x >> p["table_bits"])), x


def _entry(f: int, p: Params) -> int:
    return _pair(f, p["table_bits"], p.get("low_bits", 0), p["table"], p.get("low", [0]))


def _pair(index: int, bits: int, low_bits: int, table: Sequence[int], slopes: Sequence[int]) -> int:
    """The sum of a table by all but the lowest bits and one of slopes by the highest and the lowest."""
    segments = len(slopes) >> low_bits
    return table[index >> low_bits] + slopes[(index * segments >> bits << low_bits) + index % (1 << low_bits)]


def exponential_sum(row: Sequence[int], p: Params) -> int:
    """S."""
    return sum(exponential(max(row) - z, p)[0] for z in row)


def entropy_leaves(terms: Sequence[tuple[int, int]], threshold: int, p: Params) -> bool:
    """Whether a sample with these E and x leaves."""
    fine, fraction, unit = p["threshold_frac"], p["frac_bits"], p["unit_bits"]
    total = sum(e for e, _ in terms)
    value = sum(e * (x * 2 ** (fine - p["table_bits"]) - threshold) for e, x in terms)
    k = (total >> fraction).bit_length() - 1
    index = (total - (1 << fraction + k)) * 2 ** p["log_bits"] >> fraction + k
    g = _pair(index, p["log_bits"], p["log_low_bits"], p["log_table"], p["log_low"])
    return (value >> fraction + fine - unit) + (total >> fraction - unit) * (k - 1) <= g << k


def entropy_pivot(row: Sequence[int], p: Params) -> int:
    """The least threshold at which a sample leaves, by halving."""
    terms = [exponential(max(row) - z, p) for z in row]
    low, high = -(1 << 40), 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if entropy_leaves(terms, middle, p) else (middle, high)
    return high


def next_run(label: int, token: tuple[int, int] | None, p: Params) -> int:
    """How many exits in a row found ``label``, given the label and the run of the token that came, if any did."""
    if token is None or token[0] != label or token[1] == 0:
        return 1
    return min(token[1] + 1, 2 ** p["run_bits"] - 1)


def pivot(policy: str, row: Sequence[int], p: Params, *, gate: int = 0, token: tuple[int, int] | None = None) -> int:
    """The threshold that just lets the sample leave: the greatest, or with softmax and entropy the least."""
    if policy == "class_threshold":
        return pivot(p["score"], row, p.get("score_params", {}), gate=gate, token=token)
    if policy == "entropy":
        return entropy_pivot(row, p)
    return _score(policy, row, p, gate, token)


def _score(policy: str, row: Sequence[int], p: Params, gate: int, token: tuple[int, int] | None) -> int:
    if policy in ("softmax", "entropy"):
        return exponential_sum(row, p)
    if policy == "margin":
        best, second = sorted(row)[:-3:-1]
        return best - second
    if policy == "patience":
        return next_run(row.index(max(row)), token, p)
    return {"max_logit": max(row), "always": max(row), "never": 0, "gate": gate}[policy]


def decide(policy: str, row: Sequence[int], threshold: int, p: Params, *, gate: int = 0, token: tuple[int, int] | None = None) -> Verdict:
    """What the policy makes of final logits ``row``; ``token`` is (label, run) from the exit before."""
    label = list(row).index(max(row))
    if policy == "class_threshold":
        return decide(p["score"], row, p["thresholds"][label], p.get("score_params", {}), gate=gate, token=token)
    score = _score(policy, row, p, gate, token)
    if policy == "entropy":
        leaves = entropy_leaves([exponential(max(row) - z, p) for z in row], threshold, p)
    elif policy == "softmax":
        leaves = score <= threshold
    else:
        leaves = policy == "always" or (policy != "never" and score >= threshold)
    confidence = score >> p.get("conf_shift", 0) if policy in ("softmax", "entropy") else score
    return Verdict(0 if policy == "never" else label, leaves, confidence, score if policy == "patience" else 0)


def saturated(value: int, bits: int) -> int:
    """A signed field's bits."""
    return min(max(value, -(1 << bits - 1)), (1 << bits - 1) - 1) % (1 << bits)


def exponential_params(scale: float, *, frac_bits: int = 16, split: tuple[int, int, int] = (6, 0, 0), guard_bits: int = 2,
                       widths: Sequence[int] = (6, 6), **more: int) -> dict[str, Any]:
    """Constants of softmax for a logit scale; ``split`` is how many bits of f both tables see, only the first, and only the second."""
    lead, _, low = split
    bits = sum(split)
    unit = scale / math.log(2) * 2 ** (bits + guard_bits)
    beyond = (frac_bits + 1) << bits + guard_bits  # E is 0 from there on
    exponents = [[min(round(c * 2**sum(widths[:j]) * unit), beyond) for c in range(1 << width)] for j, width in enumerate(widths)]
    made = {"frac_bits": frac_bits, "exponents": exponents, "guard_bits": guard_bits, "table_bits": bits, **more}

    def exact(f: int) -> float:
        return 2 ** (frac_bits - f / 2**bits)

    end = (1 << low) - 1
    slopes = [round(exact(k << bits - lead | at) - exact(k << bits - lead | end)) for k in range(1 << lead) for at in range(1 << low)]
    table = [round(exact(at << low | end)) for at in range(1 << bits - low)]
    table[0] = (1 << frac_bits) - slopes[0]
    return {**made, "table": table, **({"low_bits": low, "low": slopes} if low else {})}


def entropy_params(scale: float, *, unit_bits: int = 12, threshold_frac: int = 12, log_split: tuple[int, int, int] = (4, 2, 2),
                   **exponential: Any) -> dict[str, Any]:
    """Constants of entropy for a logit scale."""
    a = 1.776
    lead, _, low = log_split
    bits = sum(log_split)

    def g(index: float) -> float:
        r = 1 + index / 2**bits
        return 2.0**unit_bits * r * (a - math.log2(r))

    heads = [k << bits - lead for k in range(1 << lead)]
    rises = [[g(head + at) - g(head) for at in range(1 << low)] for head in heads]
    table = [g(at << low) + min(rises[at << low >> bits - lead]) for at in range(1 << bits - low)]
    return {
        **exponential_params(scale, **exponential), "threshold_frac": threshold_frac, "offset": round((a + 1) * 2**threshold_frac),
        "unit_bits": unit_bits, "log_bits": bits, "log_low_bits": low, "log_table": [round(value) for value in table],
        "log_low": [round(rise - min(row)) for row in rises for rise in row],
    }


def random_exponential_params(rng: random.Random, frac_bits: int) -> dict[str, Any]:
    """Constants that mean nothing and are allowed all the same."""
    bits = rng.randint(0, 6)
    low = rng.randint(0, bits)
    lead = rng.randint(0, bits - low) if low else 0
    most = rng.randint(1, 1 << frac_bits)
    slopes = {"low_bits": low, "low": [rng.randint(0, (1 << frac_bits) - most) for _ in range(1 << lead + low)]} if low else {}
    guard = rng.randint(0, 8)
    return {
        "frac_bits": frac_bits, "guard_bits": guard, "table_bits": bits, **slopes,
        "exponents": [[0, *(rng.randint(0, frac_bits + 3 << bits + guard) for _ in range((1 << rng.randint(1, 6)) - 1))]
                      for _ in range(rng.randint(1, 5))],
        "table": [rng.randint(0, most) for _ in range(1 << bits - low)],
    }
