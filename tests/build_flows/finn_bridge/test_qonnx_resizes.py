"""Resize and Upsample nodes in the forms that people bring: repetition, exactly as qonnx executes it, or refused by name."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.qonnx_resizes import upsampling
from build_flows.finn_bridge.qonnx_sum import Value
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import (
    ASYMMETRIC,
    Builder,
    Op,
    act,
    affine,
    avg,
    conv,
    flat,
    local,
    logits,
    norm,
    pad,
    pool,
    resize,
    two,
    write,
)

SHAPE = (4, 3, 2)
HALF = {"mode": "nearest"}
"""ONNX's own defaults: half_pixel, round_prefer_floor."""


@pytest.mark.many(4)
@pytest.mark.parametrize(("ops", "factor"), [
    ((conv(4), act(), resize(2, 2)), (2, 2)),
    ((conv(4), act(signed=True), resize(3, 2), conv(3), act()), (3, 2)),
    ((conv(4), act(), resize(1, 2)), (1, 2)),
    ((conv(4), act(), resize(2, 2, **HALF)), (2, 2)),
    ((conv(4), act(), resize(3, 5, **HALF)), (3, 5)),
    ((conv(4), act(), resize(4, 4, mode="nearest", coordinate_transformation_mode="half_pixel_symmetric")), (4, 4)),
    ((conv(4), act(), resize(2, 2, mode="nearest", coordinate_transformation_mode="asymmetric")), (2, 2)),
    ((conv(4), act(), resize(sizes=(1, 4, 8, 9), **ASYMMETRIC)), (2, 3)),
    ((resize(2, 2), conv(4), act()), (2, 2)),
    # Behind sums it goes behind their quantiser, whatever stands between them.
    ((conv(4), resize(2, 2), act()), (2, 2)),
    ((conv(4), resize(2, 2), norm(0.7, -1.2, 0.0, 1.1), act(signed=True)), (2, 2)),
    ((conv(4), act(), local(), resize(2, 2), act()), (2, 2)),
    ((conv(4), act(), avg, resize(4, 3), affine("Add", 0.1, -0.1), act(signed=True)), (4, 3)),
    ((conv(4), pool(), resize(2, 2), act(), conv(3), act()), (2, 2)),
])
def test_repetitions_are_exact(ops: Sequence[Op], factor: tuple[int, int], tmp_path: Path) -> None:
    network = read_same(two(tmp_path / "net.onnx", SHAPE, *ops))
    (found,) = [layer for part in (*network.stages, *network.heads) for layer in part if layer.kind == "upsample"]
    assert found.factor == factor


def test_what_changes_nothing_is_no_layer(tmp_path: Path) -> None:
    network = read_same(two(tmp_path / "net.onnx", SHAPE, conv(4), act(), resize(1, 1)))
    assert not network.forks
    assert [layer.kind for layer in network.stages[0]] == ["conv"]


def test_a_constant_taken_from_images_goes_behind_it(tmp_path: Path) -> None:
    """Normalised images, upsampled before the first convolution, which has no padding."""
    def start(b: Builder) -> None:
        affine("Sub", 0.4)(b)
        b.quant(1 / 128, 8, signed=True)

    network = read_qonnx(write(tmp_path / "net.onnx", SHAPE, (resize(2, 2), conv(4, pads=[0, 0, 0, 0]), act()), [flat, logits],
                               [conv(3, pads=[0, 0, 0, 0]), act(), flat], [logits], start=start))
    assert "upsample" in [layer.kind for layer in network.stages[0]]


def other(path: Path, version: int, edit: Callable[[Any, Any], None]) -> Path:
    """A file of ``two`` as ``version`` of ONNX had it, its Resize changed by ``edit``, of the graph and the node."""
    two(path, SHAPE, conv(4), act(), resize(2, 3))
    model = onnx.load(str(path))
    next(item for item in model.opset_import if item.domain == "").version = version
    node = next(item for item in model.graph.node if item.op_type == "Resize")
    edit(model.graph, node)
    onnx.save(model, str(path))
    return path


def _upsample(graph: Any, node: Any) -> None:
    node.op_type = "Upsample"
    del node.attribute[1:]
    node.input[:] = [node.input[0], node.input[2]]


def _attribute(graph: Any, node: Any) -> None:
    _upsample(graph, node)
    del node.input[1:]
    node.attribute.append(helper.make_attribute("scales", [1.0, 1.0, 2.0, 3.0]))


