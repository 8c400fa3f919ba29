import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.merge import PROOFS as OURS
from sim.formal.prove import prove

QUICK = [proof for proof in OURS if proof.variant in ("arrival, 2 in flight", "input, 2 in flight, reset")]
LARGE = [proof for proof in OURS if "3 in flight" in proof.variant]


@pytest.mark.slow
@pytest.mark.parametrize("proof", QUICK, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["anytime, 2 in flight", "anytime, 2 in flight, reset"])
def test_answers_at_any_time_for_some_cycles(variant):
    assert prove(PROOFS[f"exit_merge/{variant}"], depth=5).passed


@pytest.mark.slow
@pytest.mark.parametrize("proof", LARGE, ids=lambda proof: proof.variant)
def test_three_in_flight_for_some_cycles(proof):
    assert prove(proof, depth=5).passed


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "old", "new", "claim"), [
    # The end of a batch is told of a result that is not taken; with the result before.
    ("arrival, 2 in flight", "self.ends.eq(counted & completes)", "self.ends.eq(completes)", "ends tells of the last|two lengths are kept"),
    ("arrival, 2 in flight", "counted & (to_send == 2)", "counted & (to_send == 3)",
     "ends tells of the last|two lengths are kept|last marks"),
    # A length comes while the last result is taken, and none waits: it is lost.
    ("arrival, 2 in flight", "known.eq((load & comes) | (~load & known))", "known.eq((load & waits) | (~load & known))",
     "two lengths are kept|one that waits is taken|nothing is counted"),
    # A result is lost when the output stalls.
    ("arrival, 2 in flight", "free.eq(~stuck)", "free.eq(1)",
     "nothing leaves while two wait|as many leave as came|what leaves is on offer"),
    # One exit goes before all others, always.
    ("arrival, 3 in flight", "previous.eq(winner)", "previous.eq(0)", "waits for no more than all others once"),
    # A place counts as filled for ever.
    ("input, 2 in flight", "present.bit_select(head, 1).eq(0), ", "", "no one leaves before it came|as many leave as came"),
    ("input, 2 in flight", "counted & (to_send == 2)", "counted & (to_send == 1)",
     "last marks the result|two lengths are kept|batch_done|ends tells"),
    # The later exit goes first: its result overtakes that of an earlier exit of the same sample.
    ("anytime, 2 in flight", "Const(int(j < k))", "Const(int(j > k))",
     "order of the exits|only while exit0 does not wait"),
    # Results that are not final count as samples.
    ("anytime, 2 in flight", "counted.eq(taken & chosen.final if self.anytime else taken)", "counted.eq(taken)",
     "two lengths are kept|last marks the result|ends tells|one that waits is taken at once"),
    ("input, 2 in flight", "self.now - result.token.stamp", "result.token.stamp - self.now", "word is that of the sample"),
])
def test_a_planted_bug_is_found(find, variant, old, new, claim):
    result = find(f"exit_merge/{variant}", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
