import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.reset_guard import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "claim"), [
    # The reset does not wait for what was taken, or for what is on offer.
    ("with m.If(turns & idle):", "with m.If(turns):", "under way in reset|units or 0 and okay|is answered after|holds until ready"),
    ("addressed | filled | waits.any())", "addressed | filled)", "under way in reset|units or 0 and okay|valid holds until ready"),
    # Accesses begin all the time.
    ("opened = (~turns | begun) & ~taken", "opened = ~taken", "reset follows|units or 0 and okay|holds until ready"),
    # Half a write is not let through while the reset waits for it.
    ("(waits[0], writing, writing)", "(waits[0], waits[1], waits[2])", "reset follows"),
    # The unit is in reset when the first access reaches it.
    ("self.rst_n.eq(~(instead & self.hold))", "self.rst_n.eq(~instead)", "under way in reset"),
    # An answer to data without an address.
    ('("b", addressed & filled, [addressed, filled])', '("b", filled, [addressed, filled])', "b is an answer|b at a time|w at a time"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("reset_guard/2 bits", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
