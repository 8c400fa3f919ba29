"""The drawing holds every stage, head, gate and exit, and is well-formed."""

from dataclasses import replace
from xml.etree import ElementTree

from build_flows.pages.report_diagram import WIDTH, _layers, diagram
from tests.build_flows.report_samples import netlist

SAMPLE = netlist()
NETLIST = replace(
    SAMPLE, input=replace(SAMPLE.input, height=28, width=28), order="input", result=replace(SAMPLE.result, bits=32),
    stages=(replace(SAMPLE.stages[0], target_cycles=1296), replace(SAMPLE.stages[1], reach=0.25, target_cycles=4147)),
    layers=tuple(
        replace(SAMPLE.layers[0], name=f"{part}{stage}_{name}", op=op, stage=stage, head=part == "head", folding={"pe": 4, "simd": 9})
        for stage in (0, 1) for part in ("stage", "head") for name, op in (("a<b_mvau", "MVAU_rtl"), ("thr", "Thresholding_rtl"))
    ),
    gates=(replace(SAMPLE.gates[0], frames=7),),
    exits=(replace(SAMPLE.exits[0], policy="max_logit", threshold=9), replace(SAMPLE.exits[1], policy="always", threshold=0)),
)


def test_everything_is_drawn() -> None:
    text = diagram(NETLIST, [0.75, 0.25])
    ElementTree.fromstring(text)
    for part in (
        "28x28x1",
        "stage 0",
        "stage 1",
        "head 1",
        "stage1_a&lt;b \u00b7 PE 4 SIMD 9",
        "7 frames",
        "exit 0: max_logit 9",
        "75.0 % of all leave",
        "25.0 % go on",
        "in input order",
        "32-bit results",
    ):
        assert part in text
    assert "built for 25 % of samples" in text
    assert "may take 4,147 cycles a frame" in text
    assert "_thr" not in text


def test_layers_of_every_body_are_drawn_and_fit_their_box() -> None:
    """Letters of the drawing are about 6 wide."""
    shared = {"pixels": 2, "inputs": 16, "outputs": 32, "lanes": 1}
    first = SAMPLE.layers[0]
    layers = tuple(replace(first, name=f"stage0_conv{k}", op=op, stage=0, head=False, folding=folding) for k, (op, folding) in enumerate((
        ("MVAU_rtl", {"pe": 16, "simd": 25}), ("StaticConv_rtl", {"pixels": 28}), ("SharedConv_rtl", shared | {"lut": 0}),
        ("SharedConv_rtl", shared | {"lut": 1}), ("Thresholding_rtl", {"pe": 1}), ("PixelPool_rtl", {"pixels": 8}))))
    lines = _layers(replace(NETLIST, layers=layers), 0, False)
    assert lines == [
        "stage0_conv0 \u00b7 PE 16 SIMD 25", "stage0_conv1 \u00b7 constant, 28 pixels", "stage0_conv2 \u00b7 DSPs, 1,024 products",
        "stage0_conv3 \u00b7 LUTs, 1,024 products", "stage0_conv5 \u00b7 8 pixels",
    ]
    assert max(map(len, lines)) * 6 < WIDTH - 12


def test_measured_intervals_stand_beside_the_plan() -> None:
    text = diagram(NETLIST, [0.75, 0.25], [1300, 4000])
    ElementTree.fromstring(text)
    assert "4,000 cycles a frame (of 4,147)" in text
    assert "may take" not in text
