import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.frame_gate import PROOFS as OURS
from sim.formal.prove import prove

QUICK = [proof for proof in OURS if proof.variant in ("1 frames of 1", "2 frames of 1", "2 frames of 2, reset")]


@pytest.mark.slow
@pytest.mark.parametrize("proof", QUICK, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(proof)
    assert result.passed
    assert result.depth is None


def test_three_frames_for_some_cycles():
    assert prove(PROOFS["frame_gate/3 frames of 2"], depth=7).passed


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "claim"), [
    # A drop gives back a slot that is not the dropped frame's.
    ("dropped.i.payload.eq(undecided.o.payload)", "dropped.i.payload.eq(kept.o.payload)",
     "kept frames leave whole and in order|frame enters when and only when"),
    # A slot comes back with the first beat read, not with the last.
    ("sent.i.valid.eq(finish)", "sent.i.valid.eq(leave & (taken == 0))", "frame enters when and only when a slot is free"),
    # A slot gets lost when there is one in either queue.
    ("sent.o.ready.eq(begin & ~unused & ~dropped.o.valid)", "sent.o.ready.eq(begin & ~unused)",
     "frame enters when and only when a slot is free"),
    ("whole + complete - verdict", "whole + begin - verdict", "verdict is taken when and only when its frame is wholly in"),
    ("with m.If(~self.o.valid | self.o.ready):", "with m.If(1):", "o valid holds until ready"),
    ("level + begin - drop - finish", "level + begin - (drop | finish)", "level counts the slots in use"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("frame_gate/2 frames of 2", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
