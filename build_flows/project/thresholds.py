"""What thresholds in the configuration must not be, and policies that could never tell samples apart."""

import math
from collections.abc import Iterator
from typing import Any

from build_flows.project.config import Config
from build_flows.project.sections import numbers

__all__ = ["impossible_thresholds"]

RANGES: dict[str, tuple[float, float, str]] = {
    "softmax": (1e-300, 1.0, "above 0 to 1"), "entropy": (0.0, math.inf, "from 0"), "margin": (0.0, math.inf, "from 0"),
}
"""Thresholds that policies can have whatever the network."""


def impossible_thresholds(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of every fixed threshold that cannot be, and of every exit with policy patience that no other
    agrees with."""
    runs = _runs([item.policy for item in config.exits])
    early = {k: item for k, item in enumerate(config.exits[:-1]) if item.policy != "never"}
    set_here = [k for k, item in early.items() if item.threshold is not None]
    for k, item in enumerate(config.exits):
        key, value = f"exits[{k}].threshold", item.threshold
        if value is not None and k not in early:
            yield key, value, f"policy {item.policy} compares nothing; allowed: unset"
            continue
        if item.policy == "patience" and runs[k] == (1, 1):
            yield (
                f"exits[{k}].policy", "patience",
                "it counts how many exits in a row, all of policy patience, find the same class, and there is none beside this one: every "
                "sample would leave here, or none; allowed: patience in the exit before or after it too, or another policy",
            )
        if value is None or k not in early:
            continue
        if item.policy == "patience" and value not in range(1, runs[k][0] + 1):
            yield key, value, f"at most {runs[k][0]} exits in a row can agree here; allowed: {numbers(range(1, runs[k][0] + 1))}"
        scored = (item.score or "softmax") if item.policy == "class_threshold" else item.policy
        least, most, words = RANGES.get(scored, (-math.inf, math.inf, ""))
        if not least <= value <= most:
            yield key, value, f"no threshold of {scored}; allowed: a number {words}"
    if set_here and len(set_here) < len(early):
        missing = next(k for k in early if k not in set_here)
        yield f"exits[{missing}].threshold", None, f"exits[{set_here[0]}] has one; allowed: a threshold in every early exit, or in none"


def _runs(policies: list[str]) -> list[tuple[int, int]]:
    """By exit, how many exits with policy patience come in a row up to it, and how many in all in that row; (0, 0) for another policy."""
    found = [(0, 0)] * len(policies)
    start = 0
    while start < len(policies):
        stop = start
        while stop < len(policies) and policies[stop] == "patience":
            stop += 1
        for k in range(start, stop):
            found[k] = (k - start + 1, stop - start)
        start = max(stop, start + 1)
    return found
