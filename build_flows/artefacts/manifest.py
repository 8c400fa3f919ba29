"""The manifest ``NAME.json`` of a package (docs/interfaces.md): all that the board's driver, which reads it on its own, has to know of an
accelerator."""

from typing import Any, ClassVar

from quant_models.records import Artefact, Record

__all__ = ["Dma", "ImageRecord", "ManifestExit", "ManifestFile", "Registers", "ResultFieldRecord", "ResultRecord", "ScaleRecord"]


class ScaleRecord(Record):
    """How sensor values become integers, channel by channel: ``round((v - low) / step)``, kept within 0 to 255."""

    low: list[float]
    step: list[float]


class ImageRecord(Record):
    """An image: ``height * width * channels`` values of ``bits`` bits, and the ``words`` of ``bus_bits`` that hold it; ``scale`` where they
    are made of sensor windows."""

    height: int
    width: int
    channels: int
    bits: int
    signed: bool
    bus_bits: int
    words: int
    scale: ScaleRecord | None = None


class ResultFieldRecord(Record):
    """A field of the result word."""

    name: str
    offset: int
    width: int
    signed: bool


class ResultRecord(Record):
    """The result word."""

    bits: int
    fields: list[ResultFieldRecord]


class Registers(Record):
    """Where registers lie: ``range`` bytes from the physical address ``base`` on."""

    base: int
    range: int


class Dma(Registers):
    """Those of memory reader and writer: the version of their map, and the bits of a transfer's length in words."""

    register_map: int
    length_bits: int


class ManifestExit(Record):
    """An exit as built: ``scale`` is a logit's unit, ``threshold_range`` the least and the greatest threshold that make a difference (None:
    the policy has none), ``params`` the policy's scalar constants, ``gate_scale`` the unit of a gate head's logit."""

    policy: str
    classes: int
    threshold: int
    enabled: bool
    scale: float
    threshold_range: tuple[int, int] | None
    params: dict[str, Any]
    gate_scale: float = 1.0


class ManifestFile(Artefact):
    """The whole file: ``board_label`` is the board's name as its Linux has it, ``register_map`` the version of the accelerator's registers,
    ``files`` the SHA-256 of .bit and, where there is one, .hwh; with ``anytime`` every exit that an image passes gives a result; cycles a
    sample of the slowest stage at the planned reach, and when every image gets there; the counted ``streams`` in the order of their
    registers, and how many ``gates`` there are."""

    VERSION: ClassVar[int] = 2

    name: str
    offramp: str
    board: str
    board_label: str
    part: str
    clock_mhz: float
    build: int
    design: str
    register_map: int
    files: dict[str, str]
    input: ImageRecord
    result: ResultRecord
    order: str
    anytime: bool
    classes: int
    max_in_flight: int
    cycles_per_sample: float
    cycles_all_hard: int
    streams: list[str]
    gates: int
    dma: Dma
    accelerator: Registers
    exits: list[ManifestExit]
