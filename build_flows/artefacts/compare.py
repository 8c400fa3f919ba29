"""``compare.json`` (docs/compare.md) and ``match.json``: layouts of exits side by side, and what the second baseline was designed for."""

from build_flows.artefacts.resources import Capacity, Shares, Sums
from build_flows.artefacts.verdict import meets
from quant_models.records import Artefact, Record

__all__ = [
    "COUNTS", "GROUPS", "AccuracyGain", "Change", "CompareFile", "Failure", "MatchFile", "Matched", "Row", "RowExit", "Speedup", "Taken",
    "Use",
]

Number = int | float
Interval = tuple[float, float]
"""A 95 % interval."""

COUNTS = ("lut", "lutram", "ff", "bram36", "dsp")
"""The resources of a row, by key."""

GROUPS = ("backbone", "heads", "decisions", "gates", "streams", "control")
"""What units are for, in the order in which they are shown: the backbone's layers (with the last exit's own), the early exits' heads, all
decisions, gates with routers and forks, FIFOs, and everything else."""


class Taken(Record):
    """What a design takes, or may take, of what must fit; ``lut`` is all LUTs, those used as memory too."""

    lut: Number
    bram36: Number
    dsp: Number


class MatchFile(Artefact):
    """``match.json``: ``cycles`` a sample to design for; ``fits`` False: even the slowest design is too large, and ``cycles`` are its own.
    What the layers take by the cost model (``predicted``), and may take (``allowed``)."""

    cycles: int
    fits: bool
    predicted: Taken
    allowed: Taken


class Matched(Record):
    """What the baseline in the resources of layout ``layout`` was designed for: that layout's ``total``, the rest as in
    :class:`MatchFile`."""

    layout: str
    total: Sums
    fits: bool
    predicted: Taken
    allowed: Taken


class RowExit(Record):
    """An exit ``after`` a block (of a network of the user's own a stage) with a ``head`` ("own" there; None: the last one), and, measured
    in the RTL, the ``share`` of samples that leave there and their ``accuracy``, 0 to 1, None when none does; both with 95 % intervals.
    """

    after: int | None
    head: str | None
    policy: str
    share: float
    share_interval: Interval
    accuracy: float | None
    accuracy_interval: Interval | None


class Change(Record):
    """A ``difference`` of accuracies and its 95 % interval from ``low`` to ``high``, ``paired`` where both are of the same images."""

    difference: float
    low: float
    high: float
    paired: bool

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


class AccuracyGain(Record):
    """Accuracy less that of the baseline at the same ``rate``, and less that of the one with the same ``resources``; None without it."""

    rate: Change | None
    resources: Change | None


class Speedup(Record):
    """Samples a second by those of the baseline at the same ``rate`` and of the one with the same ``resources``; None without it."""

    rate: float | None
    resources: float | None


class Use(Record):
    """What units take that are for ``group``, one of :data:`GROUPS`, in ``stage`` (None: not of the backbone)."""

    group: str
    stage: int | None
    lut: int
    lutram: int
    ff: int
    bram36: Number
    dsp: int


class Row(Record):
    """A layout. ``baseline`` is ``rate`` or ``resources`` (None: it is none). ``accuracy`` (0 to 1) and ``samples`` are of the test images
    through the RTL; ``within_noise`` names the rows whose accuracy is not told apart from this one's at 95 %. ``cycles_per_sample`` is
    measured at steady state, ``samples_per_second`` is at ``expected_clock_mhz``, the lower of the clock set and the one estimated. ``rtl``
    is a hash of what was simulated and synthesised (None: not known). ``lut`` are logic LUTs,
    ``lutram`` LUTs that are memory or shift register, both counted in ``samples_per_second_per_klut``. ``shares`` are of the part,
    ``exits_add`` of the layout's own total. ``pareto``: it is on the front. ``config`` is its configuration's file."""

    name: str
    baseline: str | None
    exits: list[RowExit]
    accuracy: float
    accuracy_interval: Interval
    accuracy_gain: AccuracyGain
    within_noise: list[str]
    samples: int
    target_cycles_per_sample: int
    cycles_per_sample: float
    samples_per_second: float
    clock_mhz: float
    expected_clock_mhz: float
    limited_by: str
    lut: int
    lutram: int
    ff: int
    bram36: Number
    dsp: int
    carry: int = 0
    shares: Shares
    fits: bool
    short: list[str]
    fmax_estimate_mhz: float | None
    samples_per_second_per_klut: float | None
    exits_add: Shares
    speedup: Speedup
    pareto: bool
    matched: Matched | None
    uses: list[Use]
    config: str
    rtl: str | None

    @property
    def meets_clock(self) -> bool | None:
        """Whether the clock that is set is met by the estimate; None where there is none."""
        return meets(self.clock_mhz, self.fmax_estimate_mhz)

    @property
    def buildable(self) -> bool:
        """Whether it fits and, as far as that is known, keeps its clock."""
        return self.fits and self.meets_clock is not False

    @property
    def luts(self) -> int:
        """All LUTs, those that are memory too."""
        return self.lut + self.lutram


class Failure(Record):
    """A layout that failed, and what to do about it (unset: nothing known)."""

    name: str
    error: str
    hint: str = ""


class CompareFile(Artefact):
    """The whole file: ``layouts``, baselines first; the ``part`` and its ``capacity``; ``pareto`` names the rows that no other one beats in
    the ``objectives``, of those that can be built (of all: ``include_unbuildable``), ``unbuildable`` those that do not fit or miss their
    clock; ``reference`` the layout whose resources the second baseline got (None: there is no such baseline); ``weights``
    says where the weights come from; ``full``: totals are of whole tops; what ``failed``."""

    name: str
    source: str
    layouts: list[Row]
    part: str
    capacity: Capacity
    objectives: list[str]
    pareto: list[str]
    include_unbuildable: bool
    unbuildable: list[str]
    reference: str | None
    weights: str
    full: bool
    failed: list[Failure]
