"""Every unit of ours as Verilog, in one Verilated model, against models: tests/cosim/{unit,bare,register}_bench.py."""

import pytest
from amaranth.back import verilog

from sim.accelerator.waivers import waivers
from sim.tools.cocotb_process import run_cocotb
from sim.tools.verilator import Design, build
from tests.cosim.units import AllUnits

pytestmark = pytest.mark.cosim

BENCHES = ("tests.cosim.unit_bench", "tests.cosim.bare_bench", "tests.cosim.register_bench")


@pytest.mark.slow
def test_units(model_cache, tmp_path):
    top = AllUnits()
    source = tmp_path / "units.v"
    source.write_text(verilog.convert(top, name="units", ports=top.ports, emit_src=False, strip_internal_attrs=True), encoding="utf-8")
    design = Design(top="units", sources=[source], waive=waivers([source]), public={"units": [port.name for port in top.ports]},
                    optimise="O1")
    run_cocotb(build(design, model_cache), top="units", module=",".join(BENCHES), folder=tmp_path / "run", timeout=600)
