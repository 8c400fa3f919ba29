"""Cycles a sample of stages with gates between them, sample by sample.

The queue model of :mod:`build_flows.planning.gate_model` sizes gates: one at a time, without an end. This one is for what comes of all of
them, and of batches: results of a batch wait until those of the batch before have left, so that at its end easy samples stand behind
the last hard ones. Stage k takes a frame every ``intervals[k]`` cycles, and begins one when the stage and, with a gate behind it, a slot
of that is free; a verdict comes ``latencies[k]`` cycles after the frame's end. A frame that goes on keeps its slot until the next stage
has done with it.
"""

from functools import lru_cache
from heapq import heapreplace

import numpy as np

from hw.exits.exit_path import RESULT_DEPTH

__all__ = ["BATCH", "SAMPLES", "cycles_a_sample"]

BATCH = 1000
"""Images of a batch where designs are simulated (:mod:`build_flows.steps.simulate`)."""
SAMPLES = 5 * BATCH
_WARM = 32


@lru_cache(maxsize=65536)
def cycles_a_sample(words: int, intervals: tuple[int, ...], latencies: tuple[int, ...], frames: tuple[int, ...],
                    arrive: tuple[float, ...]) -> float:
    """Cycles a sample at full rate where an image takes the bus ``words`` cycles, and the shares ``arrive`` (from 1 down) reach the stages:
    so many of :data:`SAMPLES`, in batches of :data:`BATCH`, in an order that is drawn once for all. ``frames``: slots of each gate.

    Deterministic. The pace is that at which images are taken, as the simulation has it.
    """
    last = len(intervals) - 1
    if not last:
        return float(max(words, intervals[0]))
    slots = [[0.0] * count for count in frames]
    free, waiting = [0.0] * (last + 1), [0] * (last + 1)
    bus = fence = ends = first = 0.0
    for index, leaves in enumerate(_drawn(arrive)):
        if index % BATCH == 0:
            fence, ends, waiting = max(fence, ends), 0.0, [0] * (last + 1)
        begun, verdict = 0.0, bus
        for stage in range(leaves + 1):
            start = max(verdict, free[stage], slots[stage][0] if stage < last else 0.0)
            end = start + intervals[stage]
            begun = begun if stage else start
            if stage:
                heapreplace(slots[stage - 1], end)
            verdict, free[stage] = end + latencies[stage], end
        waiting[leaves] += 1
        if waiting[leaves] > RESULT_DEPTH and verdict < fence:
            # Its result finds no room: the exit waits, and the stage with it.
            free[leaves] += fence - verdict
            verdict = fence
        if leaves < last:
            heapreplace(slots[leaves], verdict)
        ends = max(ends, verdict)
        bus = max(bus + words, begun)
        if index == _WARM:
            first = begun
    return (begun - first) / (SAMPLES - 1 - _WARM)


@lru_cache(maxsize=4096)
def _drawn(arrive: tuple[float, ...]) -> tuple[int, ...]:
    """The exits at which samples leave."""
    counts = [round(share * SAMPLES) for share in (*arrive[1:], 0.0)]
    left = np.diff([0, *(SAMPLES - count for count in counts)])
    return tuple(np.random.default_rng(1).permutation(np.repeat(np.arange(len(arrive)), left)).tolist())
