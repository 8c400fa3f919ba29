"""Channel shuffles are an order of weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, conv, flat, logits, two, write

SHAPE = (6, 4, 2)
EACH = (1, 1)


def shuffle(groups: int, *, perm: Sequence[int] = (0, 2, 1, 3, 4)) -> Op:
    def apply(b: Builder) -> None:
        channels, height, width = b.shape
        b.node("Reshape", b.constant((1, groups, channels // groups, height, width), np.int64))
        b.node("Transpose", perm=list(perm))
        b.node("Reshape", b.constant((1, channels, height, width), np.int64))

    return apply


@pytest.mark.parametrize(
    "ops",
    [
        (conv(6), act(), shuffle(2), conv(4), act()),
        (conv(6, EACH), act(), shuffle(3), conv(6, group=6), act(), conv(4, EACH), act()),
        (conv(6), act(signed=True), shuffle(2), conv(4, EACH, group=2), act(), shuffle(2), conv(3), act()),
    ],
    ids=["before any", "before depthwise", "two, before groups"],
)
def test_a_shuffle_in_front_of_convolutions_is_exact(ops: Sequence[Op], tmp_path: Path) -> None:
    network = read_same(two(tmp_path / "net.onnx", SHAPE, *ops))
    assert {layer.kind for layer in network.stages[0]} == {"conv"}


def test_all_that_reads_it_takes_the_order_on(tmp_path: Path) -> None:
    read_same(write(tmp_path / "net.onnx", SHAPE, (conv(6), act(), shuffle(3)), (conv(2), act(), flat, logits), (conv(3), act()),
                    (flat, logits)))


@pytest.mark.parametrize(
    "ops",
    [(conv(6), act(), shuffle(2), act(3)), (conv(6), act(), shuffle(2, perm=(0, 2, 1, 4, 3)), conv(4), act()),
     (conv(6, group=2), act(), shuffle(2), conv(4, EACH, bits=1), act())],
    ids=["no convolution behind", "turned too", "1-bit weights"],
)
def test_what_is_no_such_shuffle_is_refused(ops: Sequence[Op], tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"Reshape my_Reshape_\d+: must make one vector of 144 values \(or be a channel shuffle b"):
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, *ops))
