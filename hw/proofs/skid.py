"""Claims about Skid."""

from functools import partial

from hw.proofs.contract import Harness, Proof, counted, keeps_contract, kept, level, offers_fairly, took
from hw.streams.skid import Skid

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, skid: Skid) -> None:
    """Every beat leaves once and in order, in the cycle in which it comes if the consumer takes it; one is kept, and then no other taken.

    Assumes that a beat on offer at ``i`` stays as it is until it is taken.
    """
    offers_fairly(h, skid.i, "i")
    keeps_contract(h, skid.o, "o")
    inside = level(h, took(skid.i), took(skid.o), "inside", bits=2)
    h.claim("one_is_kept_at_most", inside <= 1)
    h.claim("a_beat_is_taken_when_and_only_when_none_is_kept", skid.i.ready == (inside == 0))
    h.claim("what_comes_or_is_kept_is_on_offer_and_nothing_else_is", skid.o.valid == (skid.i.valid | (inside != 0)))
    before = kept(h, took(skid.i), skid.i.payload, "kept_beat")
    h.claim("the_kept_beat_goes_first", (inside == 0) | (skid.o.payload == before))
    h.claim("a_beat_passes_as_it_is", (inside != 0) | ~skid.o.valid | (skid.o.payload == skid.i.payload))
    h.cover("a_beat_is_kept_for_two_cycles_and_leaves", (counted(h, (inside != 0) & ~skid.o.ready, "kept_cycles") == 2) & took(skid.o))
    h.cover("third_beat_passes_at_once", (counted(h, took(skid.i), "beats") == 2) & took(skid.i) & took(skid.o))


PROOFS = tuple(
    Proof(unit="skid", variant=f"2 bits{', reset' if reset else ''}", reset=reset, depth=6, text="each beat once, in order, none delayed",
          make=partial(Skid, 2), describe=describe)
    for reset in (False, True)
)
