import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.static_conv import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", [
    proof if proof.variant == "1x1" else pytest.param(proof, marks=pytest.mark.slow) for proof in OURS
], ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.parametrize(("old", "new", "claim"), [
    # It lends what it has not got.
    ("with m.If(self.take & ~self.back):", "with m.If(self.take & self.back):", "no more is inside than there is room for"),
    # It forgets what came back.
    ("left.eq(left + 1), self.credit.eq(1)", "self.credit.eq(1)", "no more is inside than there is room for"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("static_conv/1x1", old, new, part=lambda unit: unit.credits)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)


def test_a_unit_that_never_refuses_is_found(find):
    """It loses beats instead of holding its input."""
    result = find("static_conv/1x1", "self.credit.eq(left != 1)", "self.credit.eq(1)", part=lambda unit: unit.credits)
    assert not result.passed
    assert "a_full_unit_holds_its_input" in result.unreached