def _ten(graph: Any, node: Any) -> None:
    del node.attribute[1:]
    node.input[:] = [node.input[0], node.input[2]]


def _axes(graph: Any, node: Any) -> None:
    """Columns, then rows."""
    graph.initializer.append(numpy_helper.from_array(np.array([3, 2], np.float32), "turned"))
    node.input[2] = "turned"
    node.attribute.append(helper.make_attribute("axes", [-1, 2]))


@pytest.mark.parametrize(("version", "edit"), [(9, _upsample), (10, _ten), (7, _attribute), (18, _axes)])
def test_other_forms_are_read(version: int, edit: Callable[[Any, Any], None], tmp_path: Path) -> None:
    network = read_qonnx(other(tmp_path / "net.onnx", version, edit))
    assert [layer.factor for layer in network.stages[0] if layer.kind == "upsample"] == [(2, 3)]


def test_the_size_of_another_map_is_a_constant(tmp_path: Path) -> None:
    """As torch exports ``interpolate(size=x.shape[-2:])``: sizes made of the shape of what is resized, and of two numbers."""
    path = two(tmp_path / "net.onnx", SHAPE, conv(4), act(), pool((2, 3)), resize(2, 3))
    model = onnx.load(str(path))
    node = next(item for item in model.graph.node if item.op_type == "Resize")
    source = next(item for item in model.graph.node if item.op_type == "Conv").output[0]
    more = [
        helper.make_node("Shape", [node.input[0]], ["first"], end=2), helper.make_node("Shape", [source], ["last"], start=2),
        helper.make_node("Concat", ["first", "last"], ["sizes"], axis=0),
    ]
    node.input[:] = [node.input[0], "", "", "sizes"]
    for item in reversed(more):
        model.graph.node.insert(list(model.graph.node).index(node), item)
    onnx.save(model, str(path))
    assert [layer.factor for layer in read_same(path).stages[0] if layer.kind == "upsample"] == [(2, 3)]


@pytest.mark.many(4)
@pytest.mark.parametrize(("ops", "message"), [
    ((resize(2, 2, mode="linear"),), "Resize my_Resize_.*: mode must be nearest, not linear, which makes values between those of"),
    ((resize(2, 2, mode="cubic"),), "mode must be nearest, not cubic"),
    ((resize(1.5, 2),), r"Resize my_Resize_.*: must repeat rows and columns a whole number of times, not 1.5 and 2 times; allowed: mode="),
    ((resize(0.5, 1),), "not 0.5 and 1 times; .*; a stride, a MaxPool or an AveragePool makes maps smaller"),
    ((resize(1, 2, 2, 2),), "Resize my_Resize_.*: must leave batch and channels as they are, not scales 1 and 2 and 2 and 2"),
    ((resize(3, 3, mode="nearest", coordinate_transformation_mode="align_corners"),),
     "align_corners with round_prefer_floor does not give each pixel 3 times; allowed: coordinate_transformation_mode .asymmetric. with"),
    ((resize(3, 3, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="round_prefer_floor"),), "each pixel 3 times"),
    ((resize(2, 2, mode="nearest", nearest_mode="ceil"),), "half_pixel with ceil does not give each pixel 2 times"),
    ((pad(0, 1, 0, 1), resize(2, 2)), "Pad my_Pad_.* must go into one node of Conv, AveragePool, MaxPool"),
    ((flat, lambda b: b.node("Resize", "", b.constant([1, 2]), **ASYMMETRIC)),
     r"Resize my_Resize_.*: its input must be \[1, channels, height, width\]"),
])
def test_others_are_refused_in_one_line(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message) as caught:
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, conv(4), act(), *ops))
    assert "\n" not in str(caught.value)


def test_scales_that_are_not_known_are_refused(tmp_path: Path) -> None:
    graph, _, _ = load_qonnx(two(tmp_path / "net.onnx", SHAPE, conv(4), act(), resize(2, 2)))
    node = next(item for item in graph.model.graph.node if item.op_type == "Resize")
    node.input[2] = "of_another"
    with pytest.raises(CompileError, match=r"Resize my_Resize_.*: its scales or sizes must be constants, one for each axis; all"):
        upsampling(graph, node, Value(tensor=node.input[0], shape=(4, 3, 4), bits=4))
