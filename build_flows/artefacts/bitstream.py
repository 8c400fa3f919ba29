"""``bitstream.json`` (docs/interfaces.md): whose a bitstream is."""

from quant_models.records import Artefact

__all__ = ["BitstreamFile"]


class BitstreamFile(Artefact):
    """The block design's name, the register BUILD, the ``board`` and its part, the version of Vivado, the clock that the processing system
    really gives, and the SHA-256 of every file beside this one."""

    design: str
    build: int
    board: str
    part: str
    vivado: str
    clock_mhz: float
    files: dict[str, str]
