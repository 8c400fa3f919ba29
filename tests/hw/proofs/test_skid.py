import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.skid import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.parametrize(("old", "new", "claim"), [
    ("with m.If(empty):", "with m.If(1):", "payload is stable|kept beat goes first"),
    ("self.i.ready.eq(empty)", "self.i.ready.eq(empty | self.o.ready)", "taken when and only when none is kept"),
    ("Mux(empty, self.i.payload, kept)", "Mux(self.i.valid, self.i.payload, kept)", "payload is stable|kept beat goes first"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("skid/2 bits", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
