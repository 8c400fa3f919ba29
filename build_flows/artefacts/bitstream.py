"""``bitstream.json`` (docs/interfaces.md): whose a bitstream is."""

from typing import ClassVar, Literal

from quant_models.records import Artefact

__all__ = ["BitstreamFile"]


class BitstreamFile(Artefact):
    """The design's name, the register BUILD, the ``board`` and its part, the ``flow`` and the version of each of its ``tools`` that is
    known, the clock that the processing system really gives, and the SHA-256 of every file beside this one."""

    VERSION: ClassVar[int] = 2

    version: int = 2
    design: str
    build: int
    board: str
    part: str
    flow: Literal["vivado", "open"]
    tools: dict[str, str]
    clock_mhz: float
    files: dict[str, str]
