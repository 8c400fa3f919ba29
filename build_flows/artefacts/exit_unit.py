"""``manifest.json`` of a generated exit-decision unit, and ``sweep.json`` of simulated ones (docs/exit_unit.md)."""

from typing import Any

from pydantic import Field as Default

from hw.control.registers import Field, Register
from hw.exits.unit import Port
from quant_models.records import Artefact, Record

__all__ = ["Latency", "SweepFile", "SweepRow", "SweepSeconds", "UnitManifest", "VectorCounts"]

Number = int | float


class Latency(Record):
    """Cycles from a sample's first beat, and from its last one, to its result, at full rate."""

    first_beat_to_result: int
    last_beat_to_result: int


class VectorCounts(Record):
    """Samples in the bench, those that ``leave``, and changes that the host makes."""

    samples: int
    leave: int
    writes: int


class UnitManifest(Artefact):
    """``manifest.json``: the module, its policy (``score``: whose score is compared) and its integer constants ``params``; thresholds, real
    and integer, one or one a class (None: there are none of the kind), what a real one is and the least and greatest that make a
    difference; the bound ``epsilon``; ports, the words of results and tokens, and registers; the SHA-256 of every ``files`` beside it."""

    made_by: str
    module: str
    policy: str
    score: str
    classes: int
    pe: int
    logit_bits: int
    scale: Number
    bias: list[int]
    params: dict[str, Any]
    threshold: Number | None
    integer_threshold: int | None
    class_thresholds: list[Number] | None
    integer_class_thresholds: list[int] | None
    threshold_unit: str | None
    threshold_range: tuple[int, int] | None
    enabled: bool
    epsilon: float
    latency: Latency
    initiation_interval: int
    control: str
    ports: list[Port]
    result: list[Field]
    token: list[Field]
    registers: list[Register]
    vectors: VectorCounts
    files: dict[str, str] = Default(default_factory=dict)


class SweepRow(Record):
    """A unit: how many samples ``agree`` with the golden model; cycles from one result to the next (``ii``, None for one sample), least,
    median and greatest latency in cycles (None: there was no result), and the most that it may be; cycles without a beat (``bubbles``);
    samples by what they cover; its real ``threshold`` and the bound ``epsilon`` (None: it has none). ``score``: whose score
    ``class_threshold`` compares. What it takes, where it was synthesised."""

    name: str
    policy: str
    classes: int
    pe: int
    samples: int
    agree: int
    ii: Number | None
    latency_min: int | None
    latency_median: float | None
    latency_max: int | None
    latency_bound: int
    bubbles: int
    coverage: dict[str, int]
    logit_bits: int
    scale: Number
    epsilon: float | None
    threshold: Number | None
    cycles: int
    sim_cycles_per_second: int
    score: str = ""
    lut: int = 0
    lut_paired: int = 0
    lutram: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: Number = 0


class SweepSeconds(Record):
    """Seconds for Verilog and model, for drawing samples, and for the simulation."""

    build: float
    draw: float
    simulate: float


class SweepFile(Artefact):
    """``sweep.json``: a row a unit, the ``faults`` in words, and how it was simulated."""

    units: list[SweepRow]
    faults: list[str]
    seed: int
    stall: float
    cycles: int
    sim_cycles_per_second: int
    seconds: SweepSeconds
