"""Images that are normalised, quantised in other ways or not at all: the same as qonnx' own execution of the file, or one clear line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, affine, conv, fc, flat, logits, norm, pool, turn, write

SHAPE = (6, 5, 2)
VALID = {"pads": [0, 0, 0, 0]}


def quant(scale: float, bits: int = 8, *, signed: bool = False) -> Op:
    def apply(b: Builder) -> None:
        b.quant(scale, bits, signed=signed)
        b.scale = scale

    return apply


def begun(path: Path, begin: Sequence[Op], start: Sequence[Op], shape: tuple[int, int, int] = SHAPE) -> Path:
    """A network whose images go through ``start`` into ``begin``."""

    def first(b: Builder) -> None:
        for op in start:
            op(b)
        if any(node.op_type == "Transpose" for node in b.nodes):
            b.shape = (2, 6, 5)

    return write(path, shape, begin, (flat, logits), (flat, fc(4), act()), (logits,), start=first)


PIXELS = quant(1 / 256)


@pytest.mark.many(3)
@pytest.mark.parametrize(
    ("start", "fed"),
    [
        ((), 1 / 256), ((affine("Div", 255),), 1), ((affine("Div", 255), quant(1 / 255)), 1), ((affine("Mul", 1 / 256), PIXELS), 1),
        ((quant(1),), 1), ((quant(1), affine("Div", 255)), 1), ((PIXELS, affine("Mul", 4)), 1 / 256), ((quant(1 / 255),), 1 / 255),
        ((PIXELS, PIXELS), 1 / 256),
    ],
)
def test_what_makes_no_other_integers_costs_nothing(start: Sequence[Op], fed: float, tmp_path: Path) -> None:
    found = read_same(begun(tmp_path / "net.onnx", (conv(4), act()), start))
    assert found.fed == pytest.approx(fed)
    assert len(found.stages[0]) == 1


@pytest.mark.parametrize(
    ("start", "begin"),
    [
        ((PIXELS, affine("Sub", 0.5), affine("Div", 0.25)), (conv(4, **VALID), act())),
        ((PIXELS, affine("Sub", 0.4, 0.3), affine("Div", 0.25)), (conv(4, **VALID), act())),
        ((affine("Sub", 0.4, 0.3), affine("Div", 0.25)), (conv(4, **VALID), norm(-1, 1), act())),
        ((affine("Div", 255), affine("Add", 0.4, -0.3)), (pool((2, 1)), conv(4, (2, 2), **VALID), act())),
        ((PIXELS, affine("Sub", 0.4, 0.3)), (flat, fc(6), act())),
        ((PIXELS, affine("Sub", 0.4, 0.3)), (pool((2, 1)), flat, fc(6), act())),
    ],
)
def test_a_mean_is_folded_into_the_first_layer_without_padding(start: Sequence[Op], begin: Sequence[Op], tmp_path: Path) -> None:
    found = read_same(begun(tmp_path / "net.onnx", begin, start))
    assert ": folded into " in found.notes[-1]
    assert found.stages[0][-1].kind in ("conv", "linear")
    assert sum(layer.kind != "maxpool" for layer in found.stages[0]) == 1


@pytest.mark.many(2)
@pytest.mark.parametrize(
    "start",
    [
        (quant(1 / 128, signed=True),), (quant(0.00781, signed=True),), (quant(1 / 64, 6),), (quant(1 / 16, 4),),
        (affine("Sub", 0.4, 0.3), affine("Div", 0.25, 0.3), quant(1 / 40, signed=True)),
        (affine("Div", 255), affine("Sub", 0.5), quant(1 / 200, signed=True)),
        (norm(3, 2), quant(1 / 20, signed=True)),
        (affine("Sub", 1, turned=True), quant(1 / 256)), (affine("Div", 255), PIXELS),
        (quant(1 / 128, signed=True), affine("Mul", 3)),
        # Pixels less 128 have as many integers, and 0 is what is padded.
        (PIXELS, affine("Sub", 0.5), affine("Div", 0.25)),
    ],
)
def test_other_integers_are_made_by_a_layer_in_front(start: Sequence[Op], tmp_path: Path) -> None:
    found = read_same(begun(tmp_path / "net.onnx", (conv(4), act()), start))
    first, second = found.stages[0]
    assert (first.kind, first.kernel, first.in_bits, first.in_signed) == ("conv", (1, 1), 8, False)
    assert (second.in_bits, second.in_signed) == (first.act_bits, first.act_signed)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ((PIXELS, affine("Sub", 0.4, 0.3), affine("Div", 0.25)),
         r"Sub my_Sub_1 and Div my_Div_2: Conv my_Conv_4 pads with 0 what is normalised, and 0 is then worth pixel 102.4, 76.8 \(by "
         r"channel\), where .*; allowed: padding=0 in the first layer, or a QuantIdentity"),
        ((PIXELS, affine("Div", 0.25, 0.3)), "Div my_Div_1: a step of a pixel must be worth the same .*, not 0.015625, 0.0130208; "),
        ((PIXELS, affine("Mul", -1)), "Mul my_Mul_1: a step of a pixel must be worth the same in .*, and above 0, .*, not -0.0039"),
        ((affine("Div", 0),), "Div my_Div_0 makes images infinite or no numbers"),
        ((quant(1 / 128, signed=True), quant(1 / 64, signed=True)), "Quant my_Quant_1 quantises again what Quant my_Quant_0 has"),
        ((quant(1 / 128, 9, signed=True),), "an activation must have 1 to 8 bits, not 9 bits"),
    ],
)
def test_what_is_not_exact_is_refused_with_the_numbers(start: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(begun(tmp_path / "net.onnx", (conv(4), act()), start))


def images(path: Path, sizes: Sequence[int], kind: int = TensorProto.FLOAT) -> Path:
    """The file with an input of other ``sizes``, or of another type."""
    model = onnx.load(str(path))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", kind, sizes))
    del model.graph.value_info[:]
    onnx.save(model, str(path))
    return path


def reshape(*sizes: int) -> Op:
    return lambda b: ignore(b.node("Reshape", b.constant(sizes, np.int64)))


def ignore(_: object) -> None:
    return None


@pytest.mark.parametrize("start", [(reshape(1, 2, 6, 5), PIXELS), (affine("Div", 255), reshape(1, 2, 6, 5)), (PIXELS, reshape(1, 2, 6, 5))])
def test_a_flat_input_that_is_made_an_image(start: Sequence[Op], tmp_path: Path) -> None:
    found = read_same(images(begun(tmp_path / "net.onnx", (conv(4), act()), start), [1, 60]))
    assert found.shape == SHAPE


@pytest.mark.parametrize("start", [(flat, PIXELS), (flat, affine("Div", 255), quant(1 / 255)), (flat, quant(1 / 64, signed=True))])
def test_a_quantiser_behind_the_flattening(start: Sequence[Op], tmp_path: Path) -> None:
    found = read_same(begun(tmp_path / "net.onnx", (fc(6), act()), start))
    assert found.stages[0][-1].kind == "linear"


def by_row(*values: float) -> Op:
    """A constant for each channel of an image whose channels are last."""
    return lambda b: ignore(b.node("Sub", b.constant(np.reshape(values, (1, 1, 1, -1)))))


def by_channel(*values: float) -> Op:
    return lambda b: ignore(b.node("Sub", b.constant(np.reshape(values, (1, -1, 1, 1)))))


@pytest.mark.parametrize(
    ("start", "layers"),
    [
        ((turn(0, 3, 1, 2), PIXELS), 1), ((turn(0, 3, 1, 2),), 1), ((by_row(0.2, 0.4), quant(1 / 100, signed=True), turn(0, 3, 1, 2)), 2),
        ((by_row(0.2, 0.4), turn(0, 3, 1, 2), quant(1 / 100, signed=True)), 2),
        ((turn(0, 3, 1, 2), by_channel(0.2, 0.4), quant(1 / 100, signed=True)), 2),
    ],
)
def test_images_with_their_channels_last(start: Sequence[Op], layers: int, tmp_path: Path) -> None:
    found = read_same(images(begun(tmp_path / "net.onnx", (conv(4), act()), start, (5, 2, 6)), [1, *SHAPE]))
    assert (found.channels_last, found.shape, len(found.stages[0])) == (True, SHAPE, layers)


def test_images_of_bytes(tmp_path: Path) -> None:
    cast: Any = lambda b: ignore(b.node("Cast", to=TensorProto.FLOAT))  # noqa: E731
    found = read_same(images(begun(tmp_path / "net.onnx", (conv(4), act()), (cast, affine("Div", 255))), [1, 2, 6, 5], TensorProto.UINT8))
    assert found.fed == 1


def test_an_input_that_is_no_image_is_refused(tmp_path: Path) -> None:
    path = images(begun(tmp_path / "net.onnx", (flat, fc(4), act()), (PIXELS,)), [1, 60])
    told = r"input image must be \[1, channels, height, width\], or be reshaped to that first, not \[1, 60\]"
    with pytest.raises(CompileError, match=told):
        read_qonnx(path)
