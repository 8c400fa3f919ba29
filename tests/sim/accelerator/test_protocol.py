import re

import pytest

from sim.accelerator.protocol import CHECKER, binding, entry_words, idle_limit
from tests import toy


def numbers(netlist):
    text = binding(netlist)
    assert "bind accelerator protocol_checker" in text
    return {name: int(value) for name, value in re.findall(r"\.(\w+)\((-?\d+)\)", text)}


def test_every_number_of_the_checker_is_bound_but_the_length_of_a_reset():
    declared = re.findall(r"parameter\s.*?(\w+)\s*=", CHECKER.read_text().split("module protocol_checker #(")[1].split(") (")[0])
    assert {*numbers(toy.build(None)), "QUIET"} == set(declared)


def test_they_are_those_of_the_accelerator():
    netlist = toy.build(None, bus_bits=64, result_bits=32, max_in_flight=5, classes=3, size=4)
    assert numbers(netlist) == {
        "BUS_BITS": 64, "RESULT_BITS": 32, "ADDR_BITS": 12, "CONTROL": 0x0C, "BATCH_LENGTH": 0x14, "IMAGE_WORDS": 6, "ENTRY_WORDS": 5,
        "MAX_IN_FLIGHT": 5, "FINAL_BIT": -1, "PATIENCE": 2 * idle_limit(netlist),
    }


@pytest.mark.parametrize("bits", [32, 64])
def test_where_every_exit_answers_the_final_bit_is_the_highest(bits):
    assert numbers(toy.build(None, anytime=True, result_bits=bits))["FINAL_BIT"] == bits - 1


@pytest.mark.parametrize(("classes", "bus", "words"), [(3, 32, 5), (3, 128, 5), (12, 32, 11), (12, 64, 8)])
def test_words_that_wait_outside(classes, bus, words):
    assert entry_words(toy.build(None, classes=classes, bus_bits=bus)) == words
