"""The manifest ``NAME.json`` of a package (docs/interfaces.md): all that the board's driver, which reads it on its own, has to know of an
accelerator."""

from typing import Any

from quant_models.records import Artefact, Record

__all__ = ["Dma", "ImageRecord", "Instance", "ManifestExit", "ManifestFile", "ResultFieldRecord", "ResultRecord"]


class ImageRecord(Record):
    """An image: ``height * width * channels`` values of ``bits`` bits, and the ``words`` of ``bus_bits`` that hold it."""

    height: int
    width: int
    channels: int
    bits: int
    signed: bool
    bus_bits: int
    words: int


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


class Instance(Record):
    """What a block is called in the block design."""

    instance: str


class Dma(Instance):
    """The DMA, and the bits of a transfer's length."""

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
    """The whole file: ``board_label`` is the board's name as its Linux has it, ``register_map`` the version of the registers, ``files`` the
    SHA-256 of .bit and .hwh; cycles a sample of the slowest stage at the planned reach, and when every image gets there; the counted
    ``streams`` in the order of their registers, and how many ``gates`` there are."""

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
    classes: int
    max_in_flight: int
    cycles_per_sample: float
    cycles_all_hard: int
    streams: list[str]
    gates: int
    dma: Dma
    accelerator: Instance
    exits: list[ManifestExit]
