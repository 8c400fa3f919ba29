"""What registers tell is held against what passed at the ports."""

import numpy as np
import pytest

from sim.accelerator.in_force import CHECK_TLAST, CLEAR, SOFT_RESET, history
from sim.accelerator.readings import Passed, wrong_readings
from sim.accelerator.traffic import Kind
from tests import toy
from tests.traffic_log import SHAPE, log, written

NETLIST = toy.build(None, **SHAPE)
STATUS, BATCH_LENGTH, SAMPLES_IN, SAMPLES_OUT, EXIT_COUNT_1 = 0x10, 0x14, 0x28, 0x2C, 0x118
CHECKED = written(NETLIST, 40, "CONTROL", CHECK_TLAST)
ALL = [(Kind.TLAST, 111 + 12 * n, 11 + 12 * n, 0) for n in range(3)]


def judged(*records):
    """Of three images in cycles 100, 112, 124, which leave at exits 0, 1, 0 in cycles 200 to 220: batches of two and one."""
    made = log([(Kind.RESET, 5, 16, 0), *records])
    passed = Passed(began=np.array([100, 112, 124]), epoch=np.ones(3, int), taken=np.array([200, 210, 220]), results_epoch=np.ones(3, int),
                    exits=np.array([0, 1, 0]), last=np.array([False, True, True]))
    return wrong_readings(NETLIST, made, history(NETLIST, made), passed)


def read(offset, value, cycle=500):
    return Kind.READ, cycle, offset, value


@pytest.mark.parametrize(("offset", "value"), [
    (SAMPLES_IN, 3), (SAMPLES_OUT, 3), (EXIT_COUNT_1, 1), (STATUS, 0), (BATCH_LENGTH, 1), (0xF0, 0),
])
def test_what_is_right_is_silent_and_what_is_not_is_told(offset, value):
    assert judged(read(offset, value)) == []
    assert f"reads as {value + 1:#x}, not {value:#x}" in judged(read(offset, value + 1))[0]


def test_nothing_follows_while_images_are_inside_or_where_counters_were_cleared_meanwhile():
    assert judged(read(SAMPLES_IN, 77, cycle=150)) == []
    assert judged(written(NETLIST, 150, "CONTROL", CLEAR), read(SAMPLES_IN, 77)) == []


def test_counters_begin_anew_when_they_are_cleared_and_with_a_reset():
    assert judged(written(NETLIST, 300, "CONTROL", CLEAR), read(SAMPLES_IN, 0), read(SAMPLES_OUT, 0)) == []
    assert judged(written(NETLIST, 300, "CONTROL", SOFT_RESET), read(SAMPLES_IN, 3)) == ["cycle 500: SAMPLES_IN reads as 0x3, not 0x0"]


def test_a_written_register_reads_as_it_is_or_just_was():
    write = written(NETLIST, 490, "BATCH_LENGTH", 9)
    assert judged(write, read(BATCH_LENGTH, 1), read(BATCH_LENGTH, 9)) == []
    assert judged(write, read(BATCH_LENGTH, 1, cycle=520)) == ["cycle 520: BATCH_LENGTH reads as 0x1, not 0x9"]


@pytest.mark.parametrize(("marks", "errors"), [
    (ALL, 0), (ALL[1:], 0), (ALL[:1], 2), ([], 2), ([*ALL, (Kind.TLAST, 105, 5, 0), (Kind.TLAST, 106, 6, 0)], 2),
])
def test_tlast_is_counted_where_it_is_misplaced_or_missing(marks, errors):
    told = errors << 8 | (4 if errors else 0)
    assert judged(CHECKED, *marks, read(STATUS, told)) == []
    assert len(judged(CHECKED, *marks, read(STATUS, told ^ 0x100))) == 1
    assert judged(*marks, read(STATUS, 0)) == []
    # Where it was looked at for a part of the time nothing follows.
    assert judged(CHECKED, *marks, written(NETLIST, 130, "CONTROL", 0), read(STATUS, 0x504)) == []


def test_an_address_that_nothing_has_is_told_until_counters_are_cleared():
    touched = written(NETLIST, 300, 0xF0, 1)
    assert judged(touched, read(STATUS, 8)) == []
    assert judged(touched, read(STATUS, 0)) == ["cycle 500: STATUS reads as 0x0, not 0x8"]
    assert judged(touched, written(NETLIST, 400, "CONTROL", CLEAR), read(STATUS, 0)) == []
    assert judged(read(0xF4, 0, cycle=300), read(STATUS, 8)) == []
