import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.register_bridge import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "old", "new", "claim"), [
    # One beat too many.
    ("reads", "ask.eq(started | given & ~bus.rlast)", "ask.eq(started | given)", "beats are of a burst|is asked of a burst in it"),
    # A page is asked that the burst is not in, or no more once it was not ready.
    ("reads", "arvalid.eq(ask & here[place] |", "arvalid.eq(ask |", "is asked of a burst in it"),
    ("reads", "port.arvalid & ~port.arready", "0", "valid holds until ready|beat is given"),
    # No answer where there is no page.
    ("reads", ".any() | ~hit.any()", ".any()", "a beat is given|no_page_two_beats"),
    # The answer goes on changing while it is on offer.
    ("reads", "with m.If(asked):", "with m.If(1):", "payload is stable|answer is as it came"),
    # The next address is taken while beats are to be given.
    ("reads", "given & bus.rlast | ~(started", "given | ~(started", "one burst at a time"),
    # Data reaches a page without an address, or that of the next burst does with this one's.
    ("writes", "busy & full & ~asked", "full & ~asked", "is asked of a burst in it|each beat is one access"),
    ("writes", "full & ~asked & ~bus.bvalid", "full & ~asked", "is asked of a burst in it"),
    # A beat is lost.
    ("writes", "full & ~answered)", "full & ~ask)", "one access|beat is taken|one beat is taken ahead|taken before the answer"),
    # The last beat's response is that of the burst.
    ("writes", "bus.bresp.as_value() | ", "", "answer is the worst"),
])
def test_a_planted_bug_is_found(find, variant, old, new, claim):
    result = find(f"register_bridge/{variant}", old, new)
    assert not result.passed
    found = result.counterexample
    assert re.search(claim, found.claim if found else str(result.unreached))  # there may be several shortest runs
