"""Max pools with padding as two layers."""

import numpy as np
import pytest

from build_flows.finn_bridge.pools import Pool
from build_flows.finn_bridge.qonnx_kernels import Pads


def pool(pads: Pads, *, endless: bool = True) -> Pool:
    return Pool(node="MaxPool a", in_shape=(5, 4, 2), out_shape=(3, 2, 2), kernel=(3, 3), stride=(2, 2), pads=pads, endless=endless)


def test_a_pool_without_padding_is_one_layer() -> None:
    (found,) = pool((0, 0, 0, 0)).layers(4, True, 0.5)
    assert (found.kind, found.in_bits, found.in_signed, found.in_scale) == ("maxpool", 4, True, 0.5)


@pytest.mark.parametrize(("pads", "kernel", "pad"), [((1, 1, 1, 1), (1, 1), (1, 1)), ((1, 0, 0, 1), (2, 2), (1, 1))])
def test_padding_is_a_convolution_that_leaves_pixels_as_they_are(pads: Pads, kernel: tuple[int, int], pad: tuple[int, int]) -> None:
    border, found = pool(pads).layers(4, False, 0.5)
    assert border.weight is not None
    assert (border.kernel, border.pad, border.act_bits, border.scale) == (kernel, pad, 4, 0.5)
    assert border.out_shape == found.in_shape == (5 + pads[0] + pads[2], 4 + pads[1] + pads[3], 2)
    assert np.sum(border.weight) == 2


def test_integers_with_a_sign_have_none_where_padding_is_less_than_all_of_them() -> None:
    up, border, found, down = pool((1, 0, 0, 0)).layers(4, True, 0.5)
    assert [(item.in_bits, item.in_signed, item.out_signed) for item in (up, border, found, down)] == [
        (4, True, False), (4, False, False), (4, False, False), (4, False, True)]
    assert up.offset is not None
    assert down.offset is not None
    assert (up.offset[0], down.offset[0], up.in_shape, down.out_shape) == (4.0, -4.0, (5, 4, 2), (3, 2, 2))
    assert len(pool((1, 0, 0, 0), endless=False).layers(4, True, 0.5)) == 2
