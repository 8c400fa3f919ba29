"""Claims about SharedConv."""

from functools import partial
from typing import Any

from hw.layers.shared_conv import SharedConv
from hw.layers.shared_shape import SharedShape
from hw.proofs.contract import Harness, Proof
from hw.proofs.layer_flow import frames_flow

__all__ = ["PROOFS", "describe"]

_RETURN = 8
"""Cycles from a beat that leaves, or a row that is written, to a step that it makes room for, or lets begin, at most."""


def describe(h: Harness, conv: SharedConv) -> None:
    """:func:`hw.proofs.layer_flow.frames_flow`, with the unit's own sizes and patience."""
    shape = conv.shape
    in_beats, out_beats = shape.height * shape.width * (shape.channels // shape.beat), shape.out_height * shape.out_width
    # Frames of which rows are in the ring owe all their beats; the others have begun nothing that has no room at the output.
    in_ring = -(-shape.ring_rows // shape.height) + (shape.height > 1)
    # Rows may be let go only at a frame's end, of which no more is begun at a time than has room.
    turns = -(-out_beats // conv.depth)
    frames_flow(h, conv.i, conv.o, in_beats=in_beats, out_beats=out_beats, full=conv.depth, most=conv.depth + in_ring * out_beats,
                patience=turns * (shape.cycles + conv.latency + _RETURN))


def _unit(*, room: int | None = None, height: int = 1, width: int = 1, channels: int = 1, kernel: tuple[int, int] = (1, 1),
          pad: tuple[int, int] = (0, 0), pool: tuple[int, int] = (1, 1), pixels: int = 1, lanes: int = 1,
          binary: bool = False, depthwise: bool = False) -> SharedConv:
    """A unit of constant outputs, so that all there is to prove is what comes when: no sum of weights of 0 (or of one of 1) reaches a
    threshold of 2.

    ``room``: pixels that the output has room for. As it is built the unit has so much that it never waits for its own output; with less it
    has to wait, and must lose and withhold nothing either, and there are fewer states.
    """
    outputs = channels if depthwise else 1
    shape = SharedShape(height=height, width=width, channels=channels, beat=channels, out_channels=outputs, kernel=kernel, stride=(1, 1),
                        pad=pad, pool=pool, bits=1, signed=False, weight_bits=2 - binary, pixels=pixels, inputs=1,
                        outputs=1 if depthwise else 3 if pixels == 1 else 2, lanes=lanes, lut=depthwise, binary=binary, depthwise=depthwise)
    weights = [[[[int(binary)] * shape.weight_channels] * kernel[1]] * kernel[0]] * outputs
    conv = SharedConv(shape, weights=weights, thresholds=[[2]] * outputs, out_bits=1, behavioural=True)
    conv.depth = conv.depth if room is None else room
    return conv


_CASES: tuple[tuple[str, int, bool, dict[str, Any]], ...] = (
    ("1x1", 30, False, {}),
    ("1x1, room for 3", 30, True, {"room": 3}),
    ("pair", 40, False, {"width": 2, "pixels": 2}),
    ("pair, room for 2", 30, False, {"width": 2, "pixels": 2, "room": 2}),
    ("padded row of 2", 40, False, {"width": 2, "kernel": (1, 3), "pad": (0, 1)}),
    ("padded row of 2, a step a visit, room for 3", 30, False, {"width": 2, "kernel": (1, 2), "pad": (0, 1), "lanes": 3, "room": 3}),
    ("padded 2x2, pairs, room for 2", 40, False,
     {"height": 2, "width": 2, "kernel": (3, 3), "pad": (1, 1), "pixels": 2, "room": 2}),
    ("column of 2, pooled", 60, False, {"height": 2, "pool": (2, 1)}),
    ("pair of columns of 2, pooled, room for 2", 60, False, {"height": 2, "width": 2, "pool": (2, 1), "pixels": 2, "room": 2}),
    ("beats of three parts, room for 3", 30, False, {"channels": 3, "room": 3}),
    ("bits, 1x1, room for 3", 30, True, {"binary": True, "room": 3}),
    ("each of two by itself, room for 3", 30, True, {"depthwise": True, "channels": 2, "room": 3}),
)

PROOFS = tuple(
    Proof(unit="shared_conv", variant=f"{name}{', reset' if reset else ''}", reset=reset, depth=depth, enumerated=True,
          text="each frame gives its beats, no more and no fewer; nothing waits without a reason",
          make=partial(_unit, **parameters), describe=describe)
    for name, depth, reset, parameters in _CASES
)
