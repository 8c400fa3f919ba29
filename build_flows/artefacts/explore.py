"""``explore.json`` (docs/explore.md): the designs that were looked at, the front among them, and what verification made of it."""

from build_flows.artefacts.resources import Capacity
from quant_models.records import Artefact, Record

__all__ = ["RESOURCES", "Cloud", "Errors", "Evaluated", "ExitPays", "ExploreFile", "Failed", "Outcome", "PlacedExit", "PointRecord"]

Number = int | float
Interval = tuple[float, float]
"""A 95 % interval."""

RESOURCES = ("lut", "ff", "bram36", "dsp")
"""What a design takes, by key; ``lut`` are all LUTs, those used as memory too."""


class PlacedExit(Record):
    """An early exit ``after`` a block (of a network of the user's own an exit of it) with a ``head`` ("own" there), its ``policy`` and the
    ``threshold`` in that policy's unit (None: it lets none go)."""

    after: int
    head: str
    policy: str
    threshold: float | None


class Outcome(Record):
    """What a design reaches and takes, predicted or measured.

    ``accuracy`` (0 to 1) over ``samples`` images with its interval; ``shares`` of them leave at each exit, the last one included.
    ``cycles_per_sample`` at steady state, and ``samples_per_second`` of them at ``clock_mhz``: predicted at the clock set, measured at the
    lower of that and the one estimated. ``energy``: what a sample switches at full rate, weighed, relative and no joules (docs/energy.md;
    None: it was not counted). ``latency_us``: microseconds at that clock, from its first word in to its result, within which the percentile
    that was asked for of all samples is answered at full rate; predicted as if they found gates full (None in older files). ``fits`` the
    part, or is ``short`` of what is told there."""

    accuracy: float
    accuracy_interval: Interval
    samples: int
    shares: list[float]
    cycles_per_sample: float
    samples_per_second: float
    clock_mhz: float
    lut: Number
    ff: Number
    bram36: Number
    dsp: Number
    fits: bool
    short: list[str]
    energy: float | None = None
    latency_us: float | None = None


class Errors(Record):
    """Predicted less measured: shares of the measured value for ``cycles``, ``lut``, ``ff`` and ``energy`` (None: not measured); ``bram36``
    and ``dsp`` in numbers;
    ``shares``, the largest difference of an exit's share, and ``accuracy``, in parts of 1, against the test images; ``inside``: the
    measured accuracy's interval and the predicted one's meet."""

    cycles: float
    lut: float
    ff: float
    bram36: Number
    dsp: Number
    shares: float
    accuracy: float
    inside: bool
    energy: float | None = None


class PointRecord(Record):
    """A design: its early ``exits``; the bits of weights and activations; the ``cycles`` a sample that it is folded for and how busy
    (``utilisation``) later stages are planned to be; the ``loss`` of accuracy, in points, that its thresholds were searched for (None: it
    has no early exit). ``config`` is its configuration, relative to ``explore.json`` (None: none was written).

    ``predicted`` is of the validation images that select. Of a verified design ``measured`` (RTL, synthesis, test images), the ``errors``
    of prediction, and ``harm_bound``: the accuracy that its exits may cost against the last exit alone on new images, at most, with the
    confidence that holds for all verified designs together (None: no exits, or not verified)."""

    name: str
    exits: list[PlacedExit]
    weight_bits: int
    act_bits: int
    cycles: int
    utilisation: float
    loss: float | None
    predicted: Outcome
    measured: Outcome | None = None
    errors: Errors | None = None
    harm_bound: float | None = None
    config: str | None = None


class Failed(Record):
    """A design whose verification failed, and why."""

    name: str
    error: str


class ExitPays(Record):
    """What one early exit is worth: of all samples ``passed`` its head (0 to 1) and ``left`` there; ``cost`` is the share of the whole
    network's multiplications that its head takes of each of these, ``saved`` the share of them that those who left did not take; both,
    times ``passed`` and ``left``, are means over all samples. ``pays``: more is saved than spent."""

    point: str
    exit: int
    after: int
    head: str
    passed: float
    left: float
    cost: float
    saved: float
    pays: bool


class Cloud(Record):
    """All designs that fit, by column, for the plot: accuracy (0 to 1), samples a second, LUTs, and early exits, of each."""

    accuracy: list[float]
    samples_per_second: list[float]
    lut: list[float]
    exits: list[int]


class Evaluated(Record):
    """How the space was gone through: its ``size`` and the ``points`` looked at (distinct designs), with their ``thresholds`` variants;
    ``complete``: all of them; ``fitting``: variants that fit and hold what must hold; ``seconds`` of a processor that predictions took,
    spread over ``workers``; by what ``optimiser`` (None: one after another)."""

    size: int
    points: int
    thresholds: int
    complete: bool
    fitting: int
    seconds: float
    optimiser: str | None
    workers: int = 1

    @property
    def points_per_minute(self) -> float:
        """Designs looked at in a minute."""
        return 60 * self.points * self.workers / self.seconds if self.seconds else 0.0


class ExploreFile(Artefact):
    """The whole file. ``front``: the designs that no other one beats in the ``objectives``, verified ones, by what was measured, before
    those that are predicted; ``moved``: verified designs that are on it no more; ``failed`` ones, which are not either. ``hypervolume`` is
    that of the predicted front, with the objectives scaled to 0 to 1 between ``reference`` (worst) and ``ideal`` (best); of all the least
    is best, so what is best at its most (accuracy, throughput) stands there negative. ``alone``: of the designs without early exits those
    that no other one of them beats. ``pays``: what each early exit of the front is worth. ``seed`` is that of the optimiser."""

    name: str
    source: str
    part: str
    capacity: Capacity
    objectives: list[str]
    must: dict[str, float]
    evaluated: Evaluated
    hypervolume: float
    reference: list[float]
    ideal: list[float]
    front: list[PointRecord]
    alone: list[PointRecord]
    moved: list[PointRecord]
    failed: list[Failed]
    pays: list[ExitPays]
    cloud: Cloud
    seed: int
    confidence: float
