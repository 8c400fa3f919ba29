import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.gate_group import PROOFS as OURS
from sim.formal.prove import prove


def test_one_sample_of_two_tensors_for_runs_of_any_length():
    result = prove(PROOFS["gate_group/1 samples of 1 and 1, tensor 1, reset"])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(proof)
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "claim"), [
    # A slot is free when one tensor is read.
    ("leaves.eq(done.all())", "leaves.eq(done.any())", "level counts|enters when and only when|kept frame of"),
    # One tensor has its verdict before the other is there.
    ("whole.eq(Cat(gate.keep.ready for gate in gates).all())", "whole.eq(gates[0].keep.ready)",
     "verdict is taken when and only when|kept frame of"),
    # A sample of which one tensor has begun waits for another slot in the other.
    ("may[n].eq((owed[n] != 0) | room)", "may[n].eq(room)", "enters when and only when"),
    # Two tensors that begin a sample together take two slots.
    ("enters.eq(leads.any())", "enters.eq(leads[0])", "level counts|enters when and only when"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("gate_group/1 samples of 1 and 1, tensor 0", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
