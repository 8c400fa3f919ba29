"""FPGA parts and boards as data: add a row to add one."""

from dataclasses import dataclass

from build_flows.base.errors import OfframpError

__all__ = ["BOARDS", "PARTS", "Part", "PartError", "find_part"]


class PartError(OfframpError):
    """A part or board that is not in the tables; the message lists those that are."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a part holds. ``name`` is the full name FINN and Vivado want.

    ``lutram`` counts the LUTs that can be memory or shift register (they are among ``lut``); ``bram36`` counts 36 kbit blocks, each
    also usable as two of 18 kbit; ``dsp`` are slices of kind ``dsp_block``. ``family`` is what Yosys calls the part's family.
    Figures are those of AMD's product table (DS190) for Zynq-7000.
    """

    name: str
    lut: int
    lutram: int
    ff: int
    bram36: int
    dsp: int
    dsp_block: str
    family: str = "xc7"

    @property
    def bram18(self) -> int:
        """18 kbit block RAMs."""
        return 2 * self.bram36

    @property
    def carry(self) -> int:
        """CARRY4: a slice has one, and four LUTs."""
        return self.lut // 4


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(name="xc7z010clg400-1", lut=17600, lutram=6000, ff=35200, bram36=60, dsp=80, dsp_block="DSP48E1"),
        Part(name="xc7z020clg400-1", lut=53200, lutram=17400, ff=106400, bram36=140, dsp=220, dsp_block="DSP48E1"),
        Part(name="xc7z020clg484-1", lut=53200, lutram=17400, ff=106400, bram36=140, dsp=220, dsp_block="DSP48E1"),
        Part(name="xc7z045ffg900-2", lut=218600, lutram=70400, ff=437200, bram36=545, dsp=900, dsp_block="DSP48E1"),
    )
}

BOARDS: dict[str, str] = {
    "pynq-z1": "xc7z020clg400-1",
    "pynq-z2": "xc7z020clg400-1",
    "arty-z7-20": "xc7z020clg400-1",
    "cora-z7-10": "xc7z010clg400-1",
    "microzed-7010": "xc7z010clg400-1",
    "microzed-7020": "xc7z020clg400-1",
    "zedboard": "xc7z020clg484-1",
    "zybo-z7-20": "xc7z020clg400-1",
}
"""The part of each board that a configuration may name (:mod:`build_flows.board.platforms` has the rest of them)."""


def find_part(name: str) -> Part:
    """The part called ``name``, or the part of the board called ``name`` (any case; ``_`` as ``-``). Raises :class:`PartError`."""
    key = name.lower().replace("_", "-")
    part = PARTS.get(BOARDS.get(key, key))
    if part is None:
        known = ", ".join([*sorted(BOARDS), *sorted(PARTS)])
        raise PartError(f"no board or part is called {name!r}; known are {known}", hint="add a row to build_flows/base/parts.py")
    return part
