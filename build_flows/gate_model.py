"""How many frames a FrameGate must hold: a queue model of bursts of hard samples.

The model. Stage k ends a frame every ``interval`` cycles; each is hard with probability ``hard_share``, independently of the others. A
hard frame takes the next stage ``service`` cycles, during which it leaves the gate at a steady rate; an easy one takes none. A gate that is
full slows stage k down to the rate at which room comes free. The loss is what is missing from the throughput of an endless gate.

Frames leave in order (``release="in_order"``, what ``hw.frame_gate`` does): an easy frame behind a hard one keeps its room until that
one has left. A frame's kind matters only once it is first in line, so ``(frames in the gate, work left in the first)`` as a frame ends is a
Markov chain; with room for G frames the next one ends ``max(interval, work left in the first)`` later when G are in. Its stationary
distribution is found on a lattice of up to 16 ticks an interval, so chosen that rounding ``service`` up to one matters least.

A gate that could give back any frame's room at once would do with much less: ``release="beats"`` and ``"frames"`` (room comes free
beat by beat, or frame by frame at its end). There the work W left in all hard frames is the chain, and the next frame ends no earlier
than at W = (G - 1) service, or starts no earlier.

Decisions that take ``latency`` cycles keep their frames that much longer: whole intervals of it cost a frame of room each, the rest is
waited for when the gate is full.

Later gates see samples thinned by the exits before them. They are modelled as if every sample that reaches stage k came by evenly, once
in II / reach_k, and was hard independently: a Bernoulli thinning of stage k's service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np

from build_flows.errors import OfframpError

__all__ = ["RELEASES", "GateModelError", "GatePlan", "gate_frames", "plan_gates", "throughput_loss"]

RELEASES = ("in_order", "beats", "frames")
STATES = 1500
LEAST = 2

_Moves = dict[tuple[int, int], float]


class GateModelError(OfframpError):
    """A value out of range; the message names it."""


@dataclass(frozen=True, kw_only=True)
class GatePlan:
    """A gate of ``frames`` frames: ``loss`` is the predicted share of throughput lost to bursts, ``utilisation`` the next stage's load.
    ``loss`` is above the bound asked for only when no gate up to the limit stays below it."""

    frames: int
    loss: float
    utilisation: float


def throughput_loss(interval: int, hard_share: float, service: int, frames: int, latency: int = 0, *, release: str = "in_order") -> float:
    """Share of throughput (0 to 1) that a gate of ``frames`` frames costs against an endless one.

    ``interval``: cycles between frames; ``hard_share``: 0 to 1; ``service``: cycles that the next stage takes a frame; ``latency``: cycles
    from a frame's last beat in the gate to its decision; ``release``: see the module. Raises :class:`GateModelError` for values out of
    range, or a gate that undecided frames alone overfill.
    """
    for name, value, low in (("interval", interval, 1), ("service", service, 1), ("latency", latency, 0)):
        if value < low:
            raise GateModelError(f"{name} must be at least {low} cycles, not {value}")
    if not 0 <= hard_share <= 1:
        raise GateModelError(f"hard_share must be from 0 to 1, not {hard_share}")
    if release not in RELEASES:
        raise GateModelError(f"release must be one of {', '.join(RELEASES)}, not {release!r}")
    held, rest = divmod(latency, interval)
    if frames < held + 1:
        raise GateModelError(f"frames must be at least {held + 1} for latency={latency}, interval={interval}, not {frames}")
    room, endless = frames - held, max(interval, hard_share * service)
    if hard_share in (0, 1):  # nothing is random: frames pass at the slower of the two rates, once there is room for one to wait
        return 0.0 if room > 1 or hard_share == 0 else 1 - endless / max(interval, service + rest)
    mean = _in_order(interval, hard_share, service, room, rest) if release == "in_order" else _any_order(
        interval, hard_share, service, room, rest, release == "frames")
    return max(0.0, 1 - endless / mean)


def _ticks(interval: int, service: int, frames: int) -> int:
    """Ticks in an interval: up to 16, fewer where the lattice would grow too large, and such that ``service`` is about a whole number."""
    most = max(1, min(16, STATES * interval // max(1, frames * service)))
    return min(range(most // 2 + 1, most + 1), key=lambda period: (ceil(service * period / interval) / period, -period))


def _in_order(interval: int, hard_share: float, service: int, room: int, rest: int) -> float:
    """Mean cycles between frames of a gate that lets frames go in order."""
    period = _ticks(interval, service, room)
    work, rest = ceil(service * period / interval), ceil(rest * period / interval)

    @cache
    def after(count: int, left: int, ticks: int) -> tuple[tuple[tuple[int, int], float], ...]:
        """Where ``count`` frames, the first with ``left`` ticks of work (0: its kind is not known yet), stand ``ticks`` later."""
        if count == 0:
            return (((0, 0), 1.0),)
        if left > ticks:
            return (((count, left - ticks), 1.0),)
        if left > 0:
            return after(count - 1, 0, ticks - left)
        moves: _Moves = {}
        for chance, found in ((1 - hard_share, after(count - 1, 0, ticks)), (hard_share, after(count, work, ticks))):
            for state, share in found:
                moves[state] = moves.get(state, 0.0) + chance * share
        return tuple(moves.items())

    # A state is what stands as a frame ends, that frame included and, where it is alone, its kind known.
    first: _Moves = {(0, 0): 1 - hard_share, (1, work): hard_share}
    states: dict[tuple[int, int], int] = {(0, 0): 0}
    took, rows, columns, chances = [], [], [], []
    for count, left in (pending := [(0, 0)]):
        ticks = max(period, left + rest) if count == room else period
        took.append(ticks)
        for (now, more), share in after(count, left, ticks):
            for end, chance in (first if now == 0 else {(now + 1, more): 1.0}).items():
                if end not in states:
                    states[end] = len(states)
                    pending.append(end)
                rows.append(states[count, left])
                columns.append(states[end])
                chances.append(chance * share)
    return _mean(np.array(took), np.array(rows), np.array(columns), np.array(chances)) * interval / period


def _any_order(interval: int, hard_share: float, service: int, room: int, rest: int, whole: bool) -> float:
    """Mean cycles between frames of a gate that gives back any frame's room at once."""
    period = _ticks(interval, service, room)
    work, rest = ceil(service * period / interval), ceil(rest * period / interval)
    top = (room - 1) * work
    levels = np.arange(top + work + 1)  # work as a decision falls, the frame's own included
    over = np.where(levels > top, levels - top + rest, 0)
    took = over + period if whole else np.maximum(period, over)
    left = np.maximum(levels - took, 0)
    chances = np.repeat([1 - hard_share, hard_share], levels.size)
    return _mean(took, np.tile(levels, 2), np.concatenate([left, left + work]), chances) * interval / period


