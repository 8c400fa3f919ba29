"""A QONNX read into stages, heads and integers: the same as quant_models has them, whatever the graph's way to say it; else one clear
line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from build_flows.artefacts.own_layers import write_golden
from build_flows.base.errors import OfframpError
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.finn_bridge.run_qonnx import run_qonnx
from build_flows.finn_bridge.write_qonnx import write_qonnx
from build_flows.steps.own import compare_float
from sim import golden
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, conv, fc, flat, logits, two, write

Graph = Any
Edit = Callable[[Graph], None]


def same(path: Path, wanted: Path, folder: Path, name: str = "odd") -> None:
    """The network at ``path`` must be that of golden.npz at ``wanted``."""
    write_golden(read_qonnx(path), name, folder / "found.npz")
    with np.load(folder / "found.npz") as found, np.load(wanted) as other:
        assert json.loads(str(found["meta"])) == json.loads(str(other["meta"]))
        assert set(found.files) == set(other.files)
        for key in set(found.files) - {"meta"}:
            assert found[key].dtype == other[key].dtype
            assert (found[key] == other[key]).all(), key


def edited(source: Path, target: Path, *edits: Edit) -> Path:
    model = onnx.load(str(source))
    for edit in edits:
        edit(model.graph)
    onnx.save(model, str(target))
    return target


def node(graph: Graph, op: str, at: int = 0) -> Any:
    return [item for item in graph.node if item.op_type == op][at]


def quant(graph: Graph, part: str) -> Any:
    return next(item for item in graph.node if item.op_type == "Quant" and part in item.name)


def array(graph: Graph, name: str, change: Callable[[Any], Any], new: str | None = None) -> str:
    """Change a constant, or add a changed one called ``new``."""
    item = next(item for item in graph.initializer if item.name == name)
    value = numpy_helper.from_array(np.asarray(change(numpy_helper.to_array(item)), np.float32), new or name)
    if new is None:
        graph.initializer.remove(item)
    graph.initializer.append(value)
    return value.name


def constant(graph: Graph, name: str, value: Any) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def given(item: Any, name: str, value: Any) -> None:
    for attribute in [found for found in item.attribute if found.name == name]:
        item.attribute.remove(attribute)
    item.attribute.append(helper.make_attribute(name, value))


def before(graph: Graph, reader: Any, op: str, *inputs: str, place: int = 0, **attributes: Any) -> Any:
    """Put a node in front of input ``place`` of ``reader``."""
    new = helper.make_node(op, [reader.input[place], *inputs], [f"new_{len(graph.node)}"], name=f"new_{op}", **attributes)
    reader.input[place] = new.output[0]
    at = list(graph.node).index(reader)
    graph.node.insert(at, new)
    return graph.node[at]


def test_what_quant_models_exports_is_read_as_it_has_it(odd: Path, tmp_path: Path) -> None:
    same(odd / "model.onnx", odd / "golden.npz", tmp_path)


def test_what_is_written_is_read_again(odd: Path, tmp_path: Path) -> None:
    write_qonnx(read_qonnx(odd / "model.onnx"), tmp_path / "written.onnx")
    same(tmp_path / "written.onnx", odd / "golden.npz", tmp_path)


def as_matmul(graph: Graph) -> None:
    """The first Gemm as a product with turned weights and a bias added."""
    gemm = node(graph, "Gemm")
    place = list(graph.node).index(gemm)
    graph.node.remove(gemm)
    for offset, new in enumerate((
        helper.make_node("Transpose", [gemm.input[1]], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", [gemm.input[0], "turned"], ["product"]),
        helper.make_node("Add", ["product", gemm.input[2]], [gemm.output[0]]),
    )):
        graph.node.insert(place + offset, new)


def as_reshape(graph: Graph) -> None:
    flat = node(graph, "Flatten")
    flat.op_type = "Reshape"
    del flat.attribute[:]
    flat.input.append(constant(graph, "flat_shape", np.array([1, -1], np.int64)))


def as_average(graph: Graph) -> None:
    pool = node(graph, "GlobalAveragePool")
    pool.op_type = "AveragePool"
    given(pool, "kernel_shape", [2, 1])


def channels_last(graph: Graph) -> None:
    """Images as NHWC, turned behind the quantiser."""
    sizes = graph.input[0].type.tensor_type.shape.dim
    for dim, size in zip(sizes, (1, 9, 7, 2), strict=True):
        dim.dim_value = size
    before(graph, node(graph, "Conv"), "Transpose", perm=[0, 3, 1, 2])
    del graph.value_info[:]


def open_batch(graph: Graph) -> None:
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"


def same_quantiser_twice(graph: Graph) -> None:
    """A quantiser in front of a head that changes nothing."""
    first = quant(graph, "stage1_conv0/act")
    flat = next(item for item in graph.node if item.op_type == "Flatten" and item.input[0] == first.output[0])
    again = before(graph, flat, "Quant", *first.input[1:4], signed=1, narrow=0, rounding_mode="ROUND")
    again.domain = first.domain


def pool_before_activation(graph: Graph) -> None:
    """The pool in front of the ReLU and its quantiser, which rise: the same."""
    norm, relu, pool = node(graph, "BatchNormalization"), node(graph, "Relu"), node(graph, "MaxPool")
    activation = quant(graph, "stage0_conv0/act")
    for reader in graph.node:
        for place, tensor in enumerate(reader.input):
            if tensor == pool.output[0]:
                reader.input[place] = activation.output[0]
    pool.input[0], relu.input[0] = norm.output[0], pool.output[0]
    graph.node.remove(pool)
    graph.node.insert(list(graph.node).index(relu), pool)
    del graph.value_info[:]


def turned_round(graph: Graph) -> None:
    """Channel 1 with weights, bias and batch norm of the other sign."""
    conv, norm = node(graph, "Conv"), node(graph, "BatchNormalization")

    def other(value: Any) -> Any:
        value = value.copy()
        value[1] *= -1
        return value

    for name in (quant(graph, "stage0_conv0/linear/weight").input[0], conv.input[2], norm.input[1], norm.input[3]):
        array(graph, name, other)


@pytest.mark.parametrize(
    "edit",
    [as_matmul, as_reshape, as_average, channels_last, open_batch, same_quantiser_twice, pool_before_activation, turned_round],
    ids=lambda edit: edit.__name__,
)
def test_another_way_to_say_the_same_is_read_the_same(edit: Edit, odd: Path, tmp_path: Path) -> None:
    same(edited(odd / "model.onnx", tmp_path / "other.onnx", edit), odd / "golden.npz", tmp_path)


def test_which_way_round_images_are_is_told(odd: Path, tmp_path: Path) -> None:
    assert not read_qonnx(odd / "model.onnx").channels_last
    assert read_qonnx(edited(odd / "model.onnx", tmp_path / "other.onnx", channels_last)).channels_last


def sigmoid(graph: Graph) -> None:
    node(graph, "Relu").op_type = "Sigmoid"


def float_weight(graph: Graph) -> None:
    found = quant(graph, "stage1_conv0/linear/weight")
    node(graph, "Conv", 1).input[1] = found.input[0]
    graph.node.remove(found)


def grouped(graph: Graph) -> None:
    """Two groups of weights that are for all channels."""
    given(node(graph, "Conv", 2), "group", 2)


def cut(graph: Graph) -> None:
    given(node(graph, "Conv", 1), "pads", [1, 1, -1, 1])


def wide_weights(graph: Graph) -> None:
    given(quant(graph, "stage0_conv0/linear/weight"), "narrow", 0)
    array(graph, quant(graph, "stage0_conv0/linear/weight").input[0], lambda value: value - 100)


def nine_bits(graph: Graph) -> None:
    found = quant(graph, "stage0_conv0/act")
    found.input[3] = constant(graph, "nine", np.float32(9))


def zero_point(graph: Graph) -> None:
    found = quant(graph, "stage0_conv0/act")
    found.input[2] = constant(graph, "one", np.float32(1))


def floored(graph: Graph) -> None:
    given(quant(graph, "stage0_conv0/act"), "rounding_mode", "FLOOR")


def without_activation(graph: Graph) -> None:
    """Convolution straight into a pool and the next layer."""
    relu, found = node(graph, "Relu"), quant(graph, "stage0_conv0/act")
    for reader in graph.node:
        for place, tensor in enumerate(reader.input):
            if tensor == found.output[0]:
                reader.input[place] = relu.input[0]
    graph.node.remove(relu)
    graph.node.remove(found)


def scaled_logits(graph: Graph) -> None:
    gemm = next(item for item in graph.node if item.op_type == "Gemm" and item.output[0] == "exit1")
    gemm.output[0] = "raw"
    graph.node.append(helper.make_node("Mul", ["raw", constant(graph, "each", np.array([1, 2, 3, 4], np.float32))], ["exit1"]))


def joined(graph: Graph) -> None:
    """A skip connection around nothing: both of Add's inputs hang on one tensor."""
    found = quant(graph, "stage0_conv0/act")
    pool = node(graph, "MaxPool")
    pool.input[0] = "sum"
    graph.node.insert(list(graph.node).index(pool), helper.make_node("Relu", [found.output[0]], ["beside"]))
    graph.node.insert(list(graph.node).index(pool), helper.make_node("Add", ["beside", found.output[0]], ["sum"], name="skip"))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (sigmoid, "Sigmoid /stage0_conv0/act/.*/Relu has no hardware layer; no thresholds are made of it; .*; allowed: Conv, Gemm, "),
        (float_weight, "Conv /stage1_conv0/linear/Conv: its weights stages.1.stage1_conv0.linear.weight are not quantised; allowed: "),
        (grouped, r"Conv /stage2_conv0/linear/Conv: its weights \[7, 6, 1, 1\] in 2 groups are not for 6 channels"),
        (cut, r"Conv /stage1_conv0/linear/Conv: pads must be four numbers of at least 0 \(top, left, bottom, right\), not \[1, 1, -1, 1\]"),
        (wide_weights, r"Conv /stage0_conv0/linear/Conv: its weights must be narrow, above -8 \(narrow_range=True\)"),
        (nine_bits, "Quant /stage0_conv0/act/.*: an activation must have 1 to 8 bits, not 9 bits"),
        (zero_point, "Quant /stage0_conv0/act/.*: the zero point must be 0, not 1"),
        (floored, "Quant /stage0_conv0/act/.*: rounding_mode must be ROUND, not FLOOR"),
        (without_activation, "Gemm /head0_fc0/.* follows Conv /stage0_conv0/linear/Conv without a quantiser|is not quantised; allowed: f"),
        (scaled_logits, "output exit1: Mul exit1 multiplies classes by numbers of their own"),
        (joined, "stage0_pool0/MaxPool_output_0 goes 2 ways, but is not quantised; allowed: forks behind a Quant node"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_cannot_be_built_is_one_line_that_names_the_node(edit: Edit, message: str, odd: Path, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(edited(odd / "model.onnx", tmp_path / "other.onnx", edit))


def computed_weights(graph: Graph) -> None:
    """Weights that are quantised twice."""
    found = quant(graph, "stage1_conv0/linear/weight")
    conv = node(graph, "Conv", 1)
    again = before(graph, conv, "Quant", *found.input[1:], place=1, signed=1, narrow=1, rounding_mode="ROUND")
    again.domain = found.domain


def turned_product(graph: Graph) -> None:
    """A constant times the vector, not the vector times a constant."""
    product = before(graph, node(graph, "Gemm"), "MatMul", constant(graph, "one_by_one", np.ones((1, 1), np.float32)))
    product.input[:] = reversed(product.input)


def apart(graph: Graph) -> None:
    given(node(graph, "MaxPool"), "dilations", [2, 1])
    del graph.value_info[:]


def half_a_mean(graph: Graph) -> None:
    """A mean over channels and height, of a map as wide as it has channels: a shape like that of the right one."""
    pool = node(graph, "GlobalAveragePool")
    pool.op_type = "ReduceMean"
    given(pool, "axes", [1, 2])
    given(pool, "keepdims", 1)


def qcdq(graph: Graph) -> None:
    before(graph, quant(graph, "input_quant"), "QuantizeLinear", constant(graph, "step", np.float32(1 / 256)),
           constant(graph, "none", np.uint8(0)))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (computed_weights, "Conv /stage1_.*: its weights .* come from Quant .*; allowed: constants behind a Quant of 2 to 8 bits, or"),
        (turned_product, "MatMul new_MatMul: its weights .* are computed from the images, by Flatten .*; allowed: constants behind"),
        (apart, r"MaxPool .*: must be a pool of neighbouring pixels, not dilations \[2, 1\]"),
        (qcdq, "QuantizeLinear .* has no hardware layer; a QuantizeLinear must have a DequantizeLinear behind it"),
        (half_a_mean, r"ReduceMean .*: must average over height and width, axes 2 and 3, not \[1, 2\]"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_refused_is_told_for_its_own_cause_with_advice(edit: Edit, message: str, odd: Path, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(edited(odd / "model.onnx", tmp_path / "other.onnx", edit))


def test_two_exits_at_one_place_or_at_the_images_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", (6, 5, 2), (conv(4), act()), (flat, logits), (), (flat, logits))
    with pytest.raises(CompileError, match="output exit1 leaves the trunk where output exit0 does; allowed: one layer at least between"):
        read_qonnx(path)
    path = write(tmp_path / "net.onnx", (6, 5, 2), (), (flat, logits), (conv(4), act()), (flat, logits))
    with pytest.raises(CompileError, match="output exit0 leaves the trunk at the images; allowed: one layer at least before the first"):
        read_qonnx(path)


@pytest.mark.parametrize(
    ("shape", "attributes", "pad"),
    [
        ((6, 5, 2), {"auto_pad": "SAME_UPPER"}, (1, 1)), ((5, 7, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (1, 1)),
        ((6, 5, 2), {"auto_pad": "VALID"}, (0, 0)), ((6, 5, 2), {"pads": [2, 0, 2, 0]}, (2, 0)),
    ],
)
def test_padding_the_same_is_read_as_the_numbers_that_it_is(
    shape: tuple[int, int, int], attributes: dict[str, Any], pad: tuple[int, int], tmp_path: Path
) -> None:
    found = read_qonnx(two(tmp_path / "net.onnx", shape, conv(4, **attributes), act()))
    assert found.stages[0][0].pad == pad


def test_exits_must_have_the_same_classes(odd: Path, tmp_path: Path) -> None:
    network = read_qonnx(odd / "model.onnx")
    first, *others = network.heads
    last = first[-1]
    less = replace(
        last, bias=last.bias[:3], weight=last.weight[:3], weight_scale=last.weight_scale[:3], slope=last.slope[:3], out_shape=(1, 1, 3)
    )
    write_qonnx(replace(network, heads=((*first[:-1], less), *others)), tmp_path / "other.onnx")
    with pytest.raises(CompileError, match="every output must have as many classes, not 3, 4, 4"):
        read_qonnx(tmp_path / "other.onnx")


def float_logits(bits: int) -> Op:
    """The last layer of a head, with a bias in no units of anything."""

    def apply(b: Builder) -> None:
        fc(3, bits)(b)
        b.node("Add", b.constant(np.array([[0.111, -0.234, 0.057]])))

    return apply


def test_a_float_bias_of_logits_is_rounded_and_what_is_left_of_it_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", (6, 5, 2), (conv(4), act()), (flat, float_logits(4)), (flat, fc(4), act()), (logits,))
    found = read_qonnx(path)
    last = found.heads[0][-1]
    assert last.bias is not None
    assert last.rest is not None
    assert (last.bias + last.rest) * last.scale == pytest.approx([0.111, -0.234, 0.057], abs=1e-6)
    assert 0.02 < abs(last.rest).max() <= 0.5
    assert found.heads[1][-1].rest is None
    assert [note for note in found.notes if "bias" in note] == [
        f"exit 0: the float bias of {last.node} is rounded to whole units of its sums ({last.scale:g}), which "
        f"moves a logit by {abs(last.rest).max():.2f} units at most, where sums reach {last.reach:,}; bias_quant=Int16Bias trains with "
        "whole ones"
    ]
    write_golden(found, "net", tmp_path / "golden.npz")
    net, images = golden.load(tmp_path / "golden.npz"), np.random.default_rng(1).integers(0, 256, (16, 6, 5, 2), np.uint8)
    ran = run_qonnx(path, images, found.fed, channels_last=found.channels_last)
    assert compare_float(found, net, images, ran, "qonnx") == 0
    moved = replace(found, heads=((replace(last, rest=last.rest + 0.6),), *found.heads[1:]))
    with pytest.raises(OfframpError, match="logits of exit 0, validation image 0, class 0"):
        compare_float(moved, net, images, ran, "qonnx")


def test_a_float_bias_beside_coarse_sums_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", (6, 5, 2), (conv(4), act()), (flat, logits), (flat, fc(4), act(2)), (float_logits(2),))
    with pytest.raises(CompileError, match=r"output exit1: the bias of .* must be whole numbers of .*: sums of at most \d+ units are too "
                                           "coarse to round it; allowed: rounding from 256 on"):
        read_qonnx(path)


def test_what_is_no_qonnx_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(CompileError, match=r"text\.onnx is not a QONNX model: "):
        read_qonnx(tmp_path / "text.onnx")
