"""What a shared unit takes, against what Yosys made of such units."""

import pytest

from build_flows.planning.cost_model import memory_luts, read_model
from build_flows.planning.shared_terms import shared_size
from tests.hw.layers.shared_cases import shape

THIRD = {"height": 10, "width": 10, "channels": 10, "out_channels": 20, "kernel": 5, "pad": 3}


def size(found, sum_bits=14, steps=15, out_bits=4, exchangeable=False):
    return shared_size(found, sum_bits=sum_bits, steps=steps, out_bits=out_bits, exchangeable=exchangeable)


@pytest.mark.parametrize(("unit", "told", "bram18", "lutram"), [
    # b_lenet's fully connected layer, digits', triple_wins' head: figures of Yosys 0.70
    (shape(height=1, width=1, channels=640, beat=10, inputs=5, outputs=10, out_channels=10, kernel=1, pad=0, lanes=2),
     {"steps": 0, "out_bits": 14}, 9, 106),
    (shape(height=1, width=1, channels=32, beat=8, inputs=4, outputs=8, out_channels=10, kernel=1, pad=0, lanes=2),
     {"steps": 0, "out_bits": 11, "sum_bits": 11}, 0, 144),
    (shape(height=1, width=1, channels=32, beat=8, inputs=8, outputs=3, out_channels=10, kernel=1, pad=0, lanes=1, pixels=1),
     {"steps": 0, "out_bits": 11, "sum_bits": 11}, 0, 128),
    (shape(height=26, width=26, channels=32, inputs=8, outputs=8, out_channels=16, pad=0, lanes=4, bits=2, weight_bits=3),
     {"steps": 3, "out_bits": 2, "sum_bits": 10}, 10, 51),
])
def test_memories_are_those_that_yosys_made(unit, told, bram18, lutram):
    found = size(unit, **told)
    assert found.bram18 == bram18
    assert memory_luts(found.terms) == pytest.approx(lutram, abs=8)


@pytest.mark.parametrize(("unit", "sum_bits", "lutram"), [
    (shape(height=8, width=8, out_channels=8, pool=(2, 1), lanes=2), 12, 52),
    (shape(height=8, width=8, out_channels=8, pool=(2, 1), lanes=8), 12, 100),
    (shape(height=8, width=8, channels=2, out_channels=24, pool=(3, 1), lanes=1, lut=True), 11, 72),
])
def test_the_largest_of_two_windows_at_once_is_kept_for_each(unit, sum_bits, lutram):
    """Figures of Yosys 0.70, without shift registers."""
    assert size(unit, sum_bits=sum_bits, steps=3, out_bits=2).terms["memory"] == lutram


def test_memories_of_drawn_units_are_those_that_yosys_made():
    rows = [row for row in read_model().rows if row.kind in ("shared", "shared_lut")]
    assert all((row.bram18, row.dsp) == (row.found["bram18"], row.found["dsp"]) for row in rows)
    assert len({row.found["bram18"] for row in rows}) > 2


def test_more_than_64_rows_of_weights_are_in_block_memory():
    """25 rows are a look-up table for each bit of a row; 100 of 40, 80 and 80 bits, for the
    chains' delays of 0, 1 and 2 cycles, are 2, 3 and 3 blocks."""
    few, many = size(shape(**THIRD)), size(shape(**THIRD, inputs=5, outputs=10))
    assert (few.block, few.bram18) == (False, 0)
    assert (many.block, many.bram18) == (True, 8)


def test_exchangeable_contents_are_in_memories_of_a_power_of_two_of_rows():
    """72 rows are 128 then: of 32 bits they are two look-up tables a bit."""
    few = shape(height=8, width=8, channels=8, inputs=1, out_channels=8, outputs=8, lanes=8)
    fixed, any_weights = size(few), size(few, exchangeable=True)
    assert (fixed.block, any_weights.block) == (True, False)
    assert any_weights.terms["logic"] >= fixed.terms["logic"] + 8 * 4 * 2


@pytest.mark.parametrize(("change", "more"), [({"lanes": 4}, True), ({"outputs": 10}, False), ({"inputs": 9}, False)])
def test_what_is_done_at_once_takes_registers(change, more):
    base, other = (size(shape(**(THIRD | {"lanes": 2} | part))).terms["registers"] for part in ({}, change))
    assert (other > base) == more


def test_a_wider_sum_takes_two_registers_and_an_adder_more_in_each_accumulator():
    unit = shape(**THIRD, lanes=2)
    narrow, wide = (size(unit, sum_bits=bits, steps=0).terms for bits in (14, 15))
    assert wide["registers"] - narrow["registers"] == 2 * 2 * 20 + 2      # and what leaves them a cycle
    assert wide["logic"] - narrow["logic"] == 2 * 20 + 2 * 7              # and multiplexers of twenty turns


@pytest.mark.parametrize(("unit", "rows"), [
    # four products of 4 by 4 bits onto sums of 6 to 10 bits: 6 bits of a multiple, then all that are above the digit, for its sign
    (shape(**THIRD | {"channels": 4, "out_channels": 1}, pixels=1, outputs=1, lanes=1, lut=True), 4 * 6 + 7 + 7 + 8 + 8),
    # a digit alone, its sign in all bits of the sum
    (shape(**THIRD | {"channels": 2, "out_channels": 1}, weight_bits=2, pixels=1, outputs=1, lanes=1, lut=True), 6 + 6),
])
def test_rows_of_a_chain(unit, rows):
    assert size(unit).terms["rows"] == rows


def test_without_dsps_rows_grow_with_all_that_is_done_at_once():
    base = size(shape(**THIRD | {"out_channels": 8}, outputs=4, lanes=1, lut=True)).terms["rows"]
    assert size(shape(**THIRD | {"out_channels": 8}, outputs=8, lanes=1, lut=True)).terms["rows"] == 2 * base
    assert "rows" not in size(shape(**THIRD)).terms


def test_outputs_beyond_the_last_are_shift_registers():
    """20 of 24 outputs of a lane each: the last four never leave, and the first that does comes out of their shift register."""
    unit = shape(**THIRD | {"pad": 2}, outputs=8, lanes=1, pool=2)
    eight, four = (size(unit, out_bits=bits).terms for bits in (8, 4))
    assert eight["shift"] - four["shift"] == 4
    assert eight["registers"] - four["registers"] == (24 - 5) * 4 + 20 * 4       # and the output's own
