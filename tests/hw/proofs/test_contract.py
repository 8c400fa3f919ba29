"""The harness's own words, on a unit that does nothing but hand on."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.proofs import Proof
from hw.proofs.contract import keeps_contract, kept, level, offers_fairly, took
from sim.formal.prove import prove


class Wire(wiring.Component):
    i: In(stream.Signature(2))
    o: Out(stream.Signature(2))

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m


def proof(describe, reset=False):
    return Proof(unit="wire", variant="plain", text="", depth=5, make=Wire, describe=describe, reset=reset)


def test_a_contract_is_kept_only_as_far_as_the_source_keeps_it():
    def free(h, unit):
        keeps_contract(h, unit.o, "o")
        h.cover("transfer", took(unit.o))

    def fair(h, unit):
        offers_fairly(h, unit.i, "i")
        free(h, unit)

    assert prove(proof(fair)).passed
    assert not prove(proof(free)).passed


@pytest.mark.parametrize("reset", [False, True])
def test_constants_last_across_resets_and_registers_do_not(reset):
    def describe(h, unit):
        which = h.constant("which", 2)
        before = kept(h, 1, which, "before")
        later = level(h, 1, 0, "cycles", bits=3)
        h.claim("it_is_the_same_as_before", (later == 0) | (before == which))
        h.cover("three_cycles_since_the_start", later == 3)
        h.cover("it_is_not_zero", which == 2)

    assert prove(proof(describe, reset)).passed


def test_an_input_that_the_environment_drives_is_not_free():
    def describe(h, unit):
        h.drive(unit.i.payload, 2)
        h.claim("two", unit.o.payload == 2)
        h.cover("transfer", took(unit.o))

    assert prove(proof(describe)).passed
