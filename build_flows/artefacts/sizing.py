"""``sizing.json`` (docs/interfaces.md): what was measured of the stages, and how deep FIFOs and gates are for it."""

from pydantic import Field

from quant_models.records import Artefact, Record

__all__ = ["CostRecord", "FifoRecord", "GateRecord", "SizingFile", "StageRecord"]


class StageRecord(Record):
    """A stage: its ``reach`` as planned, the ``target`` and the ``predicted`` cycles a frame, the layer and unit that set those; and what
    was measured, cycles a frame (``interval``) and from a frame's start to its verdict."""

    index: int
    interval: int
    verdict_latency: int | None
    target: int
    predicted: int
    limited_by: str
    reach: float


class FifoRecord(Record):
    """A FIFO's ``depth`` in beats, the level it ``reached`` when endless, and for one of a skip the least depth by the ``rule`` of its
    paths' units (null: it is of no skip), with the units that whole frames were taken for (``whole_frame``)."""

    depth: int
    reached: int
    rule: int | None = None
    whole_frame: list[str] = Field(default_factory=list)


class GateRecord(Record):
    """A gate of ``frames`` frames: the share of throughput predicted to be lost to bursts, and the load of the stage behind."""

    frames: int
    loss: float
    utilisation: float


class CostRecord(Record):
    """Estimated resources; ``lut`` includes ``lutram``, and is before pairing, which could save ``pairable``; ``bram18`` are
    half blocks, ``carry`` CARRY4."""

    lut: int
    lutram: int
    ff: int
    bram18: int
    dsp: int
    pairable: int = 0
    carry: int = 0


class SizingFile(Artefact):
    """The whole file: ``stages`` in order, ``fifos`` by their streams' names, ``gates`` in order, and the folding's estimated ``cost``;
    ``cycles_per_sample`` that it was designed for (None: an earlier version's file, whose stage 0 has them as its target), which with
    ``auto`` is the fewest that were found to fit."""

    stages: list[StageRecord]
    fifos: dict[str, FifoRecord]
    gates: list[GateRecord]
    cost: CostRecord
    cycles_per_sample: int | None = None
    auto: bool = False
