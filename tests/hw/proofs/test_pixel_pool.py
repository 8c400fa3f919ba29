import pytest

from hw.proofs import PROOFS
from hw.proofs.pixel_pool import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.parametrize("proof", [
    proof if proof.variant == "row of 2" else pytest.param(proof, marks=pytest.mark.slow) for proof in OURS
], ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
def test_a_window_that_is_never_complete_is_found(find):
    """The rows of a window go on into the next frame."""
    result = find("pixel_pool/column of 3, one left over", "rows=self.kernel[0]", "rows=self.kernel[0] + 1")
    assert not result.passed
    assert result.counterexample.claim == "a beat of a whole frame comes after a while"


def test_a_unit_that_never_refuses_is_found(find):
    """It loses beats instead of holding its input."""
    result = find("pixel_pool/1x1", "window.credit.eq(credits.credit)", "window.credit.eq(1)")
    assert not result.passed
    assert "a_full_unit_holds_its_input" in result.unreached
