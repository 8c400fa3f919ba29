import re

import pytest

from hw.exits.scores import Score
from hw.proofs.decision import PROOFS as OURS
from sim.formal.prove import prove

QUICK = [proof for proof in OURS if "softmax" not in proof.variant]


@pytest.mark.slow
@pytest.mark.parametrize("proof", QUICK, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(proof)
    assert result.passed
    assert result.depth is None


def test_softmax_for_some_cycles():
    (proof,) = [proof for proof in OURS if "softmax" in proof.variant]
    assert prove(proof, depth=12).passed


@pytest.mark.parametrize(("old", "new", "claim"), [
    # The output register is written again before it is taken.
    ("advance.eq((~self.o.valid | self.o.ready) & ~score.hold)", "advance.eq(~score.hold)", "unit moves unless its result waits"),
    # The rule is that of the last beat, not of the first.
    ("with m.If(starts):", "with m.If(ends):", "exit is what mode enable and policy say"),
    ("self.mode == Mode.ALWAYS", "self.mode != Mode.POLICY", "exit is what mode enable and policy say"),
    # With biases the first beat is marked a cycle too early.
    ("delay(m, valid, 1, reset_less=False), delay(m, first, 1), delay(m, last, 1), sums",
     "delay(m, valid, 1, reset_less=False), first, delay(m, last, 1), sums", "label is the first of the greatest"),
])
def test_a_planted_bug_is_found(find, old, new, claim):
    result = find("exit_decision/max_logit, 4 classes, pe 2, bias", old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs


def test_a_token_given_twice_is_found(find, monkeypatch):
    monkeypatch.setattr(Score, "registry", dict(Score.registry))  # the planted class enters itself
    result = find("exit_decision/patience, 2 classes, pe 2", "m.d.sync += self._sent.eq(1)", "m.d.sync += self._sent.eq(0)",
                  part=lambda unit: unit.score)
    assert "token is on offer until it is given if the sample stays" in result.counterexample.claim
