"""Claims about StreamWriter."""

from functools import partial

from amaranth.hdl import Cat, Const, Mux, Signal

from hw.proofs.axi3 import Asked, keeps_channel
from hw.proofs.contract import Harness, Proof, counted, took
from hw.zynq.stream_writer import StreamWriter

__all__ = ["PROOFS", "describe_bursts", "describe_offers"]


def describe_offers(h: Harness, writer: StreamWriter) -> None:
    """Addresses on offer stay as they are, and are those that AXI3 and an abort allow. No assumptions."""
    axi = writer.axi
    h.drive(writer.i.payload, Cat(Const(0, 64), h.free("offered_last", 1)))  # the claims are not about data
    aborted = _aborted(h, writer)
    new = keeps_channel(h, axi, "aw")
    h.claim("a_burst_stays_in_its_window", ~axi.awvalid | (axi.awaddr[3:5] + axi.awlen < 4))
    h.claim("an_address_is_aligned_to_half_a_window", ~axi.awvalid | (axi.awaddr[:4] == 0))
    h.claim("no_new_address_after_an_abort_or_without_a_transfer", ~new | (writer.busy & ~aborted))
    h.claim("no_word_is_taken_after_an_abort_or_without_a_transfer", ~took(writer.i) | (writer.busy & ~aborted))
    h.claim("every_answer_is_taken", axi.bready)
    h.cover("an_address_waits_while_aborted", (counted(h, axi.awvalid & aborted, "waited") == 2) & axi.awready)
    h.cover("second_burst", (counted(h, new, "addresses") == 1) & new)


def describe_bursts(h: Harness, writer: StreamWriter) -> None:
    """All of a burst is there when its address goes out, an abort ends with nothing outstanding, and nothing gets stuck.

    Assumes that memory answers for bursts whose data it has taken, and no others; it may take address or data first, and answer before it
    has taken the address. Words are beats.
    """
    m, axi = h.m, writer.axi
    h.drive(writer.i.payload, Cat(Const(0, 64), h.free("offered_last", 1)))
    h.drive(writer.address, Cat(Const(0, 4), h.free("in_the_middle_of_a_window", 1)))
    aborted = _aborted(h, writer)
    waited = Signal(name="address_waited")
    m.d.sync += waited.eq(axi.awvalid & ~axi.awready)
    beat = axi.wvalid & axi.wready
    asked = Asked(h, 2, axi.awvalid & ~waited, axi.awlen, beat)
    unanswered = Signal(range(writer.unanswered + 1), name="unanswered")  # of those whose data is all taken
    m.d.sync += unanswered.eq(unanswered + asked.ends - axi.bvalid)
    h.assume(~axi.bvalid | (unanswered != 0))
    new = keeps_channel(h, axi, "w")
    h.claim("data_is_of_a_burst_whose_address_went_out_and_all_of_it_is_there", axi.wvalid == asked.some)
    h.claim("the_last_beat_of_a_burst_is_marked", ~axi.wvalid | (axi.wlast == asked.last))
    h.claim("so_many_are_unanswered_at_most", asked.bursts + unanswered <= writer.unanswered)
    h.claim("a_new_beat_has_strobes_but_after_an_abort", ~new | (axi.wstrb == Mux(aborted, 0, 0xFF)))
    quiet = ~axi.awvalid & (asked.bursts == 0) & (unanswered == 0)
    h.claim("idle_with_nothing_outstanding", writer.busy | (quiet & ~axi.wvalid))
    was_quiet, idle = Signal(name="was_quiet_and_aborted"), Signal(3, name="cycles_without_anything_outstanding")
    m.d.sync += [was_quiet.eq(writer.busy & aborted & quiet), idle.eq(Mux(writer.busy & quiet & ~writer.i.ready, idle + 1, 0))]
    h.claim("an_abort_is_over_when_nothing_is_outstanding", ~was_quiet | ~writer.busy)
    h.claim("nothing_gets_stuck", idle < 4)
    was_busy = Signal(name="was_busy")
    m.d.sync += was_busy.eq(writer.busy)
    over = was_busy & ~writer.busy
    h.cover("a_transfer_of_two_bursts_ends", over & ~aborted & (counted(h, beat, "beats") == 5))
    h.cover("an_abort_with_an_address_on_offer_and_data_to_come", aborted & axi.awvalid & (asked.left == 2))
    h.cover("whole_transfer_after_an_abort", over & ~aborted & (counted(h, over & aborted, "aborts_over") == 1))


def _aborted(h: Harness, writer: StreamWriter) -> Signal:
    """There was an abort in the transfer that is under way, or that was in the cycle before."""
    aborted = Signal(name="aborted")
    h.m.d.sync += aborted.eq(writer.busy & (writer.abort | aborted))
    return aborted


PROOFS = (
    Proof(unit="stream_writer", variant="offers, reset", reset=True, depth=11, text="addresses on offer stay, and are as AXI3 has them",
          make=partial(StreamWriter, 64, 4, length_bits=4, burst=4), describe=describe_offers),
    Proof(unit="stream_writer", variant="bursts", depth=16, text="bursts are there when their addresses go out, aborts end",
          make=partial(StreamWriter, 64, 4, length_bits=3, burst=4, unanswered=2), describe=describe_bursts),
)
