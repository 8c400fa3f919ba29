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
    ('Mux(ended, first_of(following, "of_next"), first_of(batch, "of_this"))', "front.o.valid"),
    ("first_of(batch, ", "first_of((batch - 1)[:len(batch)], "),
    ("ended.eq(self.ends)", "ended.eq(0)"),
    ("following.eq(following + 1)", "following.eq(following)"),
    # The next result is on offer one cycle late.
    ("took.eq(takes)", "took.eq(0)"),
])
def test_a_planted_bug_is_found(find, old, new):
    result = find("result_queue/3 places", old, new)
    assert not result.passed
    assert re.search("first and of the batch is on offer|stable until ready|valid holds", result.counterexample.claim)