def _mean(took: np.ndarray, rows: np.ndarray, columns: np.ndarray, chances: np.ndarray) -> float:
    """Mean of ``took`` over the stationary distribution of the chain that goes from ``rows`` to ``columns`` with ``chances``."""
    shares = np.full(took.size, 1 / took.size)
    for _ in range(100_000):
        shares, before = np.bincount(columns, weights=chances * shares[rows], minlength=took.size), shares
        if np.abs(shares - before).sum() < 1e-9:
            break
    return float(shares @ took / shares.sum())


def gate_frames(
    interval: int, hard_share: float, service: int, latency: int = 0, *, bound: float = 0.02, limit: int = 64, release: str = "in_order"
) -> GatePlan:
    """The smallest gate, of two frames or more, whose loss is below ``bound``; the one of ``limit`` frames when none is.

    Arguments as for :func:`throughput_loss`; ``limit`` leaves aside the frames that latency needs.
    """
    if not 0 < bound < 1:
        raise GateModelError(f"bound must be above 0 and below 1, not {bound}")
    if limit < LEAST:
        raise GateModelError(f"limit must be at least {LEAST} frames, not {limit}")

    def loss(frames: int) -> float:
        return throughput_loss(interval, hard_share, service, frames, latency, release=release)

    held = latency // max(1, interval)
    low = high = max(LEAST, held + 1)
    while loss(high) >= bound and high < limit + held:
        low, high = high + 1, min(2 * high, limit + held)
    while low < high:  # the loss falls with every frame more
        middle = (low + high) // 2
        low, high = (low, middle) if loss(middle) < bound else (middle + 1, high)
    return GatePlan(frames=high, loss=loss(high), utilisation=hard_share * service / interval)


def plan_gates(
    ii: int, reach: Sequence[float], stage_cycles: Sequence[int], latencies: Sequence[int], *,
    bound: float = 0.02, limit: int = 64, release: str = "in_order",
) -> tuple[GatePlan, ...]:
    """A plan for each gate: gate k stands between stage k and stage k+1, which ``reach[k + 1]`` of the samples reach.

    ``ii``: cycles between samples at the input; ``stage_cycles[k]``: what stage k takes a frame; ``latencies[k]``: cycles from a frame's
    last beat in gate k to its decision. Raises :class:`GateModelError`.
    """
    gates = len(reach) - 1
    if len(stage_cycles) != len(reach) or len(latencies) != gates:
        raise GateModelError(
            f"{len(reach)} stages need {len(reach)} stage_cycles and {gates} latencies, not {len(stage_cycles)} and {len(latencies)}"
        )
    return tuple(
        gate_frames(
            round(ii / reach[k]), reach[k + 1] / reach[k], stage_cycles[k + 1], latencies[k],
            bound=bound, limit=limit, release=release,
        )
        for k in range(gates)
    )
