"""Claims about Admission."""

from functools import partial

from amaranth.hdl import Mux, Signal, Value

from hw.exits.admission import BATCH_BITS, Admission
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, kept, level, offers_fairly, took

__all__ = ["PROOFS", "describe"]

_MANY = 1 << 16
"""A batch longer than 16 bits tell."""


def describe(h: Harness, unit: Admission) -> None:
    """Beats pass as they are; a frame enters exactly when it may, and with it one token and, where it opens a batch, one length, both
    right; no id of a batch comes again while a sample that has it is inside.

    Assumes that a beat on offer stays as it is until it is taken, and that only samples that are inside leave, each with its id's half.
    """
    m = h.m
    offers_fairly(h, unit.i, "i")
    beat = Signal(range(max(2, unit.frame_beats)), name="beat")
    begins = beat == 0
    with m.If(took(unit.i)):
        m.d.sync += beat.eq(Mux(beat == unit.frame_beats - 1, 0, beat + 1))
    enters = Signal(name="sample_enters")
    m.d.comb += enters.eq(took(unit.i) & begins)

    # The sample that is to enter: what is left of its batch, with it, and its place there.
    opens, left = Signal(init=1, name="opens_a_batch"), Signal(BATCH_BITS, name="left_of_the_batch")
    length = Mux(unit.batch_length == 0, 1, unit.batch_length)
    to_come = Mux(opens, length, left)
    ends = to_come == 1
    position = Signal(unit.id_bits, name="position")
    slot = Signal(unit.layout["slot"].shape, name="slot")
    batch = Signal(unit.layout["batch"].shape, name="batch")
    with m.If(enters):
        m.d.sync += [left.eq(to_come - 1), opens.eq(ends), position.eq(Mux(ends, 0, position + 1)), batch.eq(batch + ends),
                     slot.eq(Mux(slot == unit.max_in_flight - 1, 0, slot + 1))]

    token_waits, length_waits = Signal(name="token_waits"), Signal(name="length_waits")
    m.d.sync += [token_waits.eq(enters | (token_waits & ~took(unit.token))),
                 length_waits.eq((enters & opens) | (length_waits & ~took(unit.length)))]
    inside = level(h, enters, unit.release, "inside")
    h.assume(~unit.release | (inside != 0))
    # A frame of one beat may take the place that is left in the same cycle.
    token_leaves, length_leaves = (unit.token.ready, unit.length.ready) if unit.frame_beats == 1 else (Value.cast(0), Value.cast(0))
    free = (inside != unit.max_in_flight) & (~token_waits | token_leaves) & (~opens | ~length_waits | length_leaves)
    waits_for_ids = _ids(h, unit, enters, opens, ends, position) if unit.overtaking else Value.cast(0)
    may = ~begins | (free & ~waits_for_ids)

    keeps_contract(h, unit.o, "o")
    h.claim("beat_passes_when_and_only_when_it_may", (unit.o.valid == (unit.i.valid & may)) & (unit.i.ready == (unit.o.ready & may)))
    h.claim("beat_passes_as_it_is", unit.o.payload == unit.i.payload)
    h.claim("admitted_is_the_first_beat_of_a_frame", unit.admitted == enters)
    h.claim("in_flight_counts_the_samples_inside", unit.in_flight == inside)
    h.claim("no_more_are_inside_than_may_be", inside <= unit.max_in_flight)

    keeps_contract(h, unit.token, "token")
    keeps_contract(h, unit.length, "length")
    h.claim("token_is_on_offer_from_the_cycle_after_the_first_beat_and_nothing_else_is", unit.token.valid == token_waits)
    h.claim("length_is_on_offer_with_the_first_token_of_a_batch_and_nothing_else_is", unit.length.valid == length_waits)
    token = unit.token.payload
    fields = {"id": position, "slot": slot, "batch": batch, "stamp": unit.now}
    for name, value in fields.items():
        expected = kept(h, enters, value, f"expected_{name}")
        h.claim(f"token_has_the_{name}_of_its_sample", ~token_waits | (getattr(token, name) == expected))
    h.claim("length_is_that_of_the_cycle_in_which_its_batch_began",
            ~length_waits | (unit.length.payload == kept(h, enters & opens, length, "expected_length")))

    h.cover("full_and_held_up", unit.i.valid & begins & (inside == unit.max_in_flight))
    h.cover("slots_come_again", enters & (counted(h, enters, "entered") == unit.max_in_flight + 1))
    h.cover("batch_of_two_ends_and_another_begins", enters & opens & (counted(h, enters, "so_far") == 2) & (batch == 1))
    h.cover("third_sample_of_a_batch_of_very_many_enters", enters & ~opens & (left >= _MANY) & (counted(h, enters, "before") == 2))
    h.cover("token_waits_and_the_next_frame_with_it",
            token_waits & ~unit.token.ready & unit.i.valid & begins & (inside != unit.max_in_flight))
    h.cover("length_of_none_is_one", length_waits & (kept(h, enters & opens, unit.batch_length, "given_length") == 0))


