from build_flows.synthesis.estimate import compare_estimates
from hw.netlist import Instance, Layer


def layer(name, op, cost, finn):
    instance = Instance(name=name, module=name, clocks=("ap_clk",), resets_n=("ap_rst_n",))
    return Layer(
        name=name, op=op, stage=0, head=False, instances=(instance,), inputs=(), outputs=(), cycles=1, in_beats=1, out_beats=1,
        cost=cost, finn=finn,
    )


def cost(lut, lutram, ff, bram18, dsp):
    return {"lut": lut, "lutram": lutram, "ff": ff, "bram18": bram18, "dsp": dsp}


LAYERS = (
    layer("a_mvau", "MVAU_rtl", cost(1100.0, 100.0, 2000.0, 3.0, 8.0), {"bram18": 4.0, "dsp": 12.0, "cycles": 5.0}),
    layer("a_thr", "Thresholding_rtl", cost(90.0, 0.0, 200.0, 0.0, 0.0), {"lut": 50.0}),
    layer("fork", "StreamFork_rtl", {}, {"cycles": 4.0}),
    layer("b_pad", "FMPadding_rtl", cost(10.0, 0.0, 20.0, 0.0, 0.0), {}),
)
UNITS = (
    {"name": "a_mvau", "kind": "layer", "lut": 900, "lutram": 100, "ff": 1600, "bram36": 1.5, "dsp": 8},
    {"name": "a_thr", "kind": "layer", "lut": 100, "lutram": 0, "ff": 200, "bram36": 0, "dsp": 0},
    {"name": "fork", "kind": "fork", "lut": 5, "lutram": 0, "ff": 2, "bram36": 0, "dsp": 0},
    {"name": "gate0", "kind": "gate", "lut": 77, "lutram": 0, "ff": 2, "bram36": 0, "dsp": 0},
)


def test_estimates_stand_beside_what_was_synthesised():
    found = compare_estimates(LAYERS, UNITS)
    mvau, threshold = found["layers"]
    assert (mvau["layer"], mvau["op"]) == ("a_mvau", "MVAU_rtl")
    assert mvau["finn"] == {"lut": None, "ff": None, "bram36": 2.0, "dsp": 12.0}
    assert mvau["corrected"] == {"lut": 1100.0, "ff": 2000.0, "bram36": 1.5, "dsp": 8.0}
    assert mvau["synthesised"] == {"lut": 1000, "ff": 1600, "bram36": 1.5, "dsp": 8}
    assert mvau["error"]["finn"] == {"lut": None, "ff": None, "bram36": 0.3333, "dsp": 0.5}
    assert mvau["error"]["corrected"] == {"lut": 0.1, "ff": 0.25, "bram36": 0.0, "dsp": 0.0}
    assert threshold["finn"] == {"lut": 50.0, "ff": None, "bram36": None, "dsp": None}
    assert threshold["error"]["finn"]["lut"] == -0.5


def test_total_counts_what_was_synthesised_and_has_a_cost():
    total = compare_estimates(LAYERS, UNITS)["total"]
    assert total["synthesised"] == {"lut": 1100, "ff": 1800, "bram36": 1.5, "dsp": 8}
    assert total["corrected"] == {"lut": 1190.0, "ff": 2200.0, "bram36": 1.5, "dsp": 8.0}
    assert total["finn"] == {"lut": 50.0, "ff": None, "bram36": 2.0, "dsp": 12.0}
    assert total["error"]["finn"]["lut"] == round(50 / 1100 - 1, 4)
    assert total["error"]["corrected"]["dsp"] == 0


def test_a_noughts_block_that_was_not_foreseen_has_no_error():
    wrong = (layer("a_thr", "Thresholding_rtl", cost(90.0, 0.0, 200.0, 2.0, 0.0), {}),)
    row = compare_estimates(wrong, UNITS)["layers"][0]
    assert row["error"]["corrected"]["bram36"] is None
