"""Tokens between exits: joined where one gives and the next takes, thrown away where none takes."""

import re

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hw.exits.decision import ExitDecision
from hw.exits.runs import join_runs
from hw.netlist import NetlistError
from hw.placing import place

PATIENT = {"id_bits": 4, "run_bits": 2}


def decision(policy, first=False):
    params = {"patience": PATIENT | {"first": True} if first else PATIENT}.get(policy, {})
    return ExitDecision(classes=3, pe=3, acc_bits=8, bias=(0, 0, 0), policy=policy, params=params)


class Exits(wiring.Component):
    def __init__(self, *units):
        self.units = units
        super().__init__({f"ready{k}": Out(1) for k in range(len(units))})

    def elaborate(self, platform):
        m = Module()
        self.ports = [place(m, f"decision{k}", unit) for k, unit in enumerate(self.units)]
        join_runs(m, list(zip(self.units, self.ports, strict=True)), 6, lambda unit: unit)
        for k, (unit, ports) in enumerate(zip(self.units, self.ports, strict=True)):
            if "token_o" in unit.score.ports:
                m.d.comb += getattr(self, f"ready{k}").eq(ports.token_o.ready)
        return m


def text(*units):
    return verilog.convert(Exits(*units), name="top", emit_src=False, strip_internal_attrs=True)


def test_a_chain_has_a_fifo_between_every_two():
    found = text(decision("patience", first=True), decision("patience"), decision("patience"), decision("max_logit"))
    assert sorted(set(re.findall(r"^module \\top\.(runs\d)\.?", found, re.M))) == ["runs0", "runs1"]
    assert "assign ready2 = 1'h1" in found
    assert "assign ready0 = 1'h1" not in found


def test_a_chain_that_is_broken_begins_anew():
    found = text(decision("patience", first=True), decision("max_logit"), decision("patience", first=True))
    assert "runs" not in found
    assert "assign ready0 = 1'h1" in found


@pytest.mark.parametrize("before", [(), (decision("max_logit"),), (decision("patience", first=True), decision("margin"))])
def test_one_that_takes_without_one_that_gives(before):
    with pytest.raises(NetlistError, match=f"exit {len(before)} takes tokens, but no exit before it gives them"):
        text(*before, decision("patience"))
