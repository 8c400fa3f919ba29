"""FIFO depths, stage intervals and the time to a verdict, measured on the stages themselves.

Each stage runs alone at its own all-hard rate (a queue behind an overloaded unit shows only the depth it was given, so stages are
measured apart): first with deep FIFOs and a source that never waits, for the true frame interval; then paced at that
interval, for the level every FIFO reaches; then with those depths and a margin, and the source unpaced again, to confirm that the
interval still holds. A depth that does not hold is doubled until it does. What a FIFO reaches is not yet what it needs: a unit that
is ahead may as well wait. So those of skips, whose levels tell least, and the large ones are then made smaller, largest first, as long as
the interval holds.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from hw.netlist import Netlist
from hw.stage_probe import StageProbe

__all__ = ["SMALLEST", "Probe", "Sizing", "SizingError", "StageMeasurement", "holds", "measure"]

UNBOUNDED = 1 << 20
"""A capacity, in beats, that no stage fills."""

MARGIN = 2
"""Beats added to the level reached: one for the FIFO's output register, one for the beat on its way."""

SMALLEST = 2
"""The least depth that passes a beat every cycle."""

WARM_UP, FRAMES = 2, 6
"""Frames before measuring, and frames measured."""

PATIENCE = 400
"""Quarters of a frame interval after which a stage that has not done its frames stands still."""

STILL = 8
"""The same in which no beat moved anywhere in it: no unit takes two frames' time from one beat to its next."""

DOUBLINGS = 8
"""How often depths may be doubled until they hold."""

BUDGET = 20_000_000
"""Cycles to spend on making FIFOs smaller: the largest ones come first, so networks of long frames stop with small gains left."""

LARGE, FEW = 1024, 2_000_000
"""Bits from which a FIFO is worth trying to make smaller, and cycles that may have been spent when the turn comes to smaller ones of
skips."""

IDLE = 1 << 30
"""A source's interval that leaves its stage alone."""

COARSE, CLOSE = 4, 16
"""A FIFO is made smaller until it is within such a part, of large ones and of those of skips, of a depth that does not hold."""

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
    """What one stage does by itself: ``interval`` cycles per frame, and ``verdict_latency``, cycles from a frame's last beat at the
    gate to its decision (0 in the last stage, which has no gate)."""

    interval: int
    verdict_latency: int


@dataclass(frozen=True)
class Sizing:
    """Measured ``stages``, ``depths`` (beats) per stream, and the level each stream ``reached``."""

    stages: tuple[StageMeasurement, ...]
    depths: dict[str, int]
    reached: dict[str, int]


