"""What the prover says, on a unit of one register."""

import tempfile

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.proofs import PROOFS, Proof
from sim.formal.prove import ProofError, prove, prove_all, select, units


class Counter(wiring.Component):
    """Counts to 5 and begins again."""

    step: In(1)
    count: Out(3)

    def elaborate(self, platform):
        m = Module()
        with m.If(self.step):
            m.d.sync += self.count.eq(self.count + 1)
            with m.If(self.count == 5):
                m.d.sync += self.count.eq(0)
        return m


def counter(claim, *, cover=lambda unit: unit.count == 2, assume=lambda unit: 1, depth=4):
    def describe(h, unit):
        h.assume(assume(unit))
        h.claim("count_is_right", claim(unit))
        h.cover("two_steps", cover(unit))

    return Proof(unit="counter", variant="of 5", text="it counts", depth=depth, make=Counter, describe=describe)


def test_proven_for_any_length_or_for_a_depth():
    proof = counter(lambda unit: unit.count <= 5)
    result = prove(proof)
    assert result.passed
    assert (result.name, result.depth, result.claims, dict(result.reached)) == ("counter/of 5", None, 1, {"two_steps": 2})
    assert prove(proof, depth=3).depth == 3


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, owner in (("offramp-prove-dead", ".offramp-scratch"), ("offramp-prove-mine", "notes"), ("other-dead", ".offramp-scratch")):
        (tmp_path / name).mkdir()
        (tmp_path / name / owner).touch()
    prove(counter(lambda unit: unit.count <= 5), depth=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["offramp-prove-mine", "other-dead"]


def test_a_counterexample_is_a_shortest_one_and_readable(tmp_path):
    result = prove(counter(lambda unit: unit.count != 2), vcd=tmp_path / "waves")
    found = result.counterexample
    assert not result.passed
    assert (found.claim, found.cycle) == ("count is right", 2)
    assert found.trace.splitlines() == ["cycle  0  1  2", "step   1  1  0", "count  0  1  2"]
    assert found.vcd == tmp_path / "waves" / "counter-of-5.vcd"
    assert "count" in found.vcd.read_text()


def test_one_that_takes_long_is_found_without_a_depth_and_not_with_too_small_a_one():
    wrong = counter(lambda unit: unit.count <= 4)
    assert prove(wrong, depth=5).passed
    assert prove(wrong, depth=6).counterexample.cycle == 5
    beyond = prove(counter(lambda unit: unit.count <= 4, cover=lambda unit: unit.count == 1), depth=None)
    assert beyond.counterexample.cycle == 5


def test_beyond_the_search_before_the_proof(monkeypatch):
    monkeypatch.setattr("sim.formal.prove.SEARCHED", 2)
    assert prove(counter(lambda unit: unit.count <= 4)).counterexample.cycle == 5


def test_contradictory_assumptions_are_noticed():
    result = prove(counter(lambda unit: unit.count == 7, assume=lambda unit: unit.step & ~unit.step))
    assert result.counterexample is None
    assert result.unreached == ("two_steps", "a run that keeps all assumptions")
    assert not result.passed


def test_narrow_assumptions_are_noticed():
    result = prove(counter(lambda unit: unit.count == 0, assume=lambda unit: ~unit.step))
    assert result.unreached == ("two_steps",)
    assert not result.passed


def test_assumptions_that_leave_no_way_on_are_noticed():
    corner = {"claim": lambda unit: 1, "assume": lambda unit: unit.step & (unit.count != 3)}
    assert prove(counter(**corner, depth=3)).passed
    result = prove(counter(**corner, depth=4))
    assert dict(result.reached) == {"two_steps": 2}
    assert result.unreached == ("a run that keeps all assumptions",)


def test_no_answer_is_an_error(monkeypatch):
    monkeypatch.setattr("sim.formal.model_checker.TIMEOUT", 0.01)
    with pytest.raises(ProofError, match=r"^counter/of 5 has no answer: Yosys took longer than 0.01 seconds$"):
        prove(counter(lambda unit: unit.count <= 5))


def test_nothing_to_prove_is_an_error():
    empty = Proof(unit="counter", variant="empty", text="", depth=4, make=Counter, describe=lambda h, unit: None)
    with pytest.raises(ProofError, match="must have claims and covers, not 0 and 0"):
        prove(empty)


def test_names():
    assert select() == list(PROOFS.values())
    assert [proof.name for proof in select(["stream_fork/2 outputs"])] == ["stream_fork/2 outputs"]
    assert {proof.unit for proof in select(["frame_gate", "stream_fork"])} == {"frame_gate", "stream_fork"}
    units = ("accelerator_core, admission, exit_decision, exit_merge, frame_gate, gate_group, offer_hold, pixel_pool, register_bridge, "
             "reset_guard, result_queue, shared_conv, skid, static_conv, stream_add, stream_fork, stream_reader, stream_writer, upsample")
    with pytest.raises(ProofError, match=f"there is no proof of 'nix'; there are {units}"):
        select(["nix"])
    with pytest.raises(ProofError, match="depth must be at least 1, not 0"):
        prove_all(["stream_fork"], 0)


def test_all_of_a_unit_in_order():
    seen = []
    results = prove_all(["stream_fork"], 3, progress=seen.append)
    assert seen == results
    assert [result.name for result in results] == [name for name in PROOFS if name.startswith("stream_fork")]


def test_units_are_those_that_there_are_proofs_of():
    found = units()
    assert sum(len(variants) for variants in found.values()) == len(PROOFS)
    assert all(f"{unit}/{variant}" in PROOFS for unit, variants in found.items() for variant in variants)
    assert list(found) == sorted(found)
