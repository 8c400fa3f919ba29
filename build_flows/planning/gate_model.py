"""How many frames a FrameGate must hold: a queue model of bursts of hard samples.

The model. Stage k ends a frame every ``interval`` cycles; each is hard with probability ``hard_share``, independently of the others. A
hard frame takes the next stage ``service`` cycles, an easy one none. As in ``hw.exits.frame_gate``, a frame has a slot of the gate from its
first beat in until it is dropped, ``latency`` cycles after its last beat, or until its service ends; stage k waits while there is no slot
for its next frame. The loss is what is missing from the throughput of an endless gate.

With a latency below one interval, the work left in the kept frames as a frame ends is a Markov chain. Of G slots, the frame has one. When
kept frames have all the others, the next frame begins once one of them has left, or once this one turns out easy. The chain's stationary
distribution is found on a lattice of up to 64 ticks an interval, so chosen that rounding ``service`` up to one matters least.

A longer latency takes one slot more for every whole interval of it, always. That asks for rather too much: frames that had to wait come
less often, so fewer of them are undecided at a time. So does the end of service as the moment in which a slot comes free: a frame is often
read out earlier.

Later gates see samples thinned by the exits before them. They are modelled as if every sample that reaches stage k came by evenly, once
in II / reach_k, and was hard independently: a Bernoulli thinning of stage k's service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array, identity
from scipy.sparse.linalg import spsolve

from build_flows.base.errors import OfframpError

__all__ = ["GateModelError", "GatePlan", "gate_frames", "plan_gates", "throughput_loss"]

TICKS = 64
STATES = 3000
LEAST = 2


class GateModelError(OfframpError):
    """A value out of range; the message names it."""


@dataclass(frozen=True, kw_only=True)
class GatePlan:
    """A gate of ``frames`` frames: ``loss`` is the predicted share of throughput lost to bursts, ``utilisation`` the next stage's load.
    ``loss`` is above the bound asked for only when no gate up to the limit stays below it."""

    frames: int
    loss: float
    utilisation: float


def throughput_loss(interval: int, hard_share: float, service: int, frames: int, latency: int = 0) -> float:
    """Share of throughput (0 to 1) that a gate of ``frames`` frames costs against an endless one.

    ``interval``: cycles between frames; ``hard_share``: 0 to 1; ``service``: cycles that the next stage takes a frame; ``latency``: cycles
    from a frame's last beat in the gate to its verdict. Raises :class:`GateModelError` for values out of range, or a gate that undecided
    frames alone overfill.
    """
    for name, value, low in (("interval", interval, 1), ("service", service, 1), ("latency", latency, 0)):
        if value < low:
            raise GateModelError(f"{name} must be at least {low} cycles, not {value}")
    if not 0 <= hard_share <= 1:
        raise GateModelError(f"hard_share must be from 0 to 1, not {hard_share}")
    held, rest = divmod(latency, interval)
    if frames < held + 1:
        raise GateModelError(f"frames must be at least {held + 1} for latency={latency}, interval={interval}, not {frames}")
    endless = max(interval, hard_share * service)
    if hard_share in (0, 1):  # nothing is random: all slots go round one after the other
        return 1 - endless / max(endless, (interval + latency + hard_share * service) / frames)
    return max(0.0, 1 - endless / _mean_interval(interval, hard_share, service, frames - held, rest))


def _mean_interval(interval: int, hard_share: float, service: int, room: int, rest: int) -> float:
    """Mean cycles between frames with ``room`` slots and verdicts ``rest`` cycles, less than an interval, after a frame's end."""
    most = max(1, min(TICKS, STATES * interval // (room * service)))
    period = min(range(most // 2 + 1, most + 1), key=lambda ticks: (ceil(service * ticks / interval) / ticks, -ticks))
    work, rest = ceil(service * period / interval), ceil(rest * period / interval)
    left = np.arange((room - 1) * work + 1)  # work in kept frames as another frame ends, that one not counted
    if room == 1:
        easy, hard = np.full(1, rest), np.full(1, rest + work)
    else:
        hard = np.maximum(left - (room - 2) * work, 0)
        easy = np.minimum(hard, rest)
    took = period + np.concatenate([easy, hard])
    added = np.repeat([0, work], left.size)
    after = np.maximum(np.tile(np.maximum(left - rest, 0), 2) + added - (took - rest), 0)
    chances = np.repeat([1 - hard_share, hard_share], left.size)
    shares = _stationary(left.size, after, chances)
    return float((chances * np.tile(shares, 2)) @ took) * interval / period


def _stationary(states: int, after: npt.NDArray[np.int64], chances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The stationary distribution of a chain that goes from state ``i`` to ``after[i]`` or ``after[states + i]``, with ``chances`` of the
    same places: that of state 0 set to 1, the others follow from their balance."""
    if states == 1:
        return np.ones(1)
    before = np.tile(np.arange(states), 2)
    balance = csc_array((chances, (after, before)), shape=(states, states)) - identity(states, format="csc")
    found: npt.NDArray[np.float64] = np.append(1.0, spsolve(balance[1:, 1:], -balance[1:, [0]].toarray()[:, 0]))
    found /= found.sum()
    return found


def gate_frames(
    interval: int, hard_share: float, service: int, latency: int = 0, *, bound: float = 0.02, limit: int = 64
) -> GatePlan:
    """The smallest gate, of two frames or more, whose loss is below ``bound``; the one of ``limit`` frames when none is.

    Arguments as for :func:`throughput_loss`; ``limit`` leaves aside the frames that latency needs.
    """
    if not 0 < bound < 1:
        raise GateModelError(f"bound must be above 0 and below 1, not {bound}")
    if limit < LEAST:
        raise GateModelError(f"limit must be at least {LEAST} frames, not {limit}")

    def loss(frames: int) -> float:
        return throughput_loss(interval, hard_share, service, frames, latency)

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
    bound: float = 0.02, limit: int = 64,
) -> tuple[GatePlan, ...]:
    """A plan for each gate: gate k stands between stage k and stage k+1, which ``reach[k + 1]`` of the samples reach.

    ``ii``: cycles between samples at the input; ``stage_cycles[k]``: what stage k takes a frame; ``latencies[k]``: cycles from a frame's
    last beat in gate k to its verdict. Raises :class:`GateModelError`.
    """
    gates = len(reach) - 1
    if len(stage_cycles) != len(reach) or len(latencies) != gates:
        raise GateModelError(
            f"{len(reach)} stages need {len(reach)} stage_cycles and {gates} latencies, not {len(stage_cycles)} and {len(latencies)}"
        )
    return tuple(
        gate_frames(
            round(ii / reach[k]), reach[k + 1] / reach[k], stage_cycles[k + 1], latencies[k], bound=bound, limit=limit,
        )
        for k in range(gates)
    )
