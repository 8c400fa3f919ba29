"""Claims about StaticConv."""

from functools import partial
from typing import Any

from amaranth.hdl import Mux, Signal

from hw.layers.static_conv import StaticConv
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, level, offers_fairly, took

__all__ = ["PROOFS", "describe"]

_QUIET = 6
"""Bits of the count of cycles in which nothing but waiting goes on."""


def describe(h: Harness, conv: StaticConv) -> None:
    """A frame gives all its output beats and no others; they come without a further frame, and a frame is taken as soon as there is room.
    What is in a beat is not spoken of.

    Assumes that a beat on offer at ``i`` stays as it is until it is taken.
    """
    m = h.m
    offers_fairly(h, conv.i, "i")
    keeps_contract(h, conv.o, "o")
    place = Signal(range(max(2, conv.in_beats)), name="place")
    begins, ends = Signal(name="begins"), Signal(name="ends")
    m.d.comb += [begins.eq(took(conv.i) & (place == 0)), ends.eq(took(conv.i) & (place == conv.in_beats - 1))]
    with m.If(took(conv.i)):
        m.d.sync += place.eq(Mux(place == conv.in_beats - 1, 0, place + 1))

    # Beats that frames which have begun still owe.
    bits = (conv.depth + 3 * conv.out_beats).bit_length()
    owed = level(h, Mux(begins, conv.out_beats, 0), took(conv.o), "owed", bits=bits)
    h.claim("nothing_comes_out_that_no_frame_owes", ~conv.o.valid | (owed != 0) | begins)
    h.claim("no_more_is_inside_than_there_is_room_for", owed <= conv.depth + 2 * conv.out_beats)

    quiet, idle = (Signal(_QUIET, name=name) for name in ("quiet", "idle"))
    waited = conv.cycles + conv.latency + 4
    m.d.sync += [quiet.eq(Mux(took(conv.i) | ~conv.o.ready, 0, Mux(quiet == waited, quiet, quiet + 1))),
                 idle.eq(Mux(conv.i.ready | ~conv.o.ready, 0, Mux(idle == waited, idle, idle + 1)))]
    h.claim("all_of_a_frame_is_out_after_a_while", (quiet != waited) | (place != 0) | (owed == 0))
    h.claim("a_beat_is_taken_after_a_while", idle != waited)
    h.cover("third_frame_begins", (counted(h, begins, "frames") == 2) & begins)
    h.cover("a_full_unit_holds_its_input", conv.i.valid & ~conv.i.ready & conv.o.valid & ~conv.o.ready & (owed >= conv.depth))


def _unit(**parameters: Any) -> StaticConv:
    """A unit of constant outputs, so that all there is to prove is what comes when."""
    kernel = parameters["kernel"]
    return StaticConv(channels=1, bits=1, signed=False, out_bits=1, weights=[[[[0]] * kernel[1]] * kernel[0]],
                      thresholds=[[0]], **parameters)


_CASES: tuple[tuple[str, int, bool, dict[str, Any]], ...] = (
    ("1x1", 20, False, {"height": 1, "width": 1, "kernel": (1, 1)}),
    ("padded row of 2", 24, False, {"height": 1, "width": 2, "kernel": (1, 2), "pad": (0, 1)}),
    ("padded row of 2", 24, True, {"height": 1, "width": 2, "kernel": (1, 2), "pad": (0, 1)}),
    ("column of 2, pooled", 34, False, {"height": 2, "width": 1, "kernel": (1, 1), "pool": (2, 1)}),
)

PROOFS = tuple(
    Proof(unit="static_conv", variant=f"{name}{', reset' if reset else ''}", reset=reset, depth=depth,
          text="each frame gives its beats, no more and no fewer; nothing waits without a reason",
          make=partial(_unit, **parameters), describe=describe)
    for name, depth, reset, parameters in _CASES
)
