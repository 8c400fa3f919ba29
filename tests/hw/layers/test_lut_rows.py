import itertools

import pytest

from hw.layers.dsp_packing import Packing
from hw.layers.lut_rows import ROWS_PER_STAGE, chain_rows, chain_stages, longest_lut_chain, lut_packing, row_offset


def wrapped(value, bits):
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


@pytest.mark.parametrize(("bits", "signed", "weight_bits"), list(itertools.product((1, 4, 8), (False, True), (2, 3, 4, 5, 8))))
def test_rows_add_up_to_the_products(bits, signed, weight_bits):
    """With extreme operands, every row kept in no more than its bits: digits by their definition, the last sum right."""
    length = 3
    rows, top = chain_rows(bits, signed, weight_bits, length), (1 << (weight_bits - 1)) - 1
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    for a in itertools.product((low, high), repeat=length):
        for w in itertools.product((-top, -1, 0, top), repeat=length):
            total = -row_offset(weight_bits, length)
            for row in rows:
                digit = (w[row.product] >> row.low) % (1 << row.width)
                digit -= (1 << row.width) * int(row.top and digit >= 1 << (row.width - 1))
                total = wrapped(total + ((digit * a[row.product] + 1) << row.low), row.sum_bits)
            assert total == sum(x * y for x, y in zip(a, w, strict=True))


def test_rows_of_a_stage():
    rows = chain_rows(4, False, 4, 3)
    assert [(row.product, row.low, row.top, row.stage) for row in rows] == [
        (0, 0, False, 0), (0, 2, True, 0), (1, 0, False, 1), (1, 2, True, 1), (2, 0, False, 2), (2, 2, True, 2)]
    assert [row.sum_bits for row in rows] == [6, 9, 9, 9, 9, 10]
    assert all(sum(row.stage == stage for row in chain_rows(4, False, 7, 5)) == ROWS_PER_STAGE for stage in range(10))


@pytest.mark.parametrize(("weight_bits", "length", "stages"), [(2, 4, 2), (2, 5, 3), (4, 8, 8), (5, 3, 5), (8, 4, 8)])
def test_stages(weight_bits, length, stages):
    assert chain_stages(weight_bits, length) == stages


@pytest.mark.parametrize(("weight_bits", "length"), [(2, 16), (3, 8), (4, 8), (5, 5), (8, 4)])
def test_longest_chain(weight_bits, length):
    found, packing = longest_lut_chain(4, False, weight_bits, pixels=1)
    assert found == length
    assert packing == lut_packing(4, False, weight_bits, length, pixels=1)
    assert packing.lanes == 1


def test_packing():
    assert lut_packing(4, False, 4, 8) == Packing(pixels=2, outputs=1, field=11)


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, False, 4, 1), "bits must be at least 1, not 0"),
    ((4, False, 1, 1), "weight_bits must be at least 2, not 1"),
    ((4, False, 4, 0), "length must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        chain_rows(*arguments)
