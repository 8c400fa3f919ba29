"""What follows a layer becomes one factor and one offset a channel: exactly, as qonnx' own execution says, or it is refused by name."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import Op, act, affine, avg, clip, conv, fc, flat, norm, pool, relu, turn, two

SHAPE = (6, 5, 2)


@pytest.mark.many(3)
@pytest.mark.parametrize(
    "ops",
    [
        (conv(4), norm(-1, 1, -0.5), act()),
        (conv(4), norm(-1, 1, -0.5), pool(), act()),
        (conv(4), norm(-1, 1), relu, pool(), act()),
        (conv(4), pool(), affine("Mul", -1), norm(-1, -0.5), act()),
        (conv(4), pool(), norm(1, 0.5), pool(2, 1), affine("Div", 2, 3), act()),
        (conv(4), affine("Sub", 0.3, turned=True), pool(), act()),
        (conv(4), norm(-1, 1), pool(), act(signed=True)),
        (conv(4), pool(1), norm(-1, 1), act()),
        (conv(4), norm(0, 1), act()),
        (conv(4), pool(), norm(0, 1), act()),
        (conv(4), pool(), norm(0, -1, 1), norm(1, -1, 1), act(signed=True)),
        (conv(4), affine("Add", 0.1, -0.2), affine("Mul", 0.5, -2), affine("Sub", 0.1), act()),
        (flat, fc(6), norm(-1, 0, 1), act()),
        (conv(4), act(), avg, affine("Mul", 2), affine("Add", 0.1, -0.1), act()),
        (conv(4), act(), avg, affine("Mul", 1, -1), affine("Add", 0.1, 0.2), act(signed=True)),
        (conv(4), act(), avg, norm(0, -1, 1), act(signed=True)),
        (conv(4), relu, norm(1, -1, 0), act(signed=True)),
        (conv(4), relu, affine("Mul", 0.5), affine("Sub", 0.3, turned=True), relu, act()),
        (conv(4), clip(-0.5, 0.5), norm(1, -1), act()),
        (conv(4), relu, pool(), affine("Mul", 2), affine("Add", 0.1, -0.1), act()),
    ],
)
def test_factors_of_either_sign_and_of_0_are_exact(ops: Sequence[Op], tmp_path: Path) -> None:
    read_same(two(tmp_path / "net.onnx", SHAPE, *ops))


FALLS = r"stands behind MaxPool my_MaxPool_\d+ and multiplies channel {} by a number below 0 \({} of 4 channels\): .*; allowed: MaxPool .*"


@pytest.mark.parametrize(
    ("ops", "node", "channel", "count"),
    [
        ((conv(4), pool(), norm(1, -1), act()), "BatchNormalization my_BatchNormalization_4", 1, 2),
        ((conv(4), pool(), affine("Mul", -1), act()), "Mul my_Mul_4", 0, 4),
        ((conv(4), pool(), affine("Div", 2, 2, 2, -1), act()), "Div my_Div_4", 3, 1),
        ((conv(4), pool(), affine("Sub", 0.3, turned=True), act()), "Sub my_Sub_4", 0, 4),
        # In front of the pool its factor does no harm, behind it the same does.
        ((conv(4), norm(-1), pool(), norm(1, -1, 1, 1), act()), "BatchNormalization my_BatchNormalization_5", 1, 1),
        # Twice turned is not turned, but a second pool stands between.
        ((conv(4), pool(), affine("Mul", -1), pool(2, 1), norm(-1), act()), "BatchNormalization my_BatchNormalization_6", 0, 4),
    ],
)
def test_a_pool_in_front_of_a_factor_below_0_is_refused(
    ops: Sequence[Op], node: str, channel: int, count: int, tmp_path: Path
) -> None:
    with pytest.raises(CompileError, match=f"^{node} {FALLS.format(channel, count)}"):
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, *ops))


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((conv(4), clip(1, -1), act()), "Clip my_Clip_3: its least value must be at most its greatest, not "),
        ((conv(4), act(), clip(0.1, 9), conv(4), act()), "Conv my_Conv_7 follows n4 without a quantiser between them"),
        ((conv(4), affine("Div", 1, 0), act()), "Div my_Div_3: channel 1 becomes infinite or no number"),
        # Over rows, of which there are as many as channels.
        ((conv(4), turn(0, 2, 1, 3), norm(1, 2), turn(0, 2, 1, 3), act()), r"Batch.*: its input must be \[1, channels, height, width\]"),
        ((conv(4), act(), affine("Mul", 2), conv(4), act()), "Conv my_Conv_7 follows n4 without a quantiser between them"),
    ],
)
def test_what_is_not_exact_is_refused(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(two(tmp_path / "net.onnx", (4, 4, 3), *ops))


def test_sums_that_float32_does_not_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"MatMul .*: its sums can reach \d\d,\d{3},\d{3}; allowed: up to 16,777,215 \(fewer bits"):
        read_qonnx(two(tmp_path / "net.onnx", (72, 72, 1), flat, fc(4, bits=8), act(8)))
