"""The toy accelerator in its bench, built once for all tests of this folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amaranth.back import verilog

from hw.accelerator import Accelerator
from hw.netlist import Netlist
from tests import quick_simulator, toy

quick_simulator.install()


@pytest.fixture(scope="session")
def toy_rtl(tmp_path_factory) -> Callable[..., tuple[Netlist, Path]]:
    """``toy_rtl(**shape)``: netlist and ``rtl`` folder of a toy accelerator."""
    made: dict[str, tuple[Netlist, Path]] = {}

    def make(**shape) -> tuple[Netlist, Path]:
        key = repr(sorted(shape.items()))
        if key not in made:
            rtl = tmp_path_factory.mktemp("rtl")
            netlist = toy.build(rtl, **shape)
            text = verilog.convert(Accelerator(netlist), name="accelerator", emit_src=False, strip_internal_attrs=True)
            (rtl / "accelerator.v").write_text(text, encoding="utf-8")
            files = sorted(path.name for path in rtl.glob("*.v"))
            (rtl / "filelist.f").write_text("\n".join(files) + "\n", encoding="utf-8")
            made[key] = netlist, rtl
        return made[key]

    return make
