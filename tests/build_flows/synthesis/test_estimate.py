"""Estimates beside what was synthesised, worked out by hand."""

from build_flows.artefacts.resources import EstimateRow, UnitRecord
from build_flows.synthesis.estimate import compare_estimates
from hw.netlist import Instance, Layer
from tests.build_flows.compare_samples import unit


def layer(name: str, op: str, cost: dict[str, float], finn: dict[str, float]) -> Layer:
    instance = Instance(name=name, module=name, clocks=("ap_clk",), resets_n=("ap_rst_n",))
    return Layer(
        name=name, op=op, stage=0, head=False, instances=(instance,), inputs=(), outputs=(), cycles=1, in_beats=1, out_beats=1,
        cost=cost, finn=finn,
    )


def cost(lut: float, lutram: float, ff: float, bram18: float, dsp: float) -> dict[str, float]:
    return {"lut": lut, "lutram": lutram, "ff": ff, "bram18": bram18, "dsp": dsp}


LAYERS = (
    layer("a_mvau", "MVAU_rtl", cost(1100.0, 100.0, 2000.0, 3.0, 8.0), {"bram18": 4.0, "dsp": 12.0, "cycles": 5.0}),
    layer("a_thr", "Thresholding_rtl", cost(90.0, 0.0, 200.0, 0.0, 0.0), {"lut": 50.0}),
    layer("fork", "StreamFork_rtl", {}, {"cycles": 4.0}),
    layer("b_pad", "FMPadding_rtl", cost(10.0, 0.0, 20.0, 0.0, 0.0), {}),
)
def synthesised(name: str, kind: str, lut: int, lutram: int, ff: int, bram36: float, dsp: int) -> UnitRecord:
    return unit(name, kind, lut).replace(lutram=lutram, ff=ff, bram36=bram36, dsp=dsp)


UNITS = (
    synthesised("a_mvau", "layer", 900, 100, 1600, 1.5, 8), synthesised("a_thr", "layer", 100, 0, 200, 0, 0),
    synthesised("fork", "fork", 5, 0, 2, 0, 0), synthesised("gate0", "gate", 77, 0, 2, 0, 0),
)


def test_estimates_stand_beside_what_was_synthesised() -> None:
    found = compare_estimates(LAYERS, UNITS)
    mvau, threshold = found.layers
    assert (mvau.layer, mvau.op) == ("a_mvau", "MVAU_rtl")
    assert mvau.finn == EstimateRow(lut=None, ff=None, bram36=2.0, dsp=12.0)
    assert mvau.corrected == EstimateRow(lut=1100.0, ff=2000.0, bram36=1.5, dsp=8.0)
    assert mvau.synthesised == EstimateRow(lut=1000, ff=1600, bram36=1.5, dsp=8)
    assert mvau.error.finn == EstimateRow(lut=None, ff=None, bram36=0.3333, dsp=0.5)
    assert mvau.error.corrected == EstimateRow(lut=0.1, ff=0.25, bram36=0.0, dsp=0.0)
    assert threshold.finn == EstimateRow(lut=50.0, ff=None, bram36=None, dsp=None)
    assert threshold.error.finn.lut == -0.5


def test_total_counts_what_was_synthesised_and_has_a_cost() -> None:
    total = compare_estimates(LAYERS, UNITS).total
    assert "layer" not in total.to_json()
    assert total.synthesised == EstimateRow(lut=1100, ff=1800, bram36=1.5, dsp=8)
    assert total.corrected == EstimateRow(lut=1190.0, ff=2200.0, bram36=1.5, dsp=8.0)
    assert total.finn == EstimateRow(lut=50.0, ff=None, bram36=2.0, dsp=12.0)
    assert total.error.finn.lut == round(50 / 1100 - 1, 4)
    assert total.error.corrected.dsp == 0


def test_a_noughts_block_that_was_not_foreseen_has_no_error() -> None:
    wrong = (layer("a_thr", "Thresholding_rtl", cost(90.0, 0.0, 200.0, 2.0, 0.0), {}),)
    assert compare_estimates(wrong, UNITS).layers[0].error.corrected.bram36 is None
