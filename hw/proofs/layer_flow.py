"""Claims about a layer that takes frames and gives frames: what comes when, not what is in it."""

from typing import Any

from amaranth.hdl import Mux, Signal

from hw.proofs.contract import Harness, counted, keeps_contract, level, offers_fairly, took

__all__ = ["frames_flow"]


def frames_flow(h: Harness, i: Any, o: Any, *, in_beats: int, out_beats: int, full: int, most: int, patience: int) -> None:
    """Claims that a frame of ``in_beats`` at ``i`` gives ``out_beats`` at ``o`` and no others, that they come without a further frame,
    and that a beat is taken as soon as there is room. What is in a beat is not spoken of.

    Frames that have begun never owe more than ``most`` beats; that they can owe ``full``, with all held up, is looked for. While the
    consumer is ready, no more than ``patience`` cycles pass without a beat at ``o`` where a whole frame still owes one, nor with a beat
    at ``i`` refused. So all of a frame is out after at most ``most * (patience + 1)`` cycles.

    Assumes that a beat on offer at ``i`` stays as it is until it is taken.
    """
    m = h.m
    offers_fairly(h, i, "i")
    keeps_contract(h, o, "o")
    place = Signal(range(max(2, in_beats)), name="place")
    begins = Signal(name="begins")
    m.d.comb += begins.eq(took(i) & (place == 0))
    with m.If(took(i)):
        m.d.sync += place.eq(Mux(place == in_beats - 1, 0, place + 1))

    # Beats that frames which have begun still owe.
    owed = level(h, Mux(begins, out_beats, 0), took(o), "owed", bits=(most + out_beats).bit_length())
    h.claim("nothing_comes_out_that_no_frame_owes", ~o.valid | (owed != 0) | begins)
    h.claim("no_more_is_inside_than_there_is_room_for", owed <= most)

    late, idle = (Signal(range(patience + 2), name=name) for name in ("late", "idle"))
    due = owed > Mux(place != 0, out_beats, 0)
    for waited, waits in ((late, ~o.valid & due), (idle, ~i.ready)):
        m.d.sync += waited.eq(Mux(waits & o.ready, Mux(waited == patience + 1, waited, waited + 1), 0))
    h.claim("a_beat_of_a_whole_frame_comes_after_a_while", late <= patience)
    h.claim("a_beat_is_taken_after_a_while", idle <= patience)
    h.cover("third_frame_begins", (counted(h, begins, "frames") == 2) & begins)
    h.cover("a_full_unit_holds_its_input", i.valid & ~i.ready & o.valid & ~o.ready & (owed >= full))
