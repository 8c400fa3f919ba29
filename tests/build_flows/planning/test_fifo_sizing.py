"""FIFO sizing, on the toy accelerator in Verilator and on a scripted probe."""

import pytest
from amaranth.back import verilog

from build_flows.planning.fifo_sizing import SizingError, measure
from hw.stage_probe import StageProbe
from sim.accelerator.probe import VerilatedProbe, build_probe
from tests import toy


@pytest.mark.cosim
def test_intervals_and_levels_of_the_toy(tmp_path, model_cache):
    netlist = toy.build(tmp_path, exits=3, paces=(7, 9))
    harness = StageProbe(netlist)
    (tmp_path / "stage_probe.v").write_text(verilog.convert(harness, name="stage_probe", emit_src=False, strip_internal_attrs=True))
    model = build_probe(sorted(tmp_path.glob("*.v")), (), ("*",), model_cache)
    with VerilatedProbe(model, tmp_path) as probe:
        sizing = measure(netlist, harness, probe)
    assert [stage.interval for stage in sizing.stages] == [16, 4 * 7, 4 * 9]
    assert sizing.stages[2].verdict_latency == 0
    # A FIFO, the sum's output register and the decision lie between a frame's last beat and its verdict.
    assert 4 <= sizing.stages[0].verdict_latency <= 9
    assert set(sizing.depths) == {item.name for item in harness.streams}
    assert all(sizing.depths[name] > level for name, level in sizing.reached.items())


class Silent:
    """A probe whose stages never answer."""

    def reset(self, cycles):
        pass

    def write(self, address, value):
        pass

    def read(self, address):
        return 0

    def run(self, cycles):
        pass


def test_a_stage_that_stands_still_is_an_error():
    netlist = toy.build(None)
    with pytest.raises(SizingError, match="stage 0 stands still: 0 frames after"):
        measure(netlist, StageProbe(netlist), Silent())
