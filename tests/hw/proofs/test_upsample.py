import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.upsample import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", [
    proof if proof.variant == "2x1 to 4x1" else pytest.param(proof, marks=pytest.mark.slow) for proof in OURS
], ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "claim"), [
    ("self.i.ready.eq(free & fresh)", "self.i.ready.eq(free)", "it_is_the_beat|nothing_comes|no_more_is_inside"),
    ("place.eq(place + 1 if down > 1 else 0)", "place.eq(0)", "it_is_the_beat_of_that_pixel"),
    ("column.eq(0), place.eq(0), row_again", "column.eq(0), row_again", "it_is_the_beat_of_that_pixel"),
    ("step.eq(free & (self.i.valid | ~fresh))", "step.eq(free & self.i.valid)", "a_beat_of_a_whole_frame_comes_after_a_while"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("upsample/1x2 to 2x4", old, new)
    assert not result.passed
    assert re.search(claim.replace("_", "[_ ]"), result.counterexample.claim)
