"""FIFO depths, stage intervals and head latencies, measured on the stages themselves.

Each stage runs alone at its own all-hard rate (a queue behind an overloaded unit shows only the depth it was given, so stages are
measured apart): first with deep FIFOs and a source that never waits, for the true frame interval; then paced at that
interval, for the level every FIFO reaches; then with those depths and a margin, and the source unpaced again, to confirm that the
interval still holds. A depth that does not hold is doubled until it does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hw.netlist import Netlist
from hw.stage_probe import StageProbe

__all__ = ["Probe", "Sizing", "SizingError", "StageMeasurement", "measure"]

UNBOUNDED = 1 << 20
"""A capacity, in beats, that no stage fills."""

MARGIN = 2
"""Beats added to the level reached: one for the FIFO's output register, one for the beat on its way."""

SMALLEST = 2
"""The least depth that passes a beat every cycle."""

FRAMES = 6
"""Frames measured after two to warm up."""

SLACK = 0.002
"""Relative loss of throughput that counts as none."""


class SizingError(RuntimeError):
    """A stage stands still or cannot keep its rate: the message names the stage."""


class Probe(Protocol):
    """A running ``hw.stage_probe.StageProbe``."""

    def reset(self, cycles: int) -> None:
        """Hold the reset."""

    def write(self, address: int, value: int) -> None:
        """Write a word."""

    def read(self, address: int) -> int:
        """Read a word."""

    def run(self, cycles: int) -> None:
        """Run that many cycles."""


@dataclass(frozen=True)
class StageMeasurement:
    """What one stage does by itself: ``interval`` cycles per frame, and ``head_latency``, cycles from a frame's first beat at the gate to
    its last logits beat (0 in the last stage, which has no gate)."""

    interval: int
    head_latency: int


@dataclass(frozen=True)
class Sizing:
    """Measured ``stages``, ``depths`` (beats) per stream, and the level each stream ``reached``."""

    stages: tuple[StageMeasurement, ...]
    depths: dict[str, int]
    reached: dict[str, int]


def measure(netlist: Netlist, harness: StageProbe, probe: Probe, progress: Callable[[str], None] = lambda text: None) -> Sizing:
    """Measure all stages of ``netlist`` with ``probe``, a running simulation of ``harness``. Raises :class:`SizingError`."""
    planned = {stage.index: max(layer.cycles for layer in netlist.layers if layer.stage == stage.index) for stage in netlist.stages}
    longest = max(planned.values())
    streams = {item.name: harness.fifo_base + 2 * j for j, item in enumerate(harness.streams)}
    stage_of = {item.name: netlist.layer(item.src[0]).stage for item in harness.streams}

    def run(intervals: dict[int, int], limits: dict[str, int], frames: int) -> dict[int, int]:
        """Set up, run until every stage answered ``frames`` frames; returns cycles per frame after the second."""
        for stage, interval in intervals.items():
            probe.write(harness.stage_base(stage), interval)
        for name, limit in limits.items():
            probe.write(streams[name] + 0, limit)
        probe.reset(16)
        marks: dict[int, tuple[int, int]] = {}
        last: dict[int, tuple[int, int]] = {}
        # Stages take very different times; each is looked at when it has done its frames.
        patience = 40 * (frames + 4)
        for _ in range(patience):
            probe.run(max(64, longest // 8))
            for stage in intervals:
                done, when = probe.read(harness.stage_base(stage) + 1), probe.read(harness.stage_base(stage) + 2)
                if done >= 2 and stage not in marks:
                    marks[stage] = (done, when)
                if stage in marks and (stage not in last or last[stage][0] < marks[stage][0] + frames):
                    last[stage] = (done, when)
            if all(stage in last and last[stage][0] >= marks[stage][0] + frames for stage in intervals):
                return {stage: -((marks[stage][1] - last[stage][1]) // (last[stage][0] - marks[stage][0])) for stage in intervals}
        slow = [stage for stage in intervals if stage not in last or last[stage][0] < marks[stage][0] + frames]
        raise SizingError(f"stage {slow[0]} stands still: {probe.read(harness.stage_base(slow[0]) + 1)} frames after {patience} looks")

    stages = dict.fromkeys(planned, 0)
    deep = dict.fromkeys(streams, UNBOUNDED)
    progress("frame intervals")
    intervals = run(stages, deep, FRAMES)
    progress("levels reached")
    run(intervals, deep, FRAMES)
    reached = {name: probe.read(base + 1) for name, base in streams.items()}
    heads = {}
    for stage in planned:
        base = harness.stage_base(stage)
        heads[stage] = probe.read(base + 4) - probe.read(base + 3) if stage < len(netlist.gates) else 0

    depths = {name: max(SMALLEST, level + MARGIN) for name, level in reached.items()}
    progress("confirming depths")
    for _ in range(8):
        confirmed = run(stages, depths, FRAMES)
        late = {stage for stage in planned if confirmed[stage] > intervals[stage] * (1 + SLACK) + 1}
        if not late:
            return Sizing(tuple(StageMeasurement(intervals[stage], heads[stage]) for stage in sorted(planned)), depths, reached)
        depths = {name: 2 * depth if stage_of[name] in late else depth for name, depth in depths.items()}
    raise SizingError(f"stage {min(late)} takes {confirmed[min(late)]} cycles a frame with every FIFO doubled, "
                      f"but {intervals[min(late)]} with unbounded ones")
