"""What a multiplication takes is counted over whole units of ours."""

import pytest

from benchmarks.layer_macs import kinds, told, within
from build_flows.artefacts.resources import UnitRecord, UnitTiming
from build_flows.planning.network import fused
from build_flows.planning.unit import Fold
from tests.build_flows.networks import network

NET = fused(network((6, 6, 2), [[("conv", 3, 1, 1, 4), ("maxpool", 2, 2)], [("conv", 3, 1, 1, 8)]], [[("linear", 5)], [("linear", 5)]]))
FIRST, POOL, SECOND, HEADS = "stage0_conv0", "stage0_maxpool0", "stage1_conv0", ("head0_linear0", "head1_linear0")
FOLDS = {
    FIRST: Fold(body="static", pixels=2), POOL: Fold(body="static"), SECOND: Fold(body="shared", pixels=2, inputs=2, outputs=4, lanes=4),
    HEADS[0]: Fold(body="shared", inputs=4, outputs=3, lanes=3), HEADS[1]: Fold(),
}


def unit(name: str, lut: int, dsp: int = 0) -> UnitRecord:
    return UnitRecord(name=name, kind="layer", op=None, stage=0, head=False, exit_cost=False, lut=lut, lut_paired=lut, lutram=0, ff=0,
                      bram36=0, dsp=dsp, timing=UnitTiming(fmax_mhz=None, path="", path_ns=None, in_ns=None, out_ns=None, through_ns=None))


UNITS = [unit(FIRST, 1440), unit(SECOND, 100, 4), unit(HEADS[0], 68, 3), unit(HEADS[1], 999), unit("gate0", 77)]


def test_units_of_a_body_and_width_are_added_up() -> None:
    shared, static = kinds(NET, FOLDS, UNITS)
    # conv0: 4 outputs of 3 x 3 x 2 inputs, two pixels a cycle; conv1: 2 pixels x 2 inputs x 4 outputs; the head: 4 x 3
    assert (static.body, static.bits, static.layers, static.macs, static.lut, static.dsp) == ("static", 8, (FIRST,), 144, 1440, 0)
    assert (shared.body, shared.bits, shared.layers, shared.macs, shared.lut, shared.dsp) == (
        "shared", 4, (HEADS[0], SECOND), 16 + 12, 168, 7)
    assert told([shared, static]) == (
        f"shared, 4-bit inputs: 6.0 LUT + 0.25 DSP ({HEADS[0]}, {SECOND}; 28); static, 8-bit inputs: 10.0 LUT ({FIRST}; 144)")


@pytest.mark.parametrize(("lut", "dsp", "good"), [(168, 7, True), (169, 7, False), (168, 8, False)])
def test_a_limit_is_kept_exactly(lut: int, dsp: int, good: bool) -> None:
    found = kinds(NET, FOLDS, [unit(FIRST, 1440), unit(SECOND, lut - 68, dsp - 3), unit(HEADS[0], 68, 3)])
    assert within(found) is good
