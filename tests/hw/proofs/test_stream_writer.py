import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.stream_writer import PROOFS as OURS
from sim.formal.prove import prove

BURSTS = "stream_writer/bursts"
OFFERS = "stream_writer/offers, reset"


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new", "claim"), [
    (OFFERS, "with m.Elif(axi.awready):", "with m.Else():", "aw valid holds until ready"),
    (OFFERS, "(answers != self.unanswered) & transfer.goes_on)", "(answers != self.unanswered))", "no new address after an abort"),
    (OFFERS, "words.stop.eq(transfer.stops)", "words.stop.eq(0)", "no word is taken after an abort"),
    (BURSTS, "issue.eq((waiting != 0) & ", "issue.eq(", "all of it is there"),
    (BURSTS, "axi.wvalid.eq(beats.o.valid & (sending != 0))", "axi.wvalid.eq(beats.o.valid)", "whose address went out"),
    (BURSTS, "(answers == 0) & ~axi.awvalid", "(answers == 0)", "idle with nothing outstanding"),
    (BURSTS, "(answers != self.unanswered)", "1", "unanswered at most"),
    (BURSTS, "transfer.stops & (axi.wready | ~axi.wvalid)", "transfer.stops", "w payload is stable"),
    (BURSTS, "transfer.aborting & (sending == 0)", "transfer.aborting", "all of it is there"),
])
def test_a_planted_bug_is_found(find, name, old, new, claim):
    result = find(name, old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs
