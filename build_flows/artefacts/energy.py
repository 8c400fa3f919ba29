"""``energy.json`` (docs/interfaces.md): what a design's switching amounts to, relative and modelled, and how two designs compare.

Each unit's signals are counted in the Verilated design; what a resource of it switches is taken to change as often as its signals do on
average. Resources are weighed by numbers without a unit, and everything that is said holds only where it holds for all of them three times
larger or smaller: these are no joules. Static power, the processing system and the memory are no part of it, nor are glitches and routing,
which the RTL does not have.
"""

from collections.abc import Iterator
from itertools import product

from build_flows.artefacts.verdict import Verdict
from quant_models.records import Artefact, Record

__all__ = ["SPREAD", "WEIGHTS", "EnergyFile", "ExitEnergy", "Ratio", "StageEnergy", "Switching", "UnitEnergy", "compared", "weightings"]

SPREAD = 3.0
"""By how much each weight may be wrong, up or down."""


class Switching(Record):
    """What is switched of each resource: LUTs (those that are memory too), flip-flops, DSPs and block RAMs of 36 kbit, times the changes of
    a bit of their unit, and ``clock``: flip-flops times cycles. As weights: what one of each counts."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram36: float = 0.0
    clock: float = 0.0

    def __add__(self, other: "Switching") -> "Switching":
        return Switching(**{name: getattr(self, name) + getattr(other, name) for name in RESOURCES})

    def times(self, factor: float) -> "Switching":
        """Each resource's times ``factor``."""
        return Switching(**{name: factor * getattr(self, name) for name in RESOURCES})

    def weighed(self, weights: "Switching") -> float:
        """The sum, each resource weighed."""
        return sum(float(getattr(self, name) * getattr(weights, name)) for name in RESOURCES)


RESOURCES = tuple(Switching.model_fields)

WEIGHTS = Switching(lut=1.0, ff=1.0, dsp=50.0, bram36=50.0, clock=0.1)
"""No published figures for these parts were found that could be checked. A LUT's or flip-flop's change is the unit; a multiplier and adder
of 48 bits take some 500 LUTs, in silicon of their own a tenth is assumed; a block RAM as much; and a flip-flop's clock a tenth of what its
output takes."""


class UnitEnergy(Record):
    """A unit (as in ``resources.json``): changes of a bit a cycle at full rate (``activity``) and without images (``idle_activity``), what
    it ``switches`` a sample at full rate and, in ``idle``, a cycle without images."""

    name: str
    kind: str
    stage: int | None
    head: bool
    activity: float
    idle_activity: float
    switches: Switching
    idle: Switching


class StageEnergy(Record):
    """A stage and its head (``stage`` None: what belongs to none): what it ``switches`` a sample at full rate, of it in samples that leave
    before it (``passed``: they are all there are then; None: none do), and in ``idle`` a cycle without images. ``busy``: the share of
    cycles in which it has work at full rate (None: no stage), beside which its clock could stand still."""

    stage: int | None
    switches: Switching
    passed: Switching | None
    idle: Switching
    busy: float | None


class ExitEnergy(Record):
    """Test images that leave at ``exit``, by themselves: how many, the cycles that each takes at full rate, and what it switches."""

    exit: int
    images: int
    cycles_per_sample: float
    switches: Switching


class EnergyFile(Artefact):
    """The whole file. ``cycles_per_sample`` over ``images`` test images at full rate; ``sample`` is what one of them switches, ``idle``
    what a cycle without images does. ``verdict``: whether the design can be built, and the clock that it can be expected to run at."""

    project: str
    verdict: Verdict
    images: int
    cycles_per_sample: float
    weights: Switching
    sample: Switching
    idle: Switching
    units: list[UnitEnergy]
    stages: list[StageEnergy]
    exits: list[ExitEnergy]

    def at(self, cycles: float) -> Switching:
        """What a sample switches, idle cycles behind it included, when one comes every ``cycles``; fewer than
        ``cycles_per_sample`` are not possible (ValueError)."""
        if cycles < self.cycles_per_sample * (1 - 1e-9):
            raise ValueError(f"cycles must be at least {self.cycles_per_sample:g}, not {cycles:g}")
        return self.sample + self.idle.times(max(0.0, cycles - self.cycles_per_sample))

    @property
    def gating(self) -> float:
        """The share of all that a sample switches at full rate which a clock that stands still in stages without work would save."""
        saved = sum(stage.switches.clock * (1 - min(1.0, stage.busy)) for stage in self.stages if stage.busy is not None)
        return saved * self.weights.clock / self.sample.weighed(self.weights)


class Ratio(Record):
    """How many times as much the other design switches a sample: by the weights as they are, and at least and at most with each of them
    up to :data:`SPREAD` times larger or smaller."""

    times: float
    least: float
    most: float

    @property
    def sure(self) -> bool:
        """Whether which of the two switches less is the same for all weights."""
        return self.least > 1 or self.most < 1


def weightings(weights: Switching) -> Iterator[Switching]:
    """``weights`` as they are, and all ways of some of them :data:`SPREAD` times larger and the others as many times smaller: a ratio of
    two weighed sums is largest and smallest at one of these."""
    yield weights
    for factors in product((1 / SPREAD, SPREAD), repeat=len(RESOURCES)):
        yield Switching(**{name: getattr(weights, name) * factor for name, factor in zip(RESOURCES, factors, strict=True)})


def compared(design: EnergyFile, other: EnergyFile) -> tuple[Ratio, Ratio]:
    """What a sample takes in ``other`` against ``design``: at one rate, that of the slower of the two, and each at its own full rate. Times
    between samples are those of the clocks that can be expected."""
    clocks = [item.verdict.expected_clock_mhz for item in (design, other)]
    slower = max(item.cycles_per_sample / clock for item, clock in zip((design, other), clocks, strict=True))
    equal = [item.at(slower * clock) for item, clock in zip((design, other), clocks, strict=True)]
    return _ratio(equal[0], equal[1], design.weights), _ratio(design.sample, other.sample, design.weights)


def _ratio(one: Switching, other: Switching, weights: Switching) -> Ratio:
    found = [other.weighed(item) / one.weighed(item) for item in weightings(weights)]
    return Ratio(times=found[0], least=min(found), most=max(found))
