"""Claims about OfferHold."""

from functools import partial

from amaranth.hdl import Signal

from hw.proofs.contract import Harness, Proof, counted, kept, took
from hw.streams.offer_hold import OfferHold

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, hold: OfferHold) -> None:
    """A beat on offer stays as it is until it is taken or discarded, whatever is cut before it; of what was before a cut no other passes.

    Assumes that the source keeps a beat on offer until it is taken or cut, and that it is closed from one cycle after a cut on if it is
    at all.
    """
    m = h.m
    was_cut, was_closed, i_waits, waits = (Signal(name=name) for name in ("was_cut", "was_closed", "i_waits", "o_waits"))
    m.d.sync += [
        was_cut.eq(hold.cut), was_closed.eq(hold.closed), i_waits.eq(hold.i.valid & ~hold.i.ready & ~hold.cut),
        # What is discarded may be gone: that which a cut leaves, or has left.
        waits.eq(hold.o.valid & ~hold.o.ready & ~(hold.discard & (hold.cut | hold.pending))),
    ]
    before_i, before_o = kept(h, 1, hold.i.payload, "i_before"), kept(h, 1, hold.o.payload, "o_before")
    h.assume(~i_waits | was_closed | (hold.i.valid & (hold.i.payload == before_i)))
    h.assume(~hold.closed | was_closed | was_cut)

    h.claim("offer_holds_until_taken_or_discarded", ~waits | hold.o.valid)
    h.claim("offer_is_stable_until_taken_or_discarded", ~waits | (hold.o.payload == before_o))
    h.claim("a_beat_passes_when_and_only_when_it_is_taken_from_the_source_or_was_kept", took(hold.o) == (
        took(hold.i) | (hold.pending & hold.o.ready)))
    h.claim("a_beat_that_passes_is_the_sources", hold.pending | ~hold.o.valid | (hold.o.payload == hold.i.payload))
    h.claim("nothing_is_taken_from_a_closed_source_or_past_a_kept_beat", ~((hold.closed | hold.pending) & hold.i.ready))
    was_pending, was_offered, was_dropped = (Signal(name=name) for name in ("was_pending", "was_offered", "was_dropped"))
    m.d.sync += [was_pending.eq(hold.pending), was_offered.eq(hold.o.valid & ~hold.o.ready), was_dropped.eq(hold.discard)]
    h.claim("pending_is_what_was_on_offer_at_a_cut_and_since", hold.pending == (was_offered & ~was_dropped & (was_cut | was_pending)))
    h.cover("kept_through_two_cuts_and_taken", hold.pending & hold.o.ready & (counted(h, hold.cut & hold.pending, "cuts_while_kept") == 1))
    h.cover("kept_and_discarded", hold.pending & hold.discard)
    h.cover("second_beat_passes_after_a_kept_one", took(hold.i) & (counted(h, hold.pending & hold.o.ready, "kept_so_far") == 1))


PROOFS = tuple(
    Proof(unit="offer_hold", variant=f"2 bits{', reset' if reset else ''}", reset=reset, depth=8,
          text="what is on offer at a cut stays until it is taken or discarded, and nothing else of before comes",
          make=partial(OfferHold, 2), describe=describe)
    for reset in (False, True)
)
"""A reset of the unit itself takes back what is on offer, as AXI allows."""
