import pytest

from build_flows.planning.unit_terms import converter_terms, mvau_terms, padding_terms, threshold_terms


def mvau(pe, simd, **changes):
    values = {
        "synapse": 4, "neuron": 2, "weight_bits": 4, "in_bits": 4, "sum_bits": 12, "products": 4, "memory": 0, "weight_banks": 1,
        "replay_banks": 1, "block": False, "block_replay": False,
    }
    return mvau_terms(pe=pe, simd=simd, **values | changes)


def test_a_single_lane_of_two_inputs_is_one_adder():
    """One product a DSP, sums of 12 bits: a tree over two inputs adds once, 13 bits, and registers its result and leaves none."""
    terms = mvau(1, 2, products=1, weight_bits=8, in_bits=8)
    assert (terms["adders"], terms["registers"], terms["high"], terms["pairs"]) == (13, 13, 0, 0)
    assert (terms["weights"], terms["results"], terms["shift"]) == (16, 12, 28)


def test_lanes_of_a_dsp_have_trees_of_their_own():
    """Two products a DSP, 4 bit weights and 8 bit inputs: the low lane is 21 bits, wider than the sum, and overflows into the high one."""
    terms = mvau(2, 2, products=2, in_bits=8, sum_bits=15)
    # the high lane's sum is 15 bits, the low lane's 21; two overflows of -1 to 1 take 3 bits
    assert terms["adders"] == (21 + 1) + (15 + 1) + 3
    assert terms["pairs"] == 2
    assert terms["high"] == 1 + 1


def test_trees_that_are_no_power_of_two_register_what_waits():
    """Three inputs of 12 bits: two are added first, the third waits a cycle in a register."""
    terms = mvau(1, 3, products=1)
    assert terms["adders"] == 13 + 14
    assert terms["registers"] == 12 + 13 + 14


def test_weights_of_one_word_are_constants():
    assert mvau(2, 4, synapse=1, neuron=1)["constants"] == 32
    assert mvau(2, 4, synapse=1, neuron=1)["weights"] == 0
    assert mvau(2, 4)["weights"] == 32
    assert mvau(2, 4, block=True)["weights_read"] == 0


def test_activations_are_kept_only_to_be_replayed():
    assert mvau(2, 4, neuron=1)["activations"] == 0
    assert mvau(2, 4, neuron=2)["activations"] == 16


@pytest.mark.parametrize(
    ("ins", "outs", "barrel", "parts"),
    [(500, 100, 0, 6), (500, 150, 1500, 13), (40, 200, 0, 6), (8, 4, 0, 3), (12, 8, 12, 5), (20, 40, 0, 3)],
)
def test_a_wide_beat_in_is_turned_by_a_barrel_unless_one_beat_is_a_whole_number_of_the_other(ins, outs, barrel, parts):
    terms = converter_terms(ins, outs)
    assert (terms["barrel"], terms["parts"]) == (barrel, parts)


def test_padding_counts_rows_columns_and_folds():
    assert padding_terms(20, 36, 30, 4) == {"bits": 20, "counter": 6 + 5 + 2, "one": 1}


def test_tables_of_one_word_are_constants():
    terms = threshold_terms(pe=2, folds=1, bits=10, tables=[(1, False), (2, False)])
    assert (terms["table"], terms["deep"], terms["compared"]) == (2 * 2, 0, 40)
    assert terms["state"] == 2 * (10 * 3 + 4 + 2 * 7)


def test_deep_tables_take_a_lut_for_64_words_unless_they_are_block_ram():
    assert threshold_terms(pe=2, folds=64, bits=10, tables=[(64, False), (128, False)])["deep"] == 2 * 10
    assert threshold_terms(pe=2, folds=64, bits=10, tables=[(64, False), (128, True)])["deep"] == 0
