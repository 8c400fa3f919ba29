import pytest

from hw.layers.shared_shape import SharedShape
from tests.hw.layers.shared_cases import shape

CONV3 = {"height": 10, "width": 10, "channels": 10, "out_channels": 20, "kernel": 5, "pad": 3, "pool": 2}


def test_b_lenet_third_convolution():
    """48 valid kernel rows over 12 output rows times 26 valid kernel columns over 6 pairs; visits of 6 and 9 steps wait for the drain."""
    found = shape(**CONV3, lanes=2)
    assert (found.out_height, found.out_width, found.dsps, found.macs, found.weight_rows) == (6, 6, 100, 400, 25)
    assert sum(found.visits()) == 48 * 26
    assert found.drain == 10
    assert found.cycles == 48 * 26 + 2 * 2 * 4 + 2 * 2 * 1
    assert shape(**CONV3, lanes=20).cycles == 48 * 26


@pytest.mark.parametrize(("change", "cycles"), [
    ({"inputs": 5}, 2 * 48 * 26),                                  # two input groups
    ({"outputs": 10}, 2 * 48 * 26),                                # two output groups
    ({"inputs": 4, "outputs": 6}, 3 * 4 * 48 * 26),                # neither divides
    ({"pixels": 1, "outputs": 21, "lanes": 21}, 48 * 48),          # no pairs
])
def test_groups_multiply_the_steps(change, cycles):
    assert shape(**(CONV3 | {"lanes": change.get("outputs", 20)} | change)).cycles == cycles


def test_input_may_take_longer_than_the_steps():
    found = shape(height=8, width=8, kernel=1, pad=0, stride=2, lanes=4, channels=6, inputs=2)
    assert found.reader_cycles == 4 * 2 * 3 < found.cycles == 8 * 8 * 3


def test_rows_kept():
    found = shape(**CONV3)
    assert found.needed == (3, 5, 6, 6, 5, 3)
    assert found.freed == (0, 1, 2, 2, 2, 3)
    assert found.ring_rows == 9
    assert sum(found.freed) == found.height


@pytest.mark.parametrize(("change", "message"), [
    ({"lanes": 0}, "lanes must be at least 1, not 0"),
    ({"binary": True}, "bits must be 1 where weights and activations are bits, not 4"),
    ({"binary": True, "bits": 1}, "weight_bits must be 1 where weights and activations are bits, not 4"),
    ({"binary": True, "bits": 1, "weight_bits": 1}, r"pad must be \(0, 0\) where weights and activations are bits, not \(1, 1\)"),
    ({"pad": (-1, 0)}, r"pad must be at least 0, not \(-1, 0\)"),
    ({"pixels": 3, "outputs": 4}, "pixels must be 1 or 2, not 3"),
    ({"inputs": 5}, "inputs must be at most beat, not inputs=5, beat=4"),
    ({"beat": 3}, "beat must divide channels, not beat=3, channels=4"),
    ({"bits": 16, "weight_bits": 8}, "no DSP48E1 holds two products for bits=16, weight_bits=8, pixels=2"),
    ({"outputs": 3}, "outputs must be a multiple of 2, which share a DSP48E1, not 3"),
    ({"lanes": 3}, "lanes must divide outputs, not lanes=3, outputs=4"),
    ({"kernel": (3, 9)}, "kernel must be at most the padded width, not kernel=9, width=6, pad=1"),
    ({"pool": 7}, r"pool must be at most the convolution's 6x6, not pool=\(7, 7\)"),
])
def test_errors(change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        shape(**change)


def test_is_plain_data():
    assert isinstance(shape(), SharedShape)
    assert shape() == shape()
