"""What lies in ``<output>/bitstream``: whose it is, whether it is whole, and what its tools found of it."""

from pathlib import Path

from build_flows.artefacts.bitstream import BitstreamFile
from build_flows.artefacts.resources import OpenRecord, VivadoRecord
from build_flows.base.files import hash_path
from build_flows.board import open_reports, vivado_reports
from quant_models.records import ArtefactError

__all__ = ["BITSTREAM", "DESCRIPTION", "described", "figures", "is_built"]

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


def figures(folder: Path, build: int) -> VivadoRecord | OpenRecord | None:
    """What the tools found of the accelerator whose BUILD is ``build``, as ``resources.json`` holds it; None when :func:`is_built` does
    not hold. The figures are of the whole design: memory reader and writer and all."""
    found = described(folder)
    if found is None or not is_built(folder, build):
        return None
    if found.flow == "open":
        return open_reports.figures(folder / "reports", tools=found.tools, board=found.board, part=found.part)
    return vivado_reports.figures(folder / "reports", vivado=found.tools["vivado"], board=found.board, part=found.part)
