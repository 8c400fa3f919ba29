import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.offer_hold import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.parametrize(("old", "new", "claim"), [
    ("self.cut & self.o.valid & ~self.o.ready", "self.cut & self.o.valid & self.o.ready", "offer holds|pending is what|passes when"),
    ("m.If(self.cut & ~self.pending)", "m.If(self.cut)", "offer is stable until"),  # a second cut overwrites what is kept
    ("self.o.ready & opened", "self.o.ready", "passes when and only when|nothing is taken from"),
    ("self.discard | (self.pending & self.o.ready)", "self.pending & self.o.ready", "pending is what was on offer"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("offer_hold/2 bits", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)
