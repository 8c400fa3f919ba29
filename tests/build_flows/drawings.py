"""Drawings that are made once: most tests of a page are of its words, and drawing its plots takes most of their time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from build_flows.pages import plots

__all__ = ["any_will_do", "kept"]

_KNOWN: dict[tuple[Any, ...], bytes] = {}


@contextmanager
def any_will_do() -> Iterator[None]:
    """Inside, a plot is the first that was drawn of its name, whatever the data: for what a test looks at beside it."""
    draw = plots._image

    def image(name: str, how: plots.Draw, size: plots.Size, kind: str, colours: plots.Colours) -> bytes:
        key = ("any", name, kind)
        if key not in _KNOWN:
            _KNOWN[key] = draw(name, how, size, kind, colours)
        return _KNOWN[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plots, "_image", image)
        yield


@contextmanager
def kept() -> Iterator[dict[tuple[Any, ...], bytes]]:
    """Inside, what is drawn of the same data by the same functions is what was drawn before; ``clear()`` of what it gives forgets it."""
    draw = plots._image

    def image(name: str, how: plots.Draw, *rest: Any) -> bytes:
        key = (name, _told(how), *map(_told, rest))
        if key not in _KNOWN:
            _KNOWN[key] = draw(name, how, *rest)
        return _KNOWN[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plots, "_image", image)
        yield _KNOWN


def _told(value: Any) -> Any:
    """What ``value`` is, of a function its code and all that it closes over."""
    if callable(value) and hasattr(value, "__code__"):
        return value.__code__, tuple(_told(cell.cell_contents) for cell in value.__closure__ or ())
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value)