def _ids(h: Harness, unit: Admission, enters: Value, opens: Value, ends: Value, position: Signal) -> Value:
    """Watches one sample, whichever, and claims that no other of its batch gets its id while it is inside. The value is high while the
    frame to enter has to wait for ids: the first of a half of them, but not of a batch, while a sample with one of them is inside."""
    m, top = h.m, unit.id_bits - 1
    watched, seen, same_batch = Signal(name="watched_is_inside"), Signal(name="watched_seen"), Signal(name="watched_batch_goes_on")
    starts = enters & h.free("watch_this_sample", 1) & ~seen
    leaves = watched & unit.release & h.free("watched_leaves", 1)
    ident = kept(h, starts, position, "watched_id")
    with m.If(starts):
        m.d.sync += [seen.eq(1), watched.eq(1), same_batch.eq(~ends)]
    with m.Else():
        m.d.sync += same_batch.eq(same_batch & ~(enters & ends))
        with m.If(leaves):
            m.d.sync += watched.eq(0)
    h.claim("no_id_comes_again_in_its_batch_while_its_sample_is_inside", ~(enters & watched & same_batch & (position == ident)))

    some = []
    for half in range(2):
        others = level(h, enters & ~starts & (position[top] == half), unit.release & ~leaves & (unit.release_half == half), f"others{half}")
        ours = watched & (ident[top] == half)
        h.assume(~(unit.release & (unit.release_half == half)) | Mux(leaves, ours, others != 0))
        some.append((others != 0) | ours)
    wait = ~opens & (position[:top] == 0) & Mux(position[top], some[1], some[0])
    h.cover("frame_waits_for_ids", unit.i.valid & wait & (counted(h, unit.release, "left_so_far") != 0))
    h.cover("id_comes_again", enters & seen & ~watched & same_batch & (position == ident))
    return wait


def _make(id_bits: int, max_in_flight: int, frame_beats: int, overtaking: bool) -> Admission:
    return Admission(width=2, frame_beats=frame_beats, id_bits=id_bits, max_in_flight=max_in_flight, overtaking=overtaking)


PROOFS = tuple(
    Proof(unit="admission", variant=f"{order}, {in_flight} in flight, {1 << id_bits} ids, frames of {beats}{', reset' if reset else ''}",
          reset=reset, depth=depth, text="each frame once, with its token; no id twice",
          make=partial(_make, id_bits, in_flight, beats, order == "arrival"), describe=describe)
    for order, id_bits, in_flight, beats, depth, reset in (
        ("arrival", 1, 2, 1, 9, False), ("arrival", 1, 2, 1, 9, True), ("arrival", 2, 3, 2, 14, False), ("input", 1, 2, 2, 10, False))
)
