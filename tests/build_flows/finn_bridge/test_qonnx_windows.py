"""Padding of every kind, by attribute, by name or by a node of its own."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import Op, act, conv, flat, local, logits, pad, two, write

SHAPE = (6, 5, 2)
BARE = {"pads": [0, 0, 0, 0]}


@pytest.mark.parametrize(
    "ops",
    [
        (conv(4, pads=[0, 0, 1, 2]), act()),
        (conv(4, pads=[2, 1, 0, 0], strides=[2, 1]), act()),
        (conv(4, auto_pad="SAME_UPPER", strides=[2, 2]), act()),
        (conv(4, auto_pad="SAME_LOWER", strides=[2, 2]), act()),
        (conv(4, (2, 4), auto_pad="SAME_UPPER"), act()),
        (conv(4, (2, 4), auto_pad="SAME_LOWER"), act()),
        (conv(4), act(), pad(0, 1, 0, 1), conv(4, **BARE), act()),
        (conv(4), act(signed=True), pad(1, 0, 2, 0), conv(4, auto_pad="SAME_LOWER", strides=[2, 3]), act()),
        (pad(1, 1, 0, 0), pad(0, 1, 1, 0), conv(4, **BARE), act()),
        (conv(4), act(), pad(1, 0, 0, 1), local((2, 2), (2, 2)), act()),
    ],
)
def test_padding_is_exact(ops: Sequence[Op], tmp_path: Path) -> None:
    read_same(two(tmp_path / "net.onnx", SHAPE, *ops))


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((conv(4), act(), pad(1, 1, 1, 1)), "Pad my_Pad_5 must go into one node of Conv, AveragePool, MaxPool, not into Flatten .* and F"),
        ((conv(4), pad(1, 1, 1, 1), act()), "Pad my_Pad_3 must stand behind the quantiser of Conv my_Conv_2, or be that convolution's own"),
        ((pad(1, 1, 1, 1, value=1), conv(4), act()), "Pad my_Pad_1: must pad with the constant 0, not 1"),
        ((pad(1, 1, 1, 1, mode="reflect"), conv(4), act()), "Pad my_Pad_1: must pad with the constant 0, not reflect"),
        ((pad(-1, 0, 0, 0), conv(4), act()), r"Pad my_Pad_1: must pad rows and columns with at least 0, not \[0, 0, -1, 0"),
    ],
)
def test_other_pads_are_refused(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, *ops))


def test_a_pad_at_the_end_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", SHAPE, (conv(4), act()), (pad(1, 1, 1, 1), flat, logits), (conv(4), act()), (flat, logits))
    with pytest.raises(CompileError, match="Pad my_Pad_5 must go into one node of Conv, AveragePool, MaxPool, not into Flatten my_Flatten"):
        read_qonnx(path)
