"""Both solvers, on a register that a step doubles until it is 8."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.proofs import Harness
from sim.formal.model_checker import Model, ProofError


class Doubler(wiring.Component):
    step: In(1)
    value: Out(4, init=1)

    def elaborate(self, platform):
        m = Module()
        with m.If(self.step & (self.value != 8)):
            m.d.sync += self.value.eq(self.value << 1)
        return m


@pytest.fixture
def model(tmp_path):
    def make(bound):
        unit = Doubler()
        harness = Harness(unit)
        harness.claim("small", unit.value <= bound)
        harness.cover("four", unit.value == 4)
        harness.cover("three", unit.value == 3)
        return Model(harness, tmp_path)

    return make


def test_both_find_a_shortest_run(model):
    wrong = model(7)
    assert wrong.break_a_claim(3) is None
    run = wrong.break_a_claim(4)
    assert [int(run[cycle]["value"], 2) for cycle in sorted(run)] == [1, 2, 4, 8]
    assert run[3]["claim_small"] == "0"
    assert max(wrong.break_a_claim(4, known=3)) == 3
    assert wrong.prove() == wrong.prove(enumerate_states=True) == 4


def test_both_agree_where_there_is_none(model):
    right = model(8)
    assert right.break_a_claim(20) is None
    assert right.prove() is None
    assert right.prove(enumerate_states=True) is None


def test_covers(model):
    four, three = model(8).reach(["four", "three"], 10)
    assert max(four) == 2
    assert three is None


def test_an_enumeration_that_gives_up_is_no_answer(model, monkeypatch):
    right = model(8)
    monkeypatch.setattr("sim.formal.model_checker.FRAMES", 1)
    with pytest.raises(ProofError, match="ABC says neither"):
        right.prove(enumerate_states=True)


def test_an_answer_that_is_not_understood_is_no_answer(model, tmp_path):
    broken = model(8)
    (tmp_path / "model.aig").write_bytes(b"nothing")
    with pytest.raises(ProofError, match="ABC says neither"):
        broken.prove()
    with pytest.raises(ProofError, match="ABC says neither"):
        broken.prove(enumerate_states=True)
    (tmp_path / "model.il").write_text("nothing")
    with pytest.raises(ProofError, match="Yosys failed"):
        broken.break_a_claim(3)
