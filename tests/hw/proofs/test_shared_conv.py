import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.shared_conv import PROOFS as OURS
from sim.formal.prove import prove

QUICK = "pair, room for 2"
LONG = ("1x1", "padded row of 2")
"""Half a minute and more each: `offramp prove shared_conv` proves these."""


@pytest.mark.parametrize("proof", [
    proof if proof.variant == QUICK else pytest.param(proof, marks=pytest.mark.slow) for proof in OURS if proof.variant not in LONG
], ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.parametrize(("variant", "old", "new", "claim"), [
    # never waits for room
    (QUICK, "reader.credit.eq(Mux(reader.takes.any(), credits >= 2 * most, credits >= most))", "reader.credit.eq(1)",
     "no more is inside than there is room for"),
    # lends it twice
    pytest.param("padded row of 2, a step a visit, room for 3", "credits >= 2 * most, credits", "credits >= most, credits",
                 "no more is inside than there is room for", marks=pytest.mark.slow),
])
def test_a_planted_bug_is_found(find, variant, old, new, claim):
    result = find(f"shared_conv/{variant}", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)
