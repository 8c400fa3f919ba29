import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.stream_add import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.parametrize(("old", "new", "claim"), [
    ("meet(m, self.i, self.o", "meet(m, self.i[:1], self.o", "beats_are_taken_together|beats_wait"),
    ("Cat(sums)", "Cat(reversed(sums))", "it_is_the_sum"),
    ("value.as_signed() if signed else value", "value", "it_is_the_sum"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("stream_add/signed and unsigned", old, new)
    assert not result.passed
    assert re.search(claim.replace("_", "[_ ]"), result.counterexample.claim)
