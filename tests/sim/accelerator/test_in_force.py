"""What registers held in which cycle."""

import numpy as np

from hw.accelerator import registers
from sim.accelerator.in_force import CHECK_TLAST, CLEAR, SOFT_RESET, history
from sim.accelerator.traffic import Kind
from tests import toy
from tests.traffic_log import SHAPE, log, written

NETLIST = toy.build(None, **SHAPE)
RESET = (Kind.RESET, 5, 16, 0)


def test_a_length_holds_from_its_write_to_the_next_one_or_a_reset():
    past = history(NETLIST, log([RESET, written(NETLIST, 40, "BATCH_LENGTH", 7), written(NETLIST, 90, "BATCH_LENGTH", 0x305, 1),
                                 written(NETLIST, 95, "BATCH_LENGTH", 0x305, 2), (Kind.RESET, 120, 1, 0)]))
    assert past.lengths.between(0, 39) == {1}
    assert past.lengths.between(39, 40) == {1, 7}
    assert past.lengths.between(40, 89) == {7}
    assert past.lengths.between(92, 95) == {5, 0x305}
    assert past.lengths.between(120, 120) == {0x305}
    assert past.lengths.between(121, 500) == {1}
    assert past.hard == [5, 120]


def test_a_length_of_0_counts_as_1_and_reads_as_0():
    past = history(NETLIST, log([written(NETLIST, 40, "BATCH_LENGTH", 0)]))
    assert past.lengths.between(50, 60) == {1}
    assert past.words["BATCH_LENGTH"].between(50, 60) == {0}


def test_commands_and_what_check_tlast_was():
    past = history(NETLIST, log([written(NETLIST, 40, "CONTROL", CHECK_TLAST | CLEAR), written(NETLIST, 50, "CONTROL", SOFT_RESET),
                                 written(NETLIST, 60, "CONTROL", SOFT_RESET, 14), (Kind.RESET, 70, 1, 0)]))
    assert past.commands == [(40, CHECK_TLAST | CLEAR), (50, SOFT_RESET)]
    assert [past.tlast.between(at, at) for at in (39, 40, 50)] == [{0}, {CHECK_TLAST}, {0}]
    assert past.resets == [50, 70]


def test_rules_go_by_enable_mode_and_the_threshold_within_its_range():
    past = history(NETLIST, log([written(NETLIST, 40, "THRESHOLD_0", -1), written(NETLIST, 50, "MODE_0", 1),
                                 written(NETLIST, 60, "ENABLE_0", 0), written(NETLIST, 70, "THRESHOLD_0", 2**31 - 1),
                                 (Kind.RESET, 80, 1, 0)]))
    rules = past.rules[0]
    assert (rules.starts, rules.modes) == ([-1, 40, 50, 60, 70, 81], [0, 0, 1, 2, 2, 0])
    most = rules.thresholds[4][0]
    assert [limit for limit, in rules.thresholds] == [900, -1, -1, -1, most, 900]
    assert 4 * 255 < most < 2**15
    low, high = rules.windows(*(np.array(at) for at in ([0, 45, 45], [39, 49, 60])))
    assert (low.tolist(), high.tolist()) == ([0, 1, 1], [0, 1, 3])


def test_thresholds_of_classes_are_written_one_by_one_and_outlast_every_reset():
    params = {"score": "max_logit", "score_params": {}, "thresholds": [900, 800, 700]}
    netlist = toy.build(None, exits=2, policies=("class_threshold",), params=(params,), thresholds=(0,))
    past = history(netlist, log([
        written(netlist, 40, "MODE_0", 1 << 16), written(netlist, 50, "THRESHOLD_0", 5), written(netlist, 60, "MODE_0", 3 << 16),
        written(netlist, 70, "THRESHOLD_0", 6), (Kind.RESET, 80, 1, 0), written(netlist, 90, "THRESHOLD_0", 8, 0),
        written(netlist, 95, "THRESHOLD_0", 9)]))
    assert past.rules[0].thresholds == [(900, 800, 700), (900, 5, 700), (9, 5, 700)]
    assert past.rules[0].starts == [-1, 50, 95]


def test_what_cannot_be_written_changes_nothing():
    past = history(NETLIST, log([written(NETLIST, 40, "VERSION", 7), written(NETLIST, 50, 0xF0, 7)]))
    assert set(past.words) == {item.name for item in registers(NETLIST) if item.access == "rw"}
    assert all(len(item.values) == 1 for item in past.words.values())
