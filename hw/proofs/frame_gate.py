"""Claims about FrameGate."""

from functools import partial
from typing import Any

from amaranth.hdl import Mux, Signal, Value

from hw.exits.frame_gate import FrameGate
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, kept, level, took

__all__ = ["PROOFS", "describe", "frames", "watch_one"]


def describe(h: Harness, gate: FrameGate) -> None:
    """Kept frames come out whole, in order and once, dropped ones never; nothing waits without a reason. No assumptions."""
    beat_in, begins, completes = frames(h, took(gate.i), gate.frame_beats, "in")
    beat_out, _, leaves = frames(h, took(gate.o), gate.frame_beats, "out")
    verdict = took(gate.keep)
    keeps, drops = verdict & gate.keep.payload, verdict & ~gate.keep.payload
    undecided = level(h, completes, verdict, "undecided")
    pending = level(h, keeps, leaves, "pending")
    inside = level(h, begins, drops + leaves, "inside")

    keeps_contract(h, gate.o, "o")
    h.claim("verdict_is_taken_when_and_only_when_its_frame_is_wholly_in", gate.keep.ready == (undecided != 0))
    kept_before = Signal()
    h.m.d.sync += kept_before.eq(keeps)
    h.claim("kept_frame_is_on_offer_from_two_cycles_after_its_verdict_and_nothing_else_is", gate.o.valid == (pending != kept_before))
    # A kept frame gives its slot back when its last beat goes to the output register.
    last_on_offer = gate.o.valid & (beat_out == gate.frame_beats - 1)
    h.claim("level_counts_the_slots_in_use", gate.level == inside - last_on_offer)
    h.claim("frame_enters_when_and_only_when_a_slot_is_free", gate.i.ready == ((beat_in != 0) | (gate.level < gate.frames)))
    is_out = watch_one(h, gate, beat_in, begins, completes, undecided - verdict, pending - leaves, beat_out, leaves)

    h.cover("watched_frame_leaves", is_out & leaves)
    h.cover("full_gate_holds_its_input", gate.i.valid & ~gate.i.ready)
    h.cover("drop_and_end_of_a_read_out_in_one_cycle", drops & gate.o.ready & last_on_offer)
    # Each slot was given back and used again, in either way: the queues of slots have wrapped.
    for way, event in (("dropped", drops), ("kept", leaves)):
        h.cover(f"slots_of_{way}_frames_come_again", (counted(h, event, f"{way}_so_far") == gate.frames) & begins)


def frames(h: Harness, beat: Value, beats: int, name: str) -> tuple[Value, Value, Value]:
    """The number of the beat, and whether a frame begins and ends with this transfer, ``beat``."""
    at = Signal(range(max(2, beats)), name=f"beat_{name}")
    end = beat & (at == beats - 1)
    with h.m.If(beat):
        h.m.d.sync += at.eq(Mux(end, 0, at + 1))
    return at, beat & (at == 0), end


def watch_one(h: Harness, gate: Any, beat_in: Value, begins: Value, completes: Value, undecided: Value, pending: Value,
               beat_out: Value, leaves: Value) -> Value:
    """Watches one frame, whichever: one beat of it, whichever, is noted as it enters, and is what leaves after the frames before it.

    ``undecided`` and ``pending``: frames before one that begins, or that is kept, in this cycle. Gives: the watched frame leaves.
    """
    m = h.m
    ours = h.free("watch_this_frame", 1)
    beat = h.constant("watched_beat", range(max(2, gate.frame_beats)))
    waits, passes, seen, enters = (Signal(name=f"watched_{name}") for name in ("waits", "passes", "seen", "enters"))
    ahead = Signal.like(undecided, name="frames_before_the_watched")
    starts = begins & ours & ~seen
    with m.If(starts):
        m.d.sync += [seen.eq(1), waits.eq(1), ahead.eq(undecided)]
    m.d.sync += enters.eq((starts | enters) & ~completes)
    with m.If(waits & took(gate.keep)):
        m.d.sync += ahead.eq(ahead - 1)
        with m.If(ahead == 0):
            m.d.sync += [waits.eq(0), passes.eq(gate.keep.payload), ahead.eq(pending)]
    with m.If(passes & leaves):
        m.d.sync += [ahead.eq(ahead - 1), passes.eq(ahead != 0)]
    content = kept(h, took(gate.i) & (starts | enters) & (beat_in == beat), gate.i.payload, "watched_content")
    is_out = passes & (ahead == 0) & gate.o.valid
    h.claim("kept_frames_leave_whole_and_in_order", ~is_out | (beat_out != beat) | (gate.o.payload == content))
    return is_out


PROOFS = tuple(
    Proof(unit="frame_gate", variant=f"{slots} frames of {beats}{', reset' if reset else ''}", reset=reset, depth=depth,
          text="kept frames whole, once, in order; no slot lost",
          make=partial(FrameGate, 1, beats, slots), describe=describe)
    for slots, beats, depth, reset in (
        (1, 1, 8, False), (1, 2, 10, False), (2, 1, 8, False), (2, 2, 10, False), (2, 2, 10, True), (3, 2, 13, False))
)
