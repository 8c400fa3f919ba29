"""The one list of cases for an exit-decision unit.

The golden model, Amaranth's simulator, the Verilated units of a sweep and a cocotb bench all play it. It follows from plain arguments
and a seed: corner cases, samples on either side of the unit's decision, thresholds that a score meets exactly or misses by one, disabled
and forced decisions, and samples as networks give them.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sim.golden.policies import Side
from sim.units.unit import MODES, Flags, Integers, Samples, Unit, score

__all__ = ["draw", "draw_body"]

CHUNK = 1 << 20
"""Logits that are drawn at once."""
EDGES = 200_000
"""Logits, at most, of the samples whose thresholds are searched for."""
NEAR = 60
"""Samples, at most, that are pushed to the edge of the unit's decision; each comes thrice."""


def draw_body(classes: int, bits: int, count: int, seed: int, scale: float) -> npt.NDArray[np.int32]:
    """Logits int32 ``[count, classes]``: small and large, spread as a network's of unit ``scale``, with ties, extremes and all equal."""
    rng = np.random.default_rng([seed, classes, bits])
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    body = np.empty((count, classes), np.int32)
    size = max(1, CHUNK // classes)
    for start in range(0, count, size):
        part = body[start : start + size]
        rows = len(part)
        # In real units: noise of 0.05 to 8, one class ahead by up to 20.
        logits = rng.standard_normal((rows, classes), np.float32) * np.exp(rng.uniform(np.log(0.05), np.log(8), (rows, 1)))
        logits[np.arange(rows), rng.integers(0, classes, rows)] += np.exp(rng.uniform(np.log(0.05), np.log(20), rows))
        values = np.clip(np.rint(logits / scale), low, high).astype(np.int32)
        kind = rng.integers(0, 100, rows)
        few = kind < 12
        values[few] = rng.integers(max(low, -3), min(high, 3), (int(few.sum()), classes), np.int32, endpoint=True)
        wide = (kind >= 12) & (kind < 20)
        values[wide] = rng.integers(low, high, (int(wide.sum()), classes), np.int32, endpoint=True)
        edge = (kind >= 20) & (kind < 25)
        values[edge] = np.where(rng.random((int(edge.sum()), classes)) < 0.5, low, high)
        flat = (kind >= 25) & (kind < 28)
        values[flat] = rng.integers(low, high, (int(flat.sum()), 1), np.int32, endpoint=True)
        for first, goal in ((28, rng.integers(0, classes, rows)), (36, np.full(rows, classes - 1)), (40, np.zeros(rows, np.int64))):
            # a tie with any class; the last or the first class takes the greatest logit, and the winner takes its
            chosen = np.flatnonzero((kind >= first) & (kind < first + (8 if first == 28 else 4)))
            best = values[chosen].argmax(axis=1)
            peak = values[chosen, best]
            if first != 28:
                values[chosen, best] = values[chosen, goal[chosen]]
            values[chosen, goal[chosen]] = peak
        part[:] = values
    return body


def corners(classes: int, bits: int) -> Integers:
    """Logits that are likely to go wrong, whatever the policy."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    top, ramp = min(5, high), [low + 3 * k % max(1, high - low) for k in range(classes)]
    rows = [
        [low] * (classes - 1) + [high], [high] + [low] * (classes - 1), [0] * classes, [low] * classes, [high] * classes,
        [top, top] + [top - 1] * (classes - 2), [top - 1] * (classes - 2) + [top, top], [-1] * (classes - 1) + [0],
        [0] + [-1] * (classes - 1), ramp, ramp[::-1], [high - 1] * (classes - 1) + [high], [low + 1] + [low] * (classes - 1),
    ]
    return np.clip(np.array(rows, np.int64), low, high)


def _flip(low: Integers, high: Integers, holds: Callable[[Integers], Flags]) -> Integers:
    """The greatest value of ``low`` to ``high`` at which ``holds``, which is true up to some value and false beyond; ``low`` if nowhere."""
    low, high = low.copy(), high.copy()
    while (low < high).any():
        middle = (low + high + 1) >> 1
        good = holds(middle)
        low, high = np.where(good, middle, low), np.where(good, high, middle - 1)
    return low


def edges(unit: Unit, logits: Integers, side: Side) -> tuple[Integers, int]:
    """For each sample the strictest threshold at which it leaves (int64 ``[n]``), and the step (1 or -1) to a stricter one.

    It is the score itself, as the hardware compares it, in whatever units."""
    least, most = unit.limits
    bottom, top = np.full(len(logits), least), np.full(len(logits), most)
    # The least sure of all samples leaves at the lowest threshold only where a higher one is stricter.
    flat = np.full((1, unit.classes), -(1 << (unit.bits - 1)))
    if score(unit, flat, least, Side(gate=np.array([least]))).leaves[0]:
        return _flip(bottom, top, lambda at: score(unit, logits, at, side).leaves), 1
    return -_flip(-top, -bottom, lambda at: score(unit, logits, -at, side).leaves), -1


def near(unit: Unit, rng: np.random.Generator, count: int) -> Integers:
    """``count`` samples, three for each way to where the decision changes: the last logits before, at and after that."""
    low, high = -(1 << (unit.bits - 1)), (1 << (unit.bits - 1)) - 1
    rows = draw_body(unit.classes, unit.bits, max(1, count // 3), int(rng.integers(1 << 30)), unit.scale).astype(np.int64)
    best = rows.argmax(axis=1)
    each = np.arange(len(rows))

    def at(value: Integers) -> Integers:
        moved = rows.copy()
        moved[each, best] = value
        return moved

    threshold = int(unit.params["thresholds"][0]) if unit.policy == "class_threshold" else unit.threshold
    others = at(np.full(len(rows), low)).max(axis=1)
    # The winner's lead decides: a small one stays, a large one leaves.
    turn = _flip(others, np.full(len(rows), high), lambda value: ~score(unit, at(value), threshold, Side()).leaves)
    return np.concatenate([at(np.clip(turn + step, low, high)) for step in (0, 1, 2)])


def draw(unit: Unit, count: int, seed: int, body: npt.NDArray[np.int32] | None = None) -> Samples:
    """``count`` samples for ``unit``; ``body`` is what :func:`draw_body` gives for at least as many samples, if it is there already."""
    rng = np.random.default_rng([seed, unit.classes, unit.bits, sum(unit.policy.encode())])
    body = draw_body(unit.classes, unit.bits, count, seed, unit.scale) if body is None else body
    compares = unit.limits[0] < unit.limits[1]
    rows = [np.repeat(corners(unit.classes, unit.bits), 3 if compares else 1, axis=0)]
    if compares and unit.side is None and not unit.gives_tokens:
        rows.append(near(unit, rng, min(3 * NEAR, max(3, count // 4), max(3, EDGES // unit.classes))))
    head = np.concatenate(rows)[:count].astype(np.int32)
    samples = Samples(head=head, body=body[: count - len(head)], rules=np.tile(np.array([unit.threshold, 1, 0], np.int64), (count, 1)),
                      exact=np.zeros(count, np.bool_))
    own = np.concatenate([np.arange(len(rows[0])), np.arange(len(head) + 3, count, 16)])
    own = own[own < count][: max(1, EDGES // unit.classes)]
    _draw_side(unit, samples, rng)
    if compares:
        _meet(unit, samples, own)
    # Every sixteenth sample or so is not the policy's to decide.
    forced = np.arange(len(head) + 11, count, 16)
    samples.rules[forced, 1] = rng.integers(0, 2, len(forced))
    samples.rules[forced, 2] = rng.choice(list(MODES.values()), len(forced))
    if count >= 12:
        samples.rules[[6, 9], 1:] = [[1, MODES["always"]], [1, MODES["never"]]]
    return samples


def _draw_side(unit: Unit, samples: Samples, rng: np.random.Generator) -> None:
    """The gate's logits: mostly near the threshold; or the tokens: mostly with the label that this exit finds."""
    count = len(samples)
    if unit.side == "gate":
        least, most = unit.limits
        wide = rng.integers(least, most, count)
        close = np.clip(unit.threshold + rng.integers(-3, 3, count, endpoint=True), least, most - 1)
        samples.gate = np.where(rng.random(count) < 0.5, close, wide)
    elif unit.side == "token_i":
        label = rng.integers(0, unit.classes, count)
        for where, logits in samples.chunks():
            agrees = rng.random(len(logits)) < 0.7
            biased = logits + np.array(unit.bias, np.int64) if unit.bias else logits
            label[where] = np.where(agrees, biased.argmax(axis=1), label[where])
        samples.label = label
        samples.run = rng.integers(0, (1 << int(unit.constants["run_bits"])), count)
        samples.run[::3] = rng.integers(0, 3, len(samples.run[::3]))


def _meet(unit: Unit, samples: Samples, own: Integers) -> None:
    """Gives the samples ``own`` thresholds that their scores just reach, or miss by one."""
    logits = samples.take(own)
    edge, step = edges(unit, logits, samples.side(own))
    least, most = unit.limits
    if unit.policy != "class_threshold":
        offset = np.arange(len(own)) % 3 - 1
        chosen = np.clip(edge + step * offset, least, most)
        samples.rules[own, 0] = chosen
        samples.exact[own] = chosen == edge
        return
    # Every second class takes the threshold of a sample that it wins; the others keep what they were built with.
    biased = logits + np.array(unit.bias, np.int64) if unit.bias else logits
    best = biased.argmax(axis=1)
    table = np.array(unit.params["thresholds"], np.int64)
    for at in range(len(own) - 1, -1, -1):
        if best[at] % 2 == 0:
            table[best[at]] = edge[at]
    samples.exact[own] = table[best] == edge
    changed = np.flatnonzero(table != np.array(unit.params["thresholds"]))
    samples.class_thresholds = np.stack([changed, table[changed]], axis=1)
