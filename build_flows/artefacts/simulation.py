"""``sim.json`` (docs/interfaces.md): every sample's way through the RTL, and the figures that come of it."""

from pydantic import Field

from quant_models.records import Artefact, Record

__all__ = [
    "AnytimeExit", "AnytimeRecord", "ExitFigures", "Figures", "ProvisionalRecord", "SampleRecord", "SimulationFile", "StageFigures",
    "StageUseRecord", "StreamRecord",
]


class ExitFigures(Record):
    """Of the samples that leave at an exit: their ``share`` of all (0 to 1), ``accuracy`` and median latency in cycles, None when none
    does."""

    share: float
    accuracy: float | None
    latency_median: float | None


class StageFigures(Record):
    """The share of samples that ``reach`` a stage and the one that was ``planned`` for (None: not told), the share of cycles in which its
    slowest ``unit`` was ``busy``, and that unit."""

    reach: float
    busy: float
    unit: str
    planned: float | None = None


class AnytimeExit(Record):
    """Of an exit that answers at any time: the share of samples that it gave a word for, and accuracy and median latency of these."""

    answered: float
    accuracy: float | None
    latency_median: float | None


class AnytimeRecord(Record):
    """Where every exit answers: result words a sample, and the exits."""

    words_per_sample: float
    exits: list[AnytimeExit]


class Figures(Record):
    """What ``offramp simulate --json`` publishes: ``samples`` run and how many ``agree`` with the golden model; ``accuracy`` and by exit
    the rest; ``cycles_per_sample`` measured at steady state, ``samples_per_second`` at ``clock_mhz``, what limits them; the run's length in
    ``cycles``, and simulated cycles a second."""

    samples: int
    agree: int
    accuracy: float
    exits: list[ExitFigures]
    cycles_per_sample: float
    clock_mhz: float
    samples_per_second: float
    limited_by: str
    sim_cycles_per_second: float
    cycles: int
    stages: list[StageFigures]
    anytime: AnytimeRecord | None = None


class ProvisionalRecord(Record):
    """What an exit said of a sample that went on."""

    exit: int
    label: int
    confidence: int
    cycle_out: int


class SampleRecord(Record):
    """A sample's result, and the cycles in which its first word entered and its result was taken."""

    id: int
    label: int
    exit: int
    confidence: int
    cycle_in: int
    cycle_out: int
    provisional: list[ProvisionalRecord] = Field(default_factory=list)


class StreamRecord(Record):
    """Cycles in which data waited (``stall``), and the highest ``occupancy``."""

    stall: int
    occupancy: int


class StageUseRecord(Record):
    """What a stage did: see :class:`sim.accelerator.result.StageUse`."""

    index: int
    reach: float
    samples: int
    busy: float
    cycles: int
    unit: str


class SimulationFile(Artefact):
    """The whole file: ``samples`` in the order of the images, ``labels`` the true ones; ``streams`` by name and ``gates``' most frames;
    every register at the end. ``resumed``: the run went on after an interruption, so that counters cover a part of it."""

    samples: list[SampleRecord]
    streams: dict[str, StreamRecord]
    gates: list[int]
    stages: list[StageUseRecord]
    cycles: int
    cycles_per_sample: float
    limited_by: str
    sim_cycles: int
    sim_cycles_per_second: float
    registers: dict[str, int]
    resumed: bool
    stall: float
    seed: int
    figures: Figures
    labels: list[int]
