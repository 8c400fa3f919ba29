"""A file is made plain before it is read; what is none is told."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import act, conv, norm, pool, two


def test_outputs_are_those_of_the_file(tmp_path: Path) -> None:
    graph, ends, _ = load_qonnx(two(tmp_path / "net.onnx", (6, 5, 2), conv(4), act()))
    assert (graph.outputs, graph.input, graph.shape("exit1")) == (["exit0", "exit1"], "image", (1, 3))
    assert (ends.notes, ends.places, ends.cut) == ((), (0, 1), False)


def batched(path: Path, batch: int | str, *, node: bool) -> Path:
    """The file for ``batch`` images; a Flatten in it is a Reshape to as many, by a constant or the output of a Constant ``node``."""
    model = onnx.load(str(path))
    graph = model.graph
    flat = next(item for item in graph.node if item.op_type == "Flatten")
    flat.op_type = "Reshape"
    del flat.attribute[:], graph.value_info[:]
    shape: Any = numpy_helper.from_array(np.array([batch if isinstance(batch, int) else -1, 120], np.int64), "wanted")
    if node:
        graph.node.insert(0, helper.make_node("Constant", [], ["wanted"], value=shape))
    else:
        graph.initializer.append(shape)
    flat.input.append("wanted")
    for item in (*graph.input, *graph.output):
        sizes = [size.dim_value for size in item.type.tensor_type.shape.dim]
        item.CopyFrom(helper.make_tensor_value_info(item.name, TensorProto.FLOAT, [batch, *sizes[1:]]))
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("batch", "node", "notes"),
    [
        (8, False, ("the file takes 8 images at a time; the hardware takes one",)),
        (8, True, ("the file takes 8 images at a time; the hardware takes one",)),
        ("n", False, ()),
    ],
)
def test_many_images_at_a_time_are_taken_as_one(batch: int | str, node: bool, notes: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    wanted = read_same(two(path, (6, 5, 2), conv(4), act()))
    found = read_same(batched(path, batch, node=node))
    assert found.notes == notes
    assert (found.heads[0][-1].weight == wanted.heads[0][-1].weight).all()


@pytest.mark.parametrize("opset", [9, 11, 13, 16, 18, 20, 21])
def test_opsets(opset: int, tmp_path: Path) -> None:
    path = two(tmp_path / "net.onnx", (6, 5, 2), conv(4), norm(-1, 1), pool(), act())
    model = onnx.load(str(path))
    next(item for item in model.opset_import if not item.domain).version = opset
    onnx.save(model, str(path))
    read_same(path)


def test_an_inner_tensor_that_is_told_as_an_output_too(tmp_path: Path) -> None:
    path = two(tmp_path / "net.onnx", (6, 5, 2), conv(4), act())
    model = onnx.load(str(path))
    model.graph.value_info.append(model.graph.output[0])
    onnx.save(model, str(path))
    read_same(path)


def test_what_is_no_qonnx_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(CompileError, match=r"text\.onnx is not a QONNX model: "):
        load_qonnx(tmp_path / "text.onnx")
