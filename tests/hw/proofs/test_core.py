import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.core import PROOFS as OURS
from sim.formal.prove import prove
from tests.hw.proofs.conftest import mutant


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["1 exit"])
def test_proven_for_runs_of_any_length(variant):
    result = prove(PROOFS[f"accelerator_core/{variant}"])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS[1:], ids=lambda proof: proof.variant)
def test_the_others_for_some_cycles(proof):
    assert prove(proof, depth=10).passed


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "old", "new", "claim"), [
    # A result that waits is lost.
    ("1 exit", "join_bits(m, hold.o, self.results)",
     "m.d.comb += [hold.o.ready.eq(1), self.results.valid.eq(hold.o.valid), Value.cast(self.results.payload).eq(hold.o.payload)]",
     "results valid holds until ready"),
    # A sample that waits at the output counts as gone in every cycle.
    ("1 exit", "admission.release.eq(merge.release)", "admission.release.eq(merge.o.valid)", "no more are inside than may be"),
    ("1 exit", "admission.batch_length.eq(self.batch_length)", "admission.batch_length.eq(1)",
     "last is with the last of the batch|id is the place in the batch"),
    # Results come from the wrong exit.
    ("2 exits", "merge.i[k])", "merge.i[-1 - k])", "exit is where it left"),
    # Exit 1 takes the tokens of samples that enter, not of those that go on.
    ("2 exits", "tokens = path.passed", "tokens = tokens", "id is the place in the batch"),
    # What the next stage works on does not wait for the verdict.
    ("2 exits", "wiring.connect(m, out, wiring.flipped(getattr(self, f\"to_stage{_end(k + 1, n)}\")))",
     "wiring.connect(m, wiring.flipped(getattr(self, f\"to_gate{k}\")), wiring.flipped(getattr(self, f\"to_stage{k + 1}\")))",
     "label is that of the frame"),
])
def test_a_planted_bug_is_found(variant, old, new, claim):
    proof = PROOFS[f"accelerator_core/{variant}"]
    harness = proof.harness(mutant(proof.make(), old, new))
    harness.covers = dict(list(harness.covers.items())[:1])  # what is possible is another test's, and takes its time
    result = prove(proof, harness, depth=20)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
