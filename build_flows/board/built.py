"""What lies in ``<output>/bitstream``: whose it is, whether it is whole, and Vivado's figures of it."""

from pathlib import Path

from build_flows.artefacts.bitstream import BitstreamFile
from build_flows.artefacts.resources import VivadoRecord
from build_flows.base.files import hash_path
from build_flows.board.vivado_reports import figures
from quant_models.records import ArtefactError

__all__ = ["BITSTREAM", "DESCRIPTION", "described", "is_built", "vivado_figures"]

BITSTREAM, DESCRIPTION = "bitstream", "bitstream.json"
"""The folder in the output folder, and the file in it that describes the others."""


def described(folder: Path) -> BitstreamFile | None:
    """What ``bitstream.json`` in ``folder`` says; None when there is none that can be read."""
    try:
        return BitstreamFile.load(folder / DESCRIPTION)
    except ArtefactError:
        return None


def is_built(folder: Path, build: int) -> bool:
    """Whether ``folder`` holds a bitstream of the accelerator whose BUILD is ``build``, and every file of it is as it was made."""
    found = described(folder)
    if found is None or found.build != build or not found.files:
        return False
    return all(hash_path(folder / name) == value for name, value in found.files.items())


def vivado_figures(folder: Path, build: int) -> VivadoRecord | None:
    """What Vivado found of the accelerator whose BUILD is ``build``, as ``resources.json`` holds it under ``vivado``; None when
    :func:`is_built` does not hold. The figures are of the whole block design: DMA, interconnect and all."""
    found = described(folder)
    if found is None or not is_built(folder, build):
        return None
    return figures(folder / "reports", vivado=found.vivado, board=found.board, part=found.part)
