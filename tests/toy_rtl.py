"""The toy accelerator's ``rtl/`` folder; what was written once in a test run is not generated again."""

import tempfile
from pathlib import Path

from amaranth.back import verilog

from hw.accelerator import Accelerator
from hw.netlist import Netlist
from tests import toy

_MADE: dict[str, tuple[Netlist, dict[str, str]]] = {}


def emit(rtl: Path, **shape: object) -> Netlist:
    """Write the Verilog of ``toy.build(**shape)`` and of its top into the new folder ``rtl``; its netlist."""
    key = repr(sorted(shape.items()))
    if key not in _MADE:
        with tempfile.TemporaryDirectory() as folder:
            netlist = toy.build(Path(folder), **shape)  # type: ignore[arg-type]
            files = {path.name: path.read_text() for path in Path(folder).iterdir()}
        files["accelerator.v"] = verilog.convert(Accelerator(netlist), name="accelerator", emit_src=False, strip_internal_attrs=True)
        _MADE[key] = netlist, files
    netlist, files = _MADE[key]
    rtl.mkdir(parents=True)
    for name, text in files.items():
        (rtl / name).write_text(text)
    return netlist
