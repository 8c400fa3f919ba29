"""The layers by themselves."""

import pytest

from quant_models.networks.layers import Activation, Conv, Residual, both


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_an_activation_s_integers(bits):
    relu, signed = Activation(bits=bits), Activation(kind="identity", bits=bits)
    assert (relu.signed, relu.minimum, signed.signed, signed.minimum) == (False, 0, True, -(2 ** (bits - 1)))


def test_sizes_by_height_and_by_width():
    assert (both(3), both((3, 1))) == ((3, 3), (3, 1))


def test_the_quantiser_of_a_sum_is_the_bodys_last():
    last = Activation(kind="identity", bits=6)
    assert Residual(body=(Conv(out=3, kernel=1), Conv(out=3, kernel=1, act=last))).shared == last
