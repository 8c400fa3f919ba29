"""What lies in ``<output>/bitstream``: whose it is, whether it is whole, and Vivado's figures of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_flows.artefacts.resources import VivadoRecord
from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path, read_json
from build_flows.board.vivado_reports import figures

__all__ = ["BITSTREAM", "DESCRIPTION", "described", "is_built", "vivado_figures"]

BITSTREAM, DESCRIPTION = "bitstream", "bitstream.json"
"""The folder in the output folder, and the file in it that describes the others."""


def described(folder: Path) -> Mapping[str, Any]:
    """What ``bitstream.json`` in ``folder`` says (docs/interfaces.md); nothing when there is none that can be read."""
    try:
        found: Mapping[str, Any] = read_json(folder / DESCRIPTION)
    except OfframpError:
        return {}
    return found


def is_built(folder: Path, build: int) -> bool:
    """Whether ``folder`` holds a bitstream of the accelerator whose BUILD is ``build``, and every file of it is as it was made."""
    found = described(folder)
    files = found.get("files", {})
    return bool(files) and found.get("build") == build and all(hash_path(folder / name) == value for name, value in files.items())


def vivado_figures(folder: Path, build: int) -> VivadoRecord | None:
    """What Vivado found of the accelerator whose BUILD is ``build``, as ``resources.json`` holds it under ``vivado``; None when
    :func:`is_built` does not hold. The figures are of the whole block design: DMA, interconnect and all."""
    if not is_built(folder, build):
        return None
    found = described(folder)
    return VivadoRecord.model_validate({
        "vivado": found["vivado"], "board": found["board"], "part": found["part"], **figures(folder / "reports"),
    })
