import re

import pytest

from hw.proofs import PROOFS
from hw.proofs.stream_reader import PROOFS as OURS
from sim.formal.prove import prove

ROOM = "stream_reader/room for 4 beats, reset"
OFFERS = "stream_reader/offers, reset"


@pytest.mark.slow
@pytest.mark.parametrize("proof", OURS, ids=lambda proof: proof.variant)
def test_proven_for_runs_of_any_length(proof):
    result = prove(PROOFS[proof.name])
    assert result.passed
    assert result.depth is None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new", "claim"), [
    (OFFERS, "with m.Elif(axi.arready):", "with m.Else():", "ar valid holds until ready"),
    (OFFERS, "(free >= self.burst) & transfer.goes_on)", "(free >= self.burst))", "no new address after an abort"),
    (ROOM, "(free >= self.burst)", "(free != 0)", "room for what was asked for"),
    (ROOM, "Mux(transfer.aborting, bursts == 0,", "Mux(transfer.aborting, 1,", "idle with nothing outstanding"),
    (ROOM, "(axi.rvalid & axi.rlast)", "axi.rvalid", "idle with nothing outstanding"),
    (ROOM, "ResetInserter(transfer.stops)", "ResetInserter(transfer.aborting)", "no word after an abort"),
])
def test_a_planted_bug_is_found(find, name, old, new, claim):
    result = find(name, old, new)
    assert not result.passed
    assert re.search(claim, result.counterexample.claim)  # there may be several shortest runs


@pytest.mark.slow
def test_a_burst_beyond_its_window_is_found(find):
    result = find(OFFERS, "self.upto[-1] & ~half", "self.upto[-1]", part=lambda reader: reader._windows)
    assert "a burst stays in its window" in result.counterexample.claim
