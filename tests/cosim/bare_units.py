"""Units whose ports are more than streams, by family: the Verilated model has every port of theirs, the benches play every cycle."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hw.control.axi_lite import AxiLiteRegisters
from hw.control.registers import Field, Register
from hw.exits.admission import Admission
from hw.exits.merge import ExitMerge
from hw.exits.router import ExitRouter
from hw.exits.token import token_layout
from hw.netlist import ResultField

LABEL_BITS = 4
CONFIDENCE_BITS = 10


@dataclass(frozen=True, kw_only=True)
class AdmissionShape:
    width: int
    frame_beats: int
    id_bits: int
    max_in_flight: int


@dataclass(frozen=True, kw_only=True)
class RouterShape:
    id_bits: int
    max_in_flight: int
    last: bool


@dataclass(frozen=True, kw_only=True)
class MergeShape:
    """``fields`` are offset and width in the result word, by name."""

    exits: int
    id_bits: int
    max_in_flight: int
    bits: int
    fields: dict[str, tuple[int, int]]
    order: str


ADMISSIONS = {
    "admit_one": AdmissionShape(width=5, frame_beats=1, id_bits=1, max_in_flight=1),
    "admit": AdmissionShape(width=8, frame_beats=3, id_bits=2, max_in_flight=3),
    "admit_many": AdmissionShape(width=24, frame_beats=2, id_bits=9, max_in_flight=8),
}
ROUTERS = {
    "router": RouterShape(id_bits=8, max_in_flight=4, last=False),
    "router_odd": RouterShape(id_bits=5, max_in_flight=11, last=False),
    "router_last": RouterShape(id_bits=8, max_in_flight=4, last=True),
}
WORD = {"id": (0, 8), "label": (8, 4), "exit": (12, 2), "confidence": (16, 6), "cycles": (24, 5)}
MERGES = {
    "merge_arrival": MergeShape(exits=3, id_bits=8, max_in_flight=6, bits=32, fields=WORD, order="arrival"),
    "merge_input": MergeShape(exits=3, id_bits=8, max_in_flight=6, bits=32, fields=WORD, order="input"),
    "merge_wide": MergeShape(exits=2, id_bits=6, max_in_flight=8, bits=64, order="arrival",
                             fields={"cycles": (0, 16), "id": (20, 3), "label": (30, 4), "confidence": (40, 16), "exit": (63, 1)}),
    "merge_small": MergeShape(exits=2, id_bits=6, max_in_flight=5, bits=8, fields={"label": (0, 4), "id": (5, 3)}, order="input"),
    "merge_lone": MergeShape(exits=1, id_bits=4, max_in_flight=1, bits=16, fields={"id": (0, 4), "cycles": (4, 8)}, order="input"),
}
REGISTERS = (
    Register(name="ID", offset=0x00, bits=32, access="ro", doc=""),
    Register(name="LIMIT", offset=0x04, bits=12, access="rw", signed=True, init=-5, doc=""),
    Register(name="WORD", offset=0x08, bits=32, access="rw", init=7, doc=""),
    Register(name="LEVEL", offset=0x0C, bits=9, access="ro", signed=True, doc=""),
    Register(name="GO", offset=0x10, bits=10, access="pulse", doc="", fields=(
        Field(name="now", lsb=0, bits=1, doc=""), Field(name="later", lsb=8, bits=2, doc=""))),
    Register(name="STATE", offset=0x14, bits=20, access="ro", doc="", fields=(
        Field(name="busy", lsb=0, bits=1, doc=""), Field(name="count", lsb=16, bits=4, doc=""))),
    Register(name="FLAG", offset=0x3C, bits=1, access="rw", doc=""),
)
ADDR_WIDTH = 6


def _admission(shape: AdmissionShape) -> Admission:
    return Admission(width=shape.width, frame_beats=shape.frame_beats, id_bits=shape.id_bits, max_in_flight=shape.max_in_flight)


def _router(shape: RouterShape) -> ExitRouter:
    token = token_layout(id_bits=shape.id_bits, max_in_flight=shape.max_in_flight)
    return ExitRouter(token=token, label_bits=LABEL_BITS, confidence_bits=CONFIDENCE_BITS, last=shape.last)


def _merge(shape: MergeShape) -> ExitMerge:
    fields = [ResultField(name=name, offset=offset, width=width, signed=name == "confidence")
              for name, (offset, width) in shape.fields.items()]
    return ExitMerge(exits=shape.exits, token=token_layout(id_bits=shape.id_bits, max_in_flight=shape.max_in_flight),
                     max_in_flight=shape.max_in_flight, label_bits=LABEL_BITS, confidence_bits=CONFIDENCE_BITS, bits=shape.bits,
                     fields=fields, order=shape.order)


BARE: dict[str, Callable[[], Any]] = {
    **{name: lambda shape=shape: _admission(shape) for name, shape in ADMISSIONS.items()},
    **{name: lambda shape=shape: _router(shape) for name, shape in ROUTERS.items()},
    **{name: lambda shape=shape: _merge(shape) for name, shape in MERGES.items()},
    "registers": lambda: AxiLiteRegisters(REGISTERS, ADDR_WIDTH),
}
