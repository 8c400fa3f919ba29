"""What the integers of a ``golden.npz`` of version 2 stand for: what it says of the images, and that only integers of one scale meet."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sim.golden.errors import GoldenError

__all__ = ["ENCODINGS", "image", "joined", "scale"]

ENCODINGS = ("integer",)
"""How the integers of images lie in their bits: ``integer``, as they are, unsigned or in two's complement as ``signed`` says."""

NEAR = 1e-5
"""Scales may differ by so much of themselves, from how they were rounded, and count as one."""

KEYS = {"shape", "bits", "signed", "encoding", "scale", "offset"}


def image(entry: Mapping[str, Any]) -> tuple[int, int, int]:
    """The shape (height, width, channels) of images described by ``entry`` in version 2: the integer p, of 1 to 8 ``bits``, ``signed`` or
    not, stands for ``scale * p + offset``.

    Raises :class:`GoldenError` that names the field, its value and what is allowed; ``bits`` and ``signed`` are looked at elsewhere, as in
    version 1.
    """
    for key in sorted(KEYS):
        if key not in entry:
            raise GoldenError(f"input lacks {key!r}")
    shape = entry["shape"]
    if not isinstance(shape, list) or len(shape) != 3 or any(type(side) is not int or side < 1 for side in shape):
        raise GoldenError(f"input: shape must be [height, width, channels], whole numbers from 1 on, not {shape!r}")
    if entry["encoding"] not in ENCODINGS:
        raise GoldenError(f"input: encoding must be one of {', '.join(ENCODINGS)}, not {entry['encoding']!r}")
    scale(entry, "input")
    if not _number(entry["offset"]):
        raise GoldenError(f"input: offset must be a finite number, not {entry['offset']!r}")
    height, width, channels = shape
    return height, width, channels


def scale(entry: Mapping[str, Any], where: str) -> float:
    """What one unit of the integers is worth that ``entry``, called ``where``, describes; raises :class:`GoldenError` where it does not
    say."""
    if "scale" not in entry:
        raise GoldenError(f"{where} lacks 'scale'")
    value = entry["scale"]
    if not _number(value) or value <= 0:
        raise GoldenError(f"{where}: scale must be a finite number above 0, not {value!r}")
    return float(value)


def joined(where: str, names: Sequence[str], scales: Mapping[str, float]) -> None:
    """Raise :class:`GoldenError` unless the inputs called ``names`` of the sum or concatenation ``where`` have one scale."""
    first, *others = names
    for name in others:
        if abs(scales[name] - scales[first]) > NEAR * scales[first]:
            raise GoldenError(f"{where}: its inputs must be of one scale, not {scales[first]:g} ({first}) and {scales[name]:g} ({name})")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
