"""Constants and quantisers in front of the first layer as numbers by channel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.qonnx_points import Points, read_points
from build_flows.finn_bridge.qonnx_way import find_way
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, affine, conv
from tests.build_flows.finn_bridge.test_qonnx_images import PIXELS, begun, quant


def points(path: Path, *start: Op, fed: float = 1 / 256) -> Points:
    graph, _, _ = load_qonnx(begun(path, (conv(4), act()), start), images=False)
    way = find_way(graph)
    return read_points(graph, way.points, way.channels, way.axes, fed)


@pytest.mark.parametrize(
    ("start", "factor", "offset"),
    [
        ((), [1, 1], [0, 0]), ((PIXELS,), [1, 1], [0, 0]), ((PIXELS, affine("Sub", 0.5, 0.25), affine("Mul", 4)), [4, 4], [-2, -1]),
        ((affine("Add", 0.5), affine("Div", 0.5, 0.25)), [2, 4], [1, 2]), ((affine("Sub", 1, turned=True),), [-1, -1], [1, 1]),
    ],
)
def test_pixels_and_what_is_made_of_them(start: Sequence[Op], factor: list[float], offset: list[float], tmp_path: Path) -> None:
    found = points(tmp_path / "net.onnx", *start)
    assert found.quantiser is None
    assert found.after.factor * 256 == pytest.approx(factor)
    assert found.after.offset == pytest.approx(offset)


def test_other_integers_and_what_is_made_of_them(tmp_path: Path) -> None:
    found = points(tmp_path / "net.onnx", affine("Sub", 0.5), quant(1 / 64, 7, signed=True), affine("Mul", 3))
    assert found.quantiser is not None
    assert found.before.offset == pytest.approx([-0.5, -0.5])
    assert np.allclose(found.after.factor, 3 / 64)


def by_place(b: Builder) -> None:
    b.node("Sub", b.constant(np.ones((1, 2, 6, 5))))


def test_a_constant_of_each_pixel_is_refused(tmp_path: Path) -> None:
    told = r"Sub my_Sub_0: what normalises images must be one number, or one for each channel, not \[1, 2, 6, 5\]"
    with pytest.raises(CompileError, match=told):
        points(tmp_path / "net.onnx", by_place)
