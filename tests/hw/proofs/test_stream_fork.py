import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.stream_fork import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.parametrize(("old", "new", "claim"), [
    ("taken.eq(Mux(self.i.ready, 0, done))", "taken.eq(0)", "is offered what it lacks and nothing else"),  # forgets who has taken
    ("taken.eq(Mux(self.i.ready, 0, done))", "taken.eq(done)", "is offered what it lacks and nothing else"),  # never forgets
    ("done.all()", "done.any()", "beat leaves when and only when all have taken it"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("stream_fork/2 outputs", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
