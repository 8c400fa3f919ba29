"""A constant in front of layers adds to their sums; where one pads, or is no sum, nothing is changed."""

from pathlib import Path

import numpy as np
import pytest
from qonnx.core.onnx_exec import execute_onnx

from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.qonnx_graph import Graph
from build_flows.finn_bridge.qonnx_offset import Padded, fold_offset
from build_flows.finn_bridge.quiet import quiet_finn
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, conv, fc, flat, pool, relu, turn, two

VALID = {"pads": [0, 0, 0, 0]}


@pytest.mark.parametrize(
    "ops",
    [
        (conv(4, **VALID), act()), (pool((2, 1)), conv(3, (2, 2), **VALID), act()), (flat, fc(4), act()),
        (turn(0, 2, 3, 1), flat, fc(4), act()), (pool(2, 1), turn(0, 3, 1, 2), flat, fc(4), act()),
    ],
)
def test_the_same_comes_out(ops: tuple[Op, ...], tmp_path: Path) -> None:
    """Of images less a constant, as of images with it."""
    graph, _, _ = load_qonnx(two(tmp_path / "net.onnx", (6, 5, 2), *ops), images=False)
    model, images = graph.model, np.random.default_rng(0).integers(0, 128, (1, 2, 6, 5)) / 256
    offset = np.broadcast_to(np.array([32, 100]).reshape(1, 2, 1, 1) / 256, images.shape)
    with quiet_finn():
        wanted = execute_onnx(model, {"image": (images + offset).astype(np.float32)})
        (name,) = fold_offset(model, graph.readers("image")[0].output[0], offset)
        found = execute_onnx(model, {"image": images.astype(np.float32)})
    assert name.startswith(("Conv ", "MatMul "))
    assert all(np.allclose(found[key], wanted[key], atol=1e-5) for key in wanted)


@pytest.mark.parametrize(
    ("ops", "message"),
    [((conv(4), act()), "pads with 0 what is normalised"), ((relu, conv(4, **VALID), act()), "Relu my_Relu_1 is no layer that sums"),
     ((conv(4, auto_pad="SAME_UPPER"), act()), "pads with 0")],
)
def test_what_pads_or_is_no_sum_is_told(ops: tuple[Op, ...], message: str, tmp_path: Path) -> None:
    graph, _, _ = load_qonnx(two(tmp_path / "net.onnx", (6, 5, 2), *ops), images=False)
    before = graph.model.model.SerializeToString()
    with pytest.raises(Padded, match=message):
        fold_offset(graph.model, graph.readers("image")[0].output[0], np.ones((1, 2, 6, 5)))
    assert Graph(graph.model).model.model.SerializeToString() == before


def biased(b: Builder) -> None:
    """A convolution that has a bias already."""
    conv(4, **VALID)(b)
    b.nodes[-1].input.append(b.constant([1, -2, 3, 0.5]))


def test_a_bias_stays(tmp_path: Path) -> None:
    graph, _, _ = load_qonnx(two(tmp_path / "net.onnx", (6, 5, 2), biased, act()), images=False)
    (layer,) = [node for node in graph.model.graph.node if node.op_type == "Conv"]
    weight = graph.constant(layer.input[1])
    assert weight is not None
    fold_offset(graph.model, graph.readers("image")[0].output[0], np.ones((1, 2, 6, 5)))
    assert graph.constant(layer.input[2]) == pytest.approx(weight.sum(axis=(1, 2, 3)) + np.array([1, -2, 3, 0.5]))
