import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.result_queue import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), [
    # No fence; one that looks at the batch before; one that does not see a batch end.
    ("self.o.valid.eq(Mux(ended, of_next, of_this))", "self.o.valid.eq(front.o.valid)"),
    ("of_this.eq(first_of(batch))", "of_this.eq(first_of((batch - 1)[:len(batch)]))"),
    ("Mux(ended, of_next, of_this)", "of_this"),
    ("following.eq(following + 1)", "following.eq(following)"),
    # The next result is on offer one cycle late.
    ("(takes & comes)", "(takes & here)"),
])
def test_a_planted_bug_is_found(find, old, new):
    result = find("result_queue/3 places", old, new)
    assert not result.passed
    assert re.search("first and of the batch is on offer|stable until ready|valid holds", result.counterexample.claim)
