"""Upsamplings as layers."""

import pytest

from build_flows.finn_bridge.upsampling import Upsampling


@pytest.mark.parametrize("factor", [(2, 3), (1, 4)])
def test_it_is_one_layer_of_the_integers_that_it_gets(factor: tuple[int, int]) -> None:
    made = Upsampling(node="Resize a", in_shape=(5, 4, 2), factor=factor)
    (found,) = made.layers(3, True, 0.5)
    assert (found.kind, found.node, found.factor, found.in_shape, found.out_shape) == (
        "upsample", "Resize a", factor, (5, 4, 2), (5 * factor[0], 4 * factor[1], 2))
    assert (found.out_bits, found.out_signed, found.in_scale, made.out_shape) == (3, True, 0.5, found.out_shape)


def test_once_is_no_layer() -> None:
    assert Upsampling(node="Resize a", in_shape=(5, 4, 2), factor=(1, 1)).layers(3, True, 0.5) == []
