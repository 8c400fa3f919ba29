import itertools

import pytest

from hw.layers.dsp_packing import Packing, dsp_packing, longest_chain, packed_weights


def products(bits, signed, weight_bits):
    """The extreme activations and weights."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    top = (1 << (weight_bits - 1)) - 1
    return (low, high), (-top, 0, top)


@pytest.mark.parametrize(("bits", "signed", "weight_bits", "pixels", "length", "lanes"), [
    # where four lanes hold at most: the trials' table
    (4, False, 2, 2, 34, 4), (4, False, 3, 2, 11, 4), (4, False, 4, 2, 4, 4), (4, False, 5, 2, 2, 4), (4, False, 6, 2, 1, 4),
    (3, False, 7, 2, 1, 4), (5, False, 4, 2, 1, 4), (6, False, 3, 2, 1, 4), (8, False, 4, 2, 18, 2), (8, False, 8, 2, 1, 2),
    (4, False, 4, 1, 4, 3), (8, False, 8, 1, 2, 2), (4, True, 4, 2, 9, 4), (8, True, 8, 2, 2, 2),
])
def test_longest_sum_with_these_lanes(bits, signed, weight_bits, pixels, length, lanes):
    packing = dsp_packing(bits, signed, weight_bits, length, pixels=pixels)
    assert packing.lanes == lanes
    longer = dsp_packing(bits, signed, weight_bits, length + 1, pixels=pixels)
    assert longer is None or longer.lanes < lanes
    assert longest_chain(bits, signed, weight_bits, pixels=pixels, limit=40) == (length, packing)


@pytest.mark.parametrize(("bits", "signed", "weight_bits", "pixels"), list(
    itertools.product((1, 3, 4, 5, 8), (False, True), (2, 4, 5, 8), (1, 2))))
def test_operands_and_fields_hold_every_value(bits, signed, weight_bits, pixels):
    """Multiplies with the two operands as integers, and takes the fields apart by nothing but their bits."""
    found = longest_chain(bits, signed, weight_bits, pixels=pixels)
    if found is None:
        assert (bits, signed, weight_bits, pixels) not in [(8, False, 8, 2), (8, True, 8, 2)]
        return
    length, packing = found
    field, (activations, weights) = packing.field, products(bits, signed, weight_bits)
    for a in itertools.product(activations, repeat=packing.pixels):
        for w in itertools.product(weights, repeat=packing.outputs):
            stored = packed_weights(w)
            assert all(-(1 << (weight_bits - 1)) <= value < 1 << (weight_bits - 1) for value in stored)
            beside = sum(value << (n * field) for n, value in enumerate(w))
            # the stored bits side by side, each extended up to the next
            bit_by_bit = sum((value % (1 << field) if n < len(w) - 1 else value) << (n * field) for n, value in enumerate(stored))
            assert beside == bit_by_bit
            pixels_beside = sum(value << (n * packing.outputs * field) for n, value in enumerate(a))
            on_a, on_b = (pixels_beside, beside) if packing.pixels == 2 else (beside, pixels_beside)
            assert -(1 << 24) <= on_a < 1 << 24
            assert -(1 << 17) <= on_b < 1 << 17
            biased = length * on_a * on_b + sum(1 << (lane * field + field - 1) for lane in range(packing.lanes))
            assert 0 <= biased < 1 << 48
            fields = [((biased >> (lane * field)) % (1 << field)) - (1 << (field - 1)) for lane in range(packing.lanes)]
            assert fields == [length * x * y for x in a for y in w]


def test_packing_of_the_trial():
    assert dsp_packing(4, False, 4, 4) == Packing(pixels=2, outputs=2, field=10)
    assert dsp_packing(16, False, 8, 4) is None
    assert longest_chain(24, False, 8) is None


@pytest.mark.parametrize(("weights", "stored"), [((3, 5), (3, 5)), ((-3, 5), (-3, 4)), ((-1, -7), (-1, -8)), ((-1, 0, 0), (-1, -1, -1)),
                                                 ((0, -1, 7), (0, -1, 6)), ((5,), (5,))])
def test_packed_weights(weights, stored):
    assert packed_weights(weights) == stored


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, False, 4, 1), "bits must be at least 1, not 0"),
    ((4, False, 1, 1), "weight_bits must be at least 2, not 1"),
    ((4, False, 4, 0), "length must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        dsp_packing(*arguments)


def test_pixels_are_one_or_two():
    with pytest.raises(ValueError, match=r"^pixels must be 1 or 2, not 3$"):
        dsp_packing(4, False, 4, 1, pixels=3)
