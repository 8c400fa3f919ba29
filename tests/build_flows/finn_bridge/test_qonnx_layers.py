"""Convolutions, linear layers and max pools of all kinds, exactly as qonnx executes them, or refused by name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, conv, fc, flat, logits, pad, pool, sign, two, write

SHAPE = (7, 6, 2)


@pytest.mark.parametrize(
    "ops",
    [
        (conv(4), act(), conv(6, group=2), act()),
        (conv(4), act(), conv(4, group=4), act(), conv(5, (1, 1)), act()),
        (conv(4), act(), conv(8, (3, 2), group=4, strides=[2, 1]), act()),
        (conv(4, dilations=[2, 2], pads=[2, 2, 2, 2]), act()),
        (conv(4, (3, 2), dilations=[1, 3], pads=[1, 0, 1, 1]), act()),
        (conv(4), act(), conv(4, group=4, dilations=[2, 1], strides=[2, 2], pads=[2, 1, 1, 0]), act()),
        (conv(4, bits=1), act(), conv(4, bits=1, group=2), act()),
        (conv(4, bits=2), act(2), flat, fc(6, bits=1), act()),
    ],
)
def test_groups_dilations_and_1_bit_are_exact(ops: Sequence[Op], tmp_path: Path) -> None:
    read_same(two(tmp_path / "net.onnx", SHAPE, *ops))


def test_a_group_is_not_computed_of_other_channels(tmp_path: Path) -> None:
    depthwise = read_same(two(tmp_path / "net.onnx", SHAPE, conv(4), act(), conv(4, group=4), act())).stages[0][1]
    assert depthwise.weight is not None
    assert depthwise.weight.shape == (4, 3, 3, 4)
    assert all((channel.any(axis=(0, 1)).nonzero()[0] == place).all() for place, channel in enumerate(depthwise.weight))


@pytest.mark.parametrize(
    "ops",
    [
        (conv(4), act(), pool(3, 2, pads=[1, 1, 1, 1]), conv(4), act()),
        (conv(4), pool(3, 2, pads=[1, 0, 1, 0]), act()),
        (conv(4), act(), pool(2, 2, ceil_mode=1)),
        (conv(4), act(), pool(3, 2, pads=[1, 1, 1, 1], ceil_mode=1)),
        (conv(4), act(), pool(2, 1, auto_pad="SAME_UPPER")),
        (pool(3, 2, pads=[1, 1, 1, 1]), conv(4), act()),
        # Zeros of a Pad are real ones, which are not the least of signed integers.
        (conv(4), act(signed=True), pad(1, 1, 1, 1), pool(3, 3)),
        (conv(4), act(), pad(0, 1, 1, 0), pool(2, 2)),
        # All of a window that hangs over the map may be below 0.
        (conv(4), act(signed=True), pool(3, 2, pads=[1, 1, 1, 1])),
        (conv(4), pool(3, 2, pads=[1, 1, 1, 1]), act(3, signed=True), conv(4), act()),
        (conv(4), pool(2, 2, ceil_mode=1), sign()),
    ],
)
def test_max_pools_with_padding_are_exact(ops: Sequence[Op], tmp_path: Path) -> None:
    read_same(two(tmp_path / "net.onnx", SHAPE, *ops))


def test_padding_that_no_window_reaches_takes_nothing(tmp_path: Path) -> None:
    path = two(tmp_path / "net.onnx", (8, 8, 2), conv(4), act(), pool(2, 2, pads=[0, 0, 1, 1]))
    assert [layer.kind for layer in read_same(path).stages[0]] == ["conv", "maxpool"]


def test_a_weight_of_0_is_1(tmp_path: Path) -> None:
    def zeros(b: Builder) -> None:
        conv(4, bits=1)(b)
        b.constants[-1].CopyFrom(numpy_helper.from_array(np.zeros((4, 2, 3, 3), np.float32), b.constants[-1].name))

    (layer,) = read_qonnx(two(tmp_path / "net.onnx", SHAPE, zeros, act())).stages[0]
    assert (layer.weight == 1).all()
    assert layer.weight_bits == 1


def float_pool(b: Builder) -> None:
    pool(2, 2, dilations=[2, 2])(b)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((conv(4), act(), float_pool), r"MaxPool my_MaxPool_5: must be a pool of neighbouring pixels, not dilations \[2, 2\]"),
    ],
)
def test_pools_that_have_no_hardware_are_refused(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, *ops))


def test_1_bit_logits_are_exact(tmp_path: Path) -> None:
    def last(b: Builder) -> None:
        fc(3, bits=1)(b)

    read_same(write(tmp_path / "net.onnx", SHAPE, (conv(4, bits=1), sign()), (flat, logits), (conv(4), act()), (flat, last)))
