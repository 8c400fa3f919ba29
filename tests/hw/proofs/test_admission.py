import re

import pytest

from hw.proofs.admission import PROOFS as OURS
from sim.formal.prove import prove


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(proof)
    assert result.passed
    assert result.depth is None


SOME = "some.eq(enters | (some & ~(leaves & (inside == 1))))"
SMALL = "arrival, 2 in flight, 2 ids, frames of 1"
LARGER = "arrival, 3 in flight, 4 ids, frames of 2"


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "old", "new", "claim"), [
    # A sample that enters is not noted where none of its ids was inside: the id comes again.
    (SMALL, SOME, "some.eq(some & ~(leaves & (inside == 1)))", "no id comes again|beat passes when and only when it may"),
    # One that leaves takes the note of the others with it, or leaves it behind.
    (SMALL, SOME, "some.eq(enters | (some & ~leaves))", "beat passes when and only when it may"),
    (SMALL, SOME, "some.eq(enters | (some & ~(leaves & (inside == 2))))", "beat passes when and only when it may"),
    (SMALL, SOME, "some.eq((enters | some) & ~(leaves & (inside == 1)))", "beat passes when and only when it may"),
    (SMALL, "Mux(half, taken[1], taken[0])", "Mux(half, taken[0], taken[1])", "beat passes when and only when it may"),
    (LARGER, "self.release_half == which", "self.release_half != which", "beat passes when and only when it may"),
    # Lengths are compared, or counted down, in 16 bits.
    (SMALL, "of_batch[1:] == 0", "of_batch[1:16] == 0", "beat passes when and only when it may"),
    (SMALL, "to_come.eq(of_batch - 1)", "to_come.eq((of_batch - 1)[:16])", "beat passes when and only when it may"),
    # The length of a batch follows BATCH_LENGTH while the batch goes on.
    (SMALL, "of_batch.eq(Mux(opens_batch, self.batch_length, to_come))", "of_batch.eq(self.batch_length)",
     "beat passes when and only when it may"),
    (SMALL, "self.batch_length | (self.batch_length == 0)", "self.batch_length", "length is that of the cycle in which its batch began"),
    # A token is overwritten before it is taken.
    (SMALL, "(self.token.ready if self.frame_beats == 1 else 0)", "1", "beat passes when|token is on offer|token payload"),
    (LARGER, "(self.token.ready if self.frame_beats == 1 else 0)", "1", "beat passes when|token is on offer|token payload"),
    # A token is not offered any more, or for ever.
    (LARGER, "with m.If(~self.token.valid | self.token.ready):", "with m.If(1):", "beat passes when|token is on offer|token valid holds"),
    (LARGER, "with m.If(~self.token.valid | self.token.ready):", "with m.If(~self.token.valid):", "beat passes when|token is on offer"),
    (SMALL, "full.eq(~self.release & (full | (", "full.eq(~self.release & ((", "beat passes when and only when it may|no more are inside"),
    (SMALL, "slot == self.max_in_flight - 1", "slot == self.max_in_flight - 2", "token has the slot of its sample"),
    (SMALL, "stamp.eq(self.now)", "stamp.eq(self.now[:16])", "token has the stamp of its sample"),
    (SMALL, "position.eq(0), batch.eq(batch + 1)", "position.eq(0), batch.eq(batch)", "token has the batch of its sample"),
    (SMALL, "position.eq(0), batch", "batch", "token has the id of its sample"),
])
def test_a_planted_bug_is_found(find, variant, old, new, claim):
    result = find(f"admission/{variant}", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
