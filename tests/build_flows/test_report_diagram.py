"""The drawing holds every stage, head, gate and exit, and is well-formed."""

from xml.etree import ElementTree

from build_flows.report_diagram import diagram

NETLIST = {
    "input": {"height": 28, "width": 28, "channels": 1},
    "stages": [{"index": 0, "reach": 1.0, "target_cycles": 1296}, {"index": 1, "reach": 0.25, "target_cycles": 4147}],
    "layers": [
        {"name": f"{part}{stage}_a<b", "stage": stage, "head": part == "head", "folding": {"pe": 1}}
        for stage in (0, 1)
        for part in ("stage", "head")
    ],
    "gates": [{"exit": 0, "frames": 7}],
    "exits": [{"policy": "max_logit", "threshold": 9}, {"policy": "always", "threshold": 0}],
    "order": "input",
    "result": {"bits": 32},
}


def test_everything_is_drawn() -> None:
    text = diagram(NETLIST, [0.75, None])
    ElementTree.fromstring(text)
    for part in (
        "stage 0",
        "stage 1",
        "head 1",
        "stage1_a&lt;b",
        "7 frames",
        "exit 0: max_logit 9",
        "75.0 % leave",
        "in input order",
        "32-bit results",
    ):
        assert part in text
    assert "planned for 25 % of samples, 4,147 cycles each" in text
