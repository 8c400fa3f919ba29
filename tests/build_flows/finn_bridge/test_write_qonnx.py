"""The one form of a network that FINN reads: activations that give all integers of their bits are Quants, others step by step."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.finn_bridge.write_qonnx import write_qonnx
from tests.build_flows.finn_bridge.small_graphs import Op, act, clip, conv, sign, two


@pytest.mark.parametrize(
    ("ops", "kind"),
    [((conv(4), act()), None), ((conv(4), sign(0.5)), "UINT1"), ((conv(4), clip(-0.9, 0.3), act(signed=True)), "INT3"),
     ((conv(4), clip(0, 0.6), act()), "UINT3")],
)
def test_levels_are_written_where_a_quant_has_others(ops: Sequence[Op], kind: str | None, tmp_path: Path) -> None:
    network = read_qonnx(two(tmp_path / "net.onnx", (6, 5, 2), *ops))
    write_qonnx(network, tmp_path / "model.onnx")
    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    nodes = [node for node in graph.node if node.op_type == "MultiThreshold"]
    if kind is None:
        assert not nodes
        return
    (node,) = nodes
    assert {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}["out_dtype"].decode() == kind
    steps = numpy_helper.to_array(next(item for item in graph.initializer if item.name == node.input[1]))
    layer = network.stages[0][0]
    assert steps.shape == (4, (1 << layer.act_bits) - 1)
    assert (steps[:, 1:] >= steps[:, :-1]).all()
