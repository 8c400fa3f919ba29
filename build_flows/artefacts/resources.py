"""``synthesis.json`` and ``resources.json`` (docs/interfaces.md, section 6): what the RTL takes of its part, and how fast it may be
clocked."""

from quant_models.records import Artefact, Record

__all__ = [
    "Capacity", "Difference", "EstimateErrors", "EstimateRow", "Estimates", "LayerEstimate", "MemoryRecord", "OpenRecord", "PathHop",
    "Power", "ResourcesFile", "RoutedTiming", "Shares", "StageSums", "Sums", "SynthesisFile", "TimingRecord", "UnitRecord",
    "UnitTiming", "VivadoRecord", "VivadoTiming", "WholeSums",
]

Number = int | float


class Sums(Record):
    """Resources (:class:`build_flows.synthesis.resources.Resources`): ``lut`` of logic, ``lut_paired`` after two small ones share one,
    ``lutram`` LUTs that are memory or shift register (in neither of the two), blocks of 36 kbit (one of 18 is half), DSP48E1, and
    CARRY4 (0 in files of before they were counted)."""

    lut: int
    lut_paired: int
    lutram: int
    ff: int
    bram36: Number
    dsp: int
    carry: int = 0


class Capacity(Record):
    """What a part has; its LUTs of memory are among ``lut``. CARRY4: one a slice; 0 where they are not told."""

    lut: Number
    lutram: Number
    ff: Number
    bram36: Number
    dsp: Number
    carry: Number = 0


class Shares(Record):
    """A share by resource, 0 to 1 or above; ``lut`` of a design with its LUTs of memory."""

    lut: float
    lutram: float
    ff: float
    bram36: float
    dsp: float
    carry: float = 0.0


class Difference(Record):
    """Sum of units / whole - 1, by resource; None where the whole has none and the sum has."""

    lut: float | None
    lut_paired: float | None
    lutram: float | None
    ff: float | None
    bram36: float | None
    dsp: float | None
    carry: float | None = None


class WholeSums(Sums):
    """The complete top, synthesised as one, and the ``difference`` of the sum of units from it."""

    difference: Difference


class PathHop(Record):
    """A cell on a path: in by ``into`` after a net of ``net_ns``, out by ``out`` after ``cell_ns``."""

    name: str
    cell: str
    into: str
    out: str
    net_ns: float
    cell_ns: float
    fanout: int


class TimingRecord(Record):
    """Longest paths in ns, None where there is none: between registers (``path_ns``; ``period_ns`` with the clock buffer's limit), from
    inputs, to outputs, and through. ``fmax_mhz`` is estimated before placement, under the ``assumptions``."""

    fmax_mhz: float | None
    period_ns: float | None
    path_ns: float | None
    in_ns: float | None
    out_ns: float | None
    through_ns: float | None
    path: list[PathHop]
    assumptions: list[str]


class UnitTiming(Record):
    """Of one unit by itself; its longest ``path`` in a line."""

    fmax_mhz: float | None
    path: str
    path_ns: float | None
    in_ns: float | None
    out_ns: float | None
    through_ns: float | None


class UnitRecord(Sums):
    """A synthesised unit: its ``kind`` and FINN's ``op``, the ``stage`` it is in (None: none), whether in its ``head``, and whether it is
    there for early exits (``exit_cost``)."""

    name: str
    kind: str
    op: str | None
    stage: int | None
    head: bool
    exit_cost: bool
    timing: UnitTiming


class StageSums(Sums):
    """Sums over the ``units`` of a stage, or of its head; ``stage`` None: of those that belong to none."""

    stage: int | None
    head: bool
    units: int


class MemoryRecord(Record):
    """A memory of ``unit``: see :class:`build_flows.synthesis.memories.Memory`."""

    unit: str
    name: str
    words: int
    bits: int
    writable: bool
    wanted: str
    found: str


class EstimateRow(Record):
    """Estimated or synthesised resources of a layer, ``lut`` with its LUTs of memory; None: there is no model."""

    lut: Number | None
    ff: Number | None
    bram36: Number | None
    dsp: Number | None


class EstimateErrors(Record):
    """By how much estimates are above (below 0: under) what was synthesised, as a share of that."""

    finn: EstimateRow
    corrected: EstimateRow


class LayerEstimate(Record):
    """FINN's estimate, ours, and what was synthesised, of a ``layer``, or in total (no ``layer`` then)."""

    finn: EstimateRow
    corrected: EstimateRow
    synthesised: EstimateRow
    error: EstimateErrors
    layer: str = ""
    op: str = ""


class Estimates(Record):
    """Layer by layer, and in total."""

    layers: list[LayerEstimate]
    total: LayerEstimate


class SynthesisFile(Artefact):
    """``synthesis.json``: the part and its ``capacity``; ``total`` (of what: ``total_of``) against it, whether it ``fits`` and what is
    ``short``; the clock that is set and the fastest one estimated; units, stages, memories and estimates one by one."""

    part: str
    capacity: Capacity
    clock_mhz: float
    total: Sums
    total_of: str
    sum_of_units: Sums
    whole: WholeSums | None
    shares: Shares
    fits: bool
    short: list[str]
    fmax_estimate_mhz: float | None
    timing: TimingRecord
    path: str
    units: list[UnitRecord]
    stages: list[StageSums]
    exits_add: Shares
    memories: list[MemoryRecord]
    memories_elsewhere: list[str]
    estimates: Estimates


class VivadoTiming(Record):
    """Worst slack of setup and of hold (None: there is no such path) in ns, and over all end points; the clock, whether it is met, and the
    one that would just be."""

    wns_ns: float
    tns_ns: float
    whs_ns: float | None
    met: bool
    fmax_mhz: float
    clock_mhz: float
    path: str | None


class Power(Record):
    """Vivado's estimate in W, with the processing system; from assumed activity unless the report says otherwise."""

    total_w: float
    dynamic_w: float
    static_w: float


class VivadoRecord(Record):
    """What Vivado found of the whole design, memory reader and writer with it, as implemented; LUTs as in :class:`Capacity`."""

    vivado: str
    board: str
    part: str
    utilisation: Capacity
    capacity: Capacity
    timing: VivadoTiming
    power: Power

    @property
    def by(self) -> str:
        """What built it, in words."""
        return f"Vivado {self.vivado}"


class RoutedTiming(Record):
    """The clock that is set, the one that the routed design keeps by nextpnr's analysis, and whether that is enough."""

    clock_mhz: float
    fmax_mhz: float
    met: bool


class OpenRecord(Record):
    """What the open flow found of the whole design: the versions of its ``tools`` that are known, what the netlist takes that was placed
    (LUTs one by one, none paired), and ``timing`` after routing (None: nextpnr tells none)."""

    tools: dict[str, str]
    board: str
    part: str
    utilisation: Capacity
    capacity: Capacity
    timing: RoutedTiming | None

    @property
    def by(self) -> str:
        """What built it, in words."""
        told = ", ".join(f"{name} {version}" for name, version in sorted(self.tools.items()))
        return f"the open flow ({told})" if told else "the open flow"


class ResourcesFile(SynthesisFile):
    """``resources.json``: the same, and the figures of what built it where there is a bitstream of this netlist: ``vivado``, or ``open``
    for the open flow."""

    vivado: VivadoRecord | None
    open: OpenRecord | None = None

    @property
    def routed(self) -> VivadoRecord | OpenRecord | None:
        """The figures of what built it; None where there is no bitstream."""
        return self.vivado or self.open
