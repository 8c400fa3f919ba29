"""Claims about GateGroup."""

from functools import partial
from types import SimpleNamespace

from amaranth.hdl import Cat, Mux, Signal, Value, signed

from hw.exits.gate_group import GateGroup
from hw.proofs.contract import Harness, Proof, keeps_contract, level, took
from hw.proofs.frame_gate import frames, watch_one

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, group: GateGroup, watched: int) -> None:
    """Of each of two tensors kept frames come out whole, in order and once, dropped ones never, and both have the same verdicts; no tensor
    waits but for a slot that its sample has not got, and no sample but for its verdict. No assumptions. ``watched`` is the tensor of which
    one frame is looked at, beat by beat."""
    verdict = took(group.keep)
    keeps, drops = verdict & group.keep.payload, verdict & ~group.keep.payload
    kept_before = Signal(name="kept_before")
    h.m.d.sync += kept_before.eq(keeps)
    begun, read, here = [], [], []
    for n, (_, beats) in enumerate(group.tensors):
        gate = SimpleNamespace(i=getattr(group, f"i{n}"), o=getattr(group, f"o{n}"), keep=group.keep, frame_beats=beats)
        beat_in, begins, completes = frames(h, took(gate.i), beats, f"in{n}")
        beat_out, _, leaves = frames(h, took(gate.o), beats, f"out{n}")
        undecided = level(h, completes, verdict, f"undecided{n}", bits=2)
        pending = level(h, keeps, leaves, f"pending{n}", bits=2)
        keeps_contract(h, gate.o, f"o{n}")
        h.claim(f"kept_frame_of_{n}_is_on_offer_from_two_cycles_after_its_verdict_and_nothing_else_is",
                gate.o.valid == (pending != kept_before))
        # A kept frame is read when its last beat goes to the output register.
        begun.append(begins)
        read.append((leaves, gate.o.valid & (beat_out == beats - 1)))
        here.append((gate, beat_in, undecided))
        if n == watched:
            out = watch_one(h, gate, beat_in, begins, completes, undecided - verdict, pending - leaves, beat_out, leaves)
            h.cover("watched_frame_leaves", out & leaves)

    h.claim("verdict_is_taken_when_and_only_when_its_sample_is_wholly_in", group.keep.ready == Cat(some != 0 for _, _, some in here).all())
    # How far tensor 0 is before tensor 1, of those that began and of those that were read.
    first, gone = _difference(h, begun[0], begun[1], "begun_more"), _difference(h, read[0][0], read[1][0], "left_more")
    gone = gone + read[0][1] - read[1][1]
    inside = level(h, begun[1], drops + read[1][0], "inside1", bits=3) - read[1][1]
    used = Signal(4, name="slots_in_use")
    h.m.d.comb += used.eq(inside + _above(first) + _above(-gone))
    h.claim("level_counts_the_samples_that_have_a_slot", group.level == used)
    for n, ahead in enumerate((-first, first)):
        gate, beat_in, _ = here[n]
        h.claim(f"frame_of_{n}_enters_when_and_only_when_its_sample_has_a_slot_or_one_is_free",
                gate.i.ready == ((beat_in != 0) | (ahead > 0) | (group.level < group.frames)))
    h.cover("tensor_1_waits_for_a_slot", here[1][0].i.valid & ~here[1][0].i.ready)
    h.cover("tensor_0_is_before_tensor_1", (first > 0) & (verdict if group.frames > 1 else 1))
    h.cover("tensor_1_is_read_before_tensor_0", (gone < 0) & group.i0.valid & ~group.i0.ready)


def _difference(h: Harness, up: Value, down: Value, name: str) -> Signal:
    value = Signal(signed(4), name=name)
    h.m.d.sync += value.eq(value + up - down)
    return value


def _above(value: Value) -> Value:
    """``value``, or 0 where it is less."""
    return Mux(value > 0, value, 0)


def _make(beats: tuple[int, int], slots: int) -> GateGroup:
    return GateGroup([(1, count) for count in beats], slots)


PROOFS = tuple(
    Proof(unit="gate_group", variant=f"{slots} samples of {beats[0]} and {beats[1]}, tensor {watched}{', reset' if reset else ''}",
          reset=reset, depth=depth, text="both tensors of kept samples whole, once, in order; no slot lost",
          make=partial(_make, beats, slots), describe=partial(describe, watched=watched))
    for slots, beats, watched, depth, reset in (
        (1, (1, 1), 0, 9, False), (1, (1, 1), 1, 9, True), (1, (1, 2), 1, 12, False), (2, (1, 1), 0, 10, False), (2, (2, 1), 0, 12, True))
)
