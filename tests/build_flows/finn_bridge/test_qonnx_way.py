"""What images go through is found, and what a pixel is worth is told by what comes first."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.qonnx_way import find_way, worth
from tests.build_flows.finn_bridge.small_graphs import Op, act, affine, conv, norm
from tests.build_flows.finn_bridge.test_qonnx_images import PIXELS, begun, quant

GUESSED = "pixel / 256 (with a Div by 255 in front, they would be the pixels themselves)"


@pytest.mark.parametrize(
    ("start", "fed", "note"),
    [
        ((PIXELS,), 1 / 256, None), ((quant(1 / 255),), 1 / 255, None), ((quant(1),), 1, None),
        ((), 1 / 256, "no quantiser stands behind the images: they are taken as pixel / 256, and 8 bits each"),
        ((quant(1 / 128, signed=True),), 1 / 256, "Quant my_Quant_0 is given pixel / 256"),
        ((affine("Div", 255),), 1, "Div my_Div_0 is given the pixels themselves, 0 to 255"),
        ((affine("Mul", 1 / 255),), 1, "Mul my_Mul_0 is given the pixels themselves, 0 to 255"),
        ((affine("Sub", 128, 120),), 1, "Sub my_Sub_0 is given the pixels themselves, 0 to 255"),
        ((affine("Sub", 0.5),), 1 / 256, f"Sub my_Sub_0 is given {GUESSED}"),
        ((norm(2),), 1 / 256, f"BatchNormalization my_BatchNormalization_0 is given {GUESSED}"),
    ],
)
def test_what_a_pixel_is_worth(start: Sequence[Op], fed: float, note: str | None, tmp_path: Path) -> None:
    graph, _, _ = load_qonnx(begun(tmp_path / "net.onnx", (conv(4), act()), start), images=False)
    way = find_way(graph)
    found, notes = worth(graph, way)
    assert found == pytest.approx(fed)
    assert notes == (() if note is None else (note,))
    assert (way.shape, way.channels, way.channels_last) == ((1, 2, 6, 5), 2, False)
