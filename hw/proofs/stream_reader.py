"""Claims about StreamReader."""

from functools import partial

from amaranth.hdl import Cat, Const, Mux, Signal

from hw.proofs.axi3 import Asked, keeps_channel
from hw.proofs.contract import Harness, Proof, counted, kept, took
from hw.zynq.stream_reader import StreamReader

__all__ = ["PROOFS", "describe_offers", "describe_room"]


def describe_offers(h: Harness, reader: StreamReader) -> None:
    """Addresses on offer stay as they are, and are those that AXI3 and an abort allow.

    Assumes what :func:`describe_room` claims: that no address is on offer without a transfer.
    """
    axi = reader.axi
    h.drive(axi.rdata, 0)  # the claims are not about data
    aborted = _aborted(h, reader)
    h.assume(reader.busy | ~axi.arvalid)
    new = keeps_channel(h, axi, "ar")
    h.claim("a_burst_stays_in_its_window", ~axi.arvalid | (axi.araddr[3:5] + axi.arlen < 4))
    h.claim("an_address_is_aligned_to_half_a_window", ~axi.arvalid | (axi.araddr[:4] == 0))
    h.claim("no_new_address_after_an_abort", ~new | ~aborted)
    h.claim("every_beat_is_taken", axi.rready)
    h.cover("an_address_waits_while_aborted", (counted(h, axi.arvalid & aborted, "waited") == 2) & axi.arready)
    h.cover("second_burst", (counted(h, new, "addresses") == 1) & new)


def describe_room(h: Harness, reader: StreamReader) -> None:
    """There is room for all that is asked for, an abort ends with nothing outstanding, and nothing gets stuck.

    Assumes that memory gives the beats that it was asked for, and no others, with ``rlast`` where a burst ends. Words are beats.
    """
    m, axi = h.m, reader.axi
    h.drive(axi.rdata, 0)
    h.drive(reader.address, Cat(Const(0, 4), h.free("in_the_middle_of_a_window", 1)))
    aborted = _aborted(h, reader)
    accepted, beat = axi.arvalid & axi.arready, axi.rvalid
    asked = Asked(h, 2, accepted, axi.arlen, beat)
    h.assume(~axi.rvalid | asked.some)
    h.assume(~axi.rvalid | (axi.rlast == asked.last))
    held = Signal(range(reader.depth + 1), name="held")
    m.d.sync += held.eq(Mux(reader.busy & ~aborted, held + beat - took(reader.o), 0))
    h.claim("two_bursts_are_outstanding_at_most", ~accepted | (asked.bursts < 2))
    h.claim("there_is_room_for_what_was_asked_for", aborted | (
        held + asked.left + Mux(axi.arvalid, axi.arlen + 1, 0) <= reader.depth))
    h.claim("idle_with_nothing_outstanding", reader.busy | ~(axi.arvalid | (asked.left != 0)))
    waits, before = Signal(name="word_waits"), kept(h, 1, reader.o.payload.last, "last_before")
    m.d.sync += waits.eq(reader.o.valid & ~reader.o.ready & ~reader.abort)
    h.claim("a_word_on_offer_stays_but_for_an_abort", ~waits | (reader.o.valid & (reader.o.payload.last == before)))
    h.claim("no_word_after_an_abort_or_without_a_transfer", ~reader.o.valid | (reader.busy & ~aborted))
    quiet = ~(axi.arvalid | (asked.left != 0))
    was_quiet, idle = Signal(name="was_quiet_and_aborted"), Signal(2, name="cycles_without_anything_outstanding")
    m.d.sync += [was_quiet.eq(reader.busy & aborted & quiet), idle.eq(Mux(reader.busy & quiet & ~reader.o.valid, idle + 1, 0))]
    h.claim("an_abort_is_over_when_nothing_is_outstanding", ~was_quiet | ~reader.busy)
    h.claim("nothing_gets_stuck", idle < 3)
    was_busy = Signal(name="was_busy")
    m.d.sync += was_busy.eq(reader.busy)
    over = was_busy & ~reader.busy
    h.cover("a_transfer_of_two_bursts_ends", over & ~aborted & (counted(h, took(reader.o), "words") == 5))
    h.cover("an_abort_with_an_address_on_offer_and_beats_to_come", aborted & axi.arvalid & (asked.left == reader.depth - 4))
    h.cover("whole_transfer_after_an_abort", over & ~aborted & (counted(h, over & aborted, "aborts_over") == 1))


def _aborted(h: Harness, reader: StreamReader) -> Signal:
    """There was an abort in the transfer that is under way, or that was in the cycle before."""
    aborted = Signal(name="aborted")
    h.m.d.sync += aborted.eq(reader.busy & (reader.abort | aborted))
    return aborted


PROOFS = (
    Proof(unit="stream_reader", variant="offers, reset", reset=True, depth=8, text="addresses on offer stay, and are as AXI3 has them",
          make=partial(StreamReader, 64, 8, length_bits=4, burst=4), describe=describe_offers),
    *(Proof(unit="stream_reader", variant=f"room for {beats} beats{', reset' if reset else ''}", reset=reset, depth=14,
            text="room for all that is asked for, aborts that end", make=partial(StreamReader, 64, beats, length_bits=3, burst=4),
            describe=describe_room) for beats, reset in ((4, True), (6, False))),
)