class _Runs:
    """Runs of one probe, each from reset."""

    def __init__(self, netlist: Netlist, harness: StageProbe, probe: Probe) -> None:
        self.harness = harness
        self.probe = probe
        self.cycles = 0
        self.stages = [stage.index for stage in netlist.stages]
        self.bits = {item.name: item.bits for item in harness.streams}
        self.stage_of = {item.name: netlist.layer(item.src[0]).stage for item in harness.streams}
        self._fifo = {item.name: harness.fifo_base + 2 * j for j, item in enumerate(harness.streams)}
        self._planned = {k: max(layer.cycles for layer in netlist.layers if layer.stage == k) for k in self.stages}

    def _state(self, stage: int) -> tuple[int, int]:
        """Frames done, and the cycle in which the latest one was."""
        base = self.harness.stage_base(stage)
        return self.probe.read(base + 1), self.probe.read(base + 2)

    def _moved(self, stage: int) -> int:
        """The cycle in which a beat moved last in the stage."""
        return self.probe.read(self.harness.stage_base(stage))

    def run(self, intervals: dict[int, int], limits: dict[str, int]) -> dict[int, int]:
        """Cycles per frame of the stages in ``intervals``, fed at those intervals (0: without a pause); all others stand idle."""
        for stage in self.stages:
            self.probe.write(self.harness.stage_base(stage), intervals.get(stage, IDLE))
        for name, limit in limits.items():
            self.probe.write(self._fifo[name], limit)
        self.probe.reset(16)
        step = max(64, max(self._planned[stage] for stage in intervals) // 4)
        first: dict[int, tuple[int, int]] = {}
        last: dict[int, tuple[int, int]] = {}
        # A run that stands still counts for the budget as if nobody had noticed: what is made smaller depends on what all runs found alone.
        begun, whole = self.cycles, PATIENCE * step
        for now in range(step, whole + 1, step):
            self.probe.run(step)
            self.cycles += step
            for stage in sorted(set(intervals) - set(last)):
                done, when = self._state(stage)
                if done >= WARM_UP:
                    first.setdefault(stage, (done, when))
                    if done >= first[stage][0] + FRAMES:
                        last[stage] = (done, when)
                        continue
                if now == whole or now - self._moved(stage) >= STILL * step:
                    self.cycles = begun + whole
                    raise SizingError(f"stage {stage} stands still: {done} frames after {now} cycles")
            if len(last) == len(intervals):
                return {stage: -((first[stage][1] - last[stage][1]) // (last[stage][0] - first[stage][0])) for stage in intervals}
        raise AssertionError("a stage that is not done stands still by then")

    def reached(self) -> dict[str, int]:
        """Highest level of every FIFO in the latest run."""
        return {name: self.probe.read(base + 1) for name, base in self._fifo.items()}

    def verdict_latency(self, stage: int) -> int:
        """Cycles from the first frame's last beat at the gate to its decision, in the latest run; of a cut of several tensors, from that of
        the one that is there first to the decision, or to the last beat of all, when that is later: so long the slot is taken."""
        base = self.harness.stage_base(stage)
        whole, decided, first = (self.probe.read(base + word) for word in (3, 4, 7))
        return max(whole, decided) - first

    def holds(self, stage: int, limits: dict[str, int], most: float) -> bool:
        """Whether ``stage`` by itself keeps within ``most`` cycles a frame."""
        try:
            return self.run({stage: 0}, limits)[stage] <= most
        except SizingError:
            return False


def measure(
    netlist: Netlist, harness: StageProbe, probe: Probe, progress: Callable[[str], None] = lambda text: None, skips: Collection[str] = ()
) -> Sizing:
    """Measure all stages of ``netlist`` with ``probe``, a running simulation of ``harness``; ``skips`` are the streams between forks and
    where their paths join again, by name, whose FIFOs become as small as keeps the rate, to within a sixteenth. Raises
    :class:`SizingError`."""
    runs = _Runs(netlist, harness, probe)
    unpaced = dict.fromkeys(runs.stages, 0)
    deep = dict.fromkeys(runs.bits, UNBOUNDED)
    progress("their frame intervals")
    intervals = runs.run(unpaced, deep)
    progress("the levels that their FIFOs reach")
    runs.run(intervals, deep)
    reached = runs.reached()
    latencies = [runs.verdict_latency(stage) for stage in runs.stages[:-1]] + [0]
    progress("whether these depths hold their pace")
    most = {stage: interval * (1 + SLACK) + 1 for stage, interval in intervals.items()}
    depths = _confirm(runs, {name: max(SMALLEST, level + MARGIN) for name, level in reached.items()}, most)
    progress("whether smaller ones do")
    depths = _shrink(runs, depths, most, skips)
    measured = [StageMeasurement(intervals[stage], latency) for stage, latency in zip(runs.stages, latencies, strict=True)]
    return Sizing(tuple(measured), depths, reached)


def holds(netlist: Netlist, harness: StageProbe, probe: Probe, stage: int, depths: Mapping[str, int], interval: int) -> bool:
    """Whether ``stage`` by itself keeps within ``interval`` cycles a frame, as :func:`measure` takes it, with FIFOs of ``depths`` (beats,
    by stream)."""
    return _Runs(netlist, harness, probe).holds(stage, dict(depths), interval * (1 + SLACK) + 1)


def _confirm(runs: _Runs, depths: dict[str, int], most: dict[int, float]) -> dict[str, int]:
    for _ in range(DOUBLINGS):
        found = runs.run(dict.fromkeys(runs.stages, 0), depths)
        late = {stage for stage in runs.stages if found[stage] > most[stage]}
        if not late:
            return depths
        depths = {name: 2 * depth if runs.stage_of[name] in late else depth for name, depth in depths.items()}
    stage = min(late)
    raise SizingError(f"stage {stage} takes {found[stage]} cycles a frame with FIFOs {2**DOUBLINGS} times the levels it reached, "
                      f"but at most {most[stage]:.0f} with unbounded ones")


def _shrink(runs: _Runs, depths: dict[str, int], most: dict[int, float], skips: Collection[str]) -> dict[str, int]:
    """Large FIFOs as small as still holds, to within a quarter, the largest first, as far as the budget goes; those of ``skips``, small
    ones too where frames are short, to within a sixteenth."""
    depths = dict(depths)
    few, last = runs.cycles + FEW, runs.cycles + BUDGET
    for name in sorted(depths, key=lambda item: -depths[item] * runs.bits[item]):
        stage, high = runs.stage_of[name], depths[name]
        if runs.cycles >= last:
            break
        small = high * runs.bits[name] < LARGE
        if (small and (name not in skips or runs.cycles >= few)) or high <= SMALLEST:
            continue
        if runs.holds(stage, {**depths, name: SMALLEST}, most[stage]):
            depths[name] = SMALLEST
            continue
        low = SMALLEST
        while high - low > max(1, low // (CLOSE if name in skips else COARSE)):
            middle = (low + high) // 2
            if runs.holds(stage, {**depths, name: middle}, most[stage]):
                high = middle
            else:
                low = middle
        depths[name] = high
    return depths
