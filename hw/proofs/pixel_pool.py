"""Claims about PixelPool."""

from functools import partial
from typing import Any

from hw.layers.pixel_pool import PixelPool
from hw.proofs.contract import Harness, Proof
from hw.proofs.layer_flow import frames_flow

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, pool: PixelPool) -> None:
    """:func:`hw.proofs.layer_flow.frames_flow`, with the unit's own sizes and patience."""
    frames_flow(h, pool.i, pool.o, in_beats=pool.in_beats, out_beats=pool.out_beats, full=pool.depth,
                most=pool.depth + 2 * pool.out_beats, patience=pool.cycles + pool.latency + 4)


_CASES: tuple[tuple[str, int, bool, dict[str, Any]], ...] = (
    ("1x1", 20, False, {"height": 1, "width": 1, "kernel": (1, 1)}),
    ("row of 2", 34, False, {"height": 1, "width": 2, "kernel": (1, 2)}),
    ("row of 2", 34, True, {"height": 1, "width": 2, "kernel": (1, 2)}),
    ("column of 3, one left over", 40, False, {"height": 3, "width": 1, "kernel": (2, 1)}),
    ("2x2, two pixels a beat", 34, False, {"height": 2, "width": 2, "kernel": (2, 2), "pixels": 2}),
    ("rows of 3, two pixels a beat", 40, False, {"height": 2, "width": 3, "kernel": (1, 2), "pixels": 2}),
)

PROOFS = tuple(
    Proof(unit="pixel_pool", variant=f"{name}{', reset' if reset else ''}", reset=reset, depth=depth, enumerated=True,
          text="each frame gives its beats, no more and no fewer; nothing waits without a reason",
          make=partial(PixelPool, channels=1, bits=1, signed=False, **parameters), describe=describe)
    for name, depth, reset, parameters in _CASES
)
