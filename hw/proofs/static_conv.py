"""Claims about StaticConv."""

from functools import partial
from typing import Any

from hw.layers.static_conv import StaticConv
from hw.proofs.contract import Harness, Proof
from hw.proofs.layer_flow import frames_flow

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, conv: StaticConv) -> None:
    """:func:`hw.proofs.layer_flow.frames_flow`, with the unit's own sizes and patience."""
    frames_flow(h, conv.i, conv.o, in_beats=conv.in_beats, out_beats=conv.out_beats, full=conv.depth,
                most=conv.depth + 2 * conv.out_beats, patience=conv.cycles + conv.latency + 4)


def _unit(**parameters: Any) -> StaticConv:
    """A unit of constant outputs, so that all there is to prove is what comes when."""
    kernel = parameters["kernel"]
    return StaticConv(channels=1, bits=1, signed=False, out_bits=1, weights=[[[[0]] * kernel[1]] * kernel[0]],
                      thresholds=[[0]], **parameters)


_CASES: tuple[tuple[str, int, bool, dict[str, Any]], ...] = (
    ("1x1", 20, False, {"height": 1, "width": 1, "kernel": (1, 1)}),
    ("padded row of 2", 24, False, {"height": 1, "width": 2, "kernel": (1, 2), "pad": (0, 1)}),
    ("padded row of 2", 24, True, {"height": 1, "width": 2, "kernel": (1, 2), "pad": (0, 1)}),
    ("padded 2x2", 24, False, {"height": 2, "width": 2, "kernel": (3, 3), "pad": (1, 1)}),
    ("padded 3x3, stride 2", 40, False, {"height": 3, "width": 3, "kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}),
    ("padded rows of 3, two pixels a beat", 40, False, {"height": 2, "width": 3, "kernel": (2, 2), "pad": (1, 1), "pixels": 2}),
    ("column of 2, pooled", 34, False, {"height": 2, "width": 1, "kernel": (1, 1), "pool": (2, 1)}),
)

PROOFS = tuple(
    Proof(unit="static_conv", variant=f"{name}{', reset' if reset else ''}", reset=reset, depth=depth, enumerated=True,
          text="each frame gives its beats, no more and no fewer; nothing waits without a reason",
          make=partial(_unit, **parameters), describe=describe)
    for name, depth, reset, parameters in _CASES
)
