"""A file of QuantizeLinear and DequantizeLinear is the same network as one of Quant nodes, whatever opset it is of."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import act, conv, norm, pool, two

LAYERS = (conv(4), norm(-1, 1), pool(), act(), conv(5, bits=3), act(8), conv(3, bits=8), act(signed=True))


def as_qcdq(source: Path, target: Path, *, zeros: bool = True, nodes: bool = False, skew: bool = False) -> Path:
    """The same network in ONNX's own quantisers: weights as int8 constants, with zero points or without, constants as ``nodes``."""
    model = onnx.load(str(source))
    graph = model.graph
    values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}

    def add(name: str, value: Any, kind: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    for node in [item for item in graph.node if item.op_type == "Quant"]:
        name, scale, bits = node.output[0], values[node.input[1]], int(values[node.input[3]])
        signed, narrow = (next(item.i for item in node.attribute if item.name == key) for key in ("signed", "narrow"))
        kind = np.int8 if signed else np.uint8
        place = list(graph.node).index(node)
        graph.node.remove(node)
        more = [add(f"{name}.z", 3 if skew else 0, kind)] if zeros or signed else []
        tensor, new = node.input[0], []
        if tensor in values:
            tensor = add(f"{name}.int", np.rint(values[tensor] / scale), np.int8)
        else:
            new.append(helper.make_node("QuantizeLinear", [tensor, node.input[1], *more], [f"{name}.q"]))
            tensor = f"{name}.q"
        if bits < 8:
            low, high = (-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            new.append(helper.make_node("Clip", [tensor, add(f"{name}.low", low, kind), add(f"{name}.high", high, kind)], [f"{name}.c"]))
            tensor = f"{name}.c"
        new.append(helper.make_node("DequantizeLinear", [tensor, node.input[1], *more], [name]))
        for item in reversed(new):
            graph.node.insert(place, item)
    del model.opset_import[:], graph.value_info[:]
    model.opset_import.append(helper.make_opsetid("", 13))
    if nodes:
        for item in list(graph.initializer):
            graph.node.insert(0, helper.make_node("Constant", [], [item.name], value=item))
        del graph.initializer[:]
    onnx.save(model, str(target))
    return target


@pytest.mark.parametrize("how", [{}, {"zeros": False}, {"nodes": True}])
def test_it_is_the_same_network(how: dict[str, bool], tmp_path: Path) -> None:
    wanted = read_same(two(tmp_path / "net.onnx", (12, 11, 2), *LAYERS))
    found = read_same(as_qcdq(tmp_path / "net.onnx", tmp_path / "other.onnx", **how))
    for ours, theirs in zip((*found.stages, *found.heads), (*wanted.stages, *wanted.heads), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert (one.kind, one.act_bits, one.act_signed, one.scale) == (other.kind, other.act_bits, other.act_signed, other.scale)
            if one.weight is not None:
                assert (one.weight == other.weight).all()
                assert one.weight_bits <= other.weight_bits


def test_weights_by_channel_and_a_bias_of_32_bits(tmp_path: Path) -> None:
    path = as_qcdq(two(tmp_path / "net.onnx", (6, 5, 2), conv(4), act()), tmp_path / "other.onnx")
    model = onnx.load(str(path))
    graph = model.graph
    layer = next(node for node in graph.node if node.op_type == "Conv")
    weights = next(node for node in graph.node if node.output[0] == layer.input[1])
    for name, value in (("each", np.array([1, 2, 3, 4], np.float32) / 32), ("none", np.zeros(4, np.int8)), ("none32", np.int32(0)),
                        ("int", np.array([5, -900, 7, 0], np.int32)), ("unit", np.float32(1 / 1024))):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    del weights.input[1:]
    weights.input.extend(["each", "none"])
    weights.attribute.append(helper.make_attribute("axis", 0))
    graph.node.insert(0, helper.make_node("DequantizeLinear", ["int", "unit", "none32"], ["bias"]))
    layer.input.append("bias")
    onnx.save(model, str(path))
    first = read_same(path).stages[0][0]
    assert first.weight_scale is not None
    assert first.weight_scale == pytest.approx([1 / 32, 2 / 32, 3 / 32, 4 / 32])
    assert first.offset == pytest.approx(np.array([5, -900, 7, 0]) / 1024)


def edit(path: Path, op: str, change: Any) -> Path:
    model = onnx.load(str(path))
    change(model.graph, next(node for node in model.graph.node if node.op_type == op))
    onnx.save(model, str(path))
    return path


def test_what_is_not_the_same_is_refused(tmp_path: Path) -> None:
    plain = two(tmp_path / "net.onnx", (6, 5, 2), conv(4), act())
    with pytest.raises(CompileError, match="zero point must be 0, not 3"):
        read_qonnx(as_qcdq(plain, tmp_path / "skewed.onnx", skew=True))

    def other_scale(graph: Any, node: Any) -> None:
        graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "half"))
        node.input[1] = "half"

    def open_scale(graph: Any, node: Any) -> None:
        graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, []))
        node.input[1] = "scale"

    def other_limit(graph: Any, node: Any) -> None:
        node.input[2] = "twelve"
        graph.initializer.append(numpy_helper.from_array(np.uint8(12), "twelve"))

    for op, change, message in (
        ("QuantizeLinear", other_scale, "DequantizeLinear .*: its scale must be that of the QuantizeLinear before it"),
        ("QuantizeLinear", open_scale, "scales, zero points and limits must be constants, not scale"),
    ):
        with pytest.raises(CompileError, match=message):
            read_qonnx(edit(as_qcdq(plain, tmp_path / "other.onnx"), op, change))
    path = as_qcdq(plain, tmp_path / "other.onnx")
    model = onnx.load(str(path))
    behind = [node for node in model.graph.node if node.op_type == "Clip" and node.input[0].endswith(".q")]
    other_limit(model.graph, behind[0])
    onnx.save(model, str(path))
    with pytest.raises(CompileError, match="the integers before it must be all of so many bits, not 0 to 12"):
        read_qonnx(path)
