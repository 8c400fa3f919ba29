"""What is built of an accelerator for simulation."""

from pathlib import Path

from sim.tools.primitives import primitives
from sim.tools.verilator import read_filelist

__all__ = ["accelerator_sources"]


def accelerator_sources(rtl: Path) -> tuple[list[Path], list[Path]]:
    """Sources, with the models of primitives that they need, and include folders of the accelerator whose Verilog is in the folder ``rtl``
    (with ``filelist.f``), as absolute paths. Raises :class:`sim.errors.BuildError` as :func:`sim.tools.verilator.read_filelist` does."""
    sources, includes = read_filelist(rtl.absolute() / "filelist.f")
    return [*sources, *primitives(sources)], includes
