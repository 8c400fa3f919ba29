"""Claims about Upsample."""

from functools import partial
from typing import Any

from amaranth.hdl import Array, Mux, Signal

from hw.layers.upsample import Upsample
from hw.proofs.contract import Harness, Proof, kept, took
from hw.proofs.layer_flow import frames_flow

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, unit: Upsample) -> None:
    """:func:`hw.proofs.layer_flow.frames_flow`, and each beat of a frame comes as often, and where, as the definition says."""
    frames_flow(h, unit.i, unit.o, in_beats=unit.in_beats, out_beats=unit.out_beats, full=unit.out_beats, most=unit.out_beats,
                patience=unit.out_beats // unit.height)
    (down, across), folds = unit.factor, unit.channels // unit.pe
    sources = [((y // down) * unit.width + x // across) * folds + fold for y in range(unit.height * down)
               for x in range(unit.width * across) for fold in range(folds)]
    # One beat of a frame, any of them: what holds for it holds for all.
    chosen = h.constant("chosen", range(max(2, unit.in_beats)))
    places = []
    for stream, beats, name in ((unit.i, unit.in_beats, "taken"), (unit.o, unit.out_beats, "given")):
        place = Signal(range(max(2, beats)), name=name)
        with h.m.If(took(stream)):
            h.m.d.sync += place.eq(Mux(place == beats - 1, 0, place + 1))
        places.append(place)
    beat = kept(h, took(unit.i) & (places[0] == chosen), unit.i.payload, "beat")
    is_it = unit.o.valid & (Array(sources)[places[1]] == chosen)
    h.claim("it_is_the_beat_of_that_pixel", ~is_it | (unit.o.payload == beat))


_CASES: tuple[tuple[str, int, bool, dict[str, Any]], ...] = (
    ("1x1 to 2x2", 14, False, {"height": 1, "width": 1, "factor": (2, 2)}),
    ("1x1 to 2x2, two beats a pixel", 24, False, {"height": 1, "width": 1, "channels": 2, "factor": (2, 2)}),
    ("2x1 to 4x1", 14, False, {"height": 2, "width": 1, "factor": (2, 1)}),
    ("1x2 to 1x6", 18, False, {"height": 1, "width": 2, "factor": (1, 3)}),
    ("1x2 to 2x4", 22, False, {"height": 1, "width": 2, "factor": (2, 2)}),
    ("1x2 to 2x4", 22, True, {"height": 1, "width": 2, "factor": (2, 2)}),
    ("2x2 to 4x2", 22, False, {"height": 2, "width": 2, "factor": (2, 1)}),
)

PROOFS = tuple(
    Proof(unit="upsample", variant=f"{name}{', reset' if reset else ''}", reset=reset, depth=depth,
          text="each beat as often as it is to be there, in its place; nothing waits without a reason",
          make=partial(Upsample, **{"channels": 1, "pe": 1, "bits": 1, **parameters}), describe=describe)
    for name, depth, reset, parameters in _CASES
)
