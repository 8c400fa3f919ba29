"""Memories whose contents belong to exchangeable heads: everything else of the hardware is the same whatever they hold."""

from collections.abc import Sequence
from typing import Any

from amaranth.lib.memory import Memory

__all__ = ["CONTENTS", "exchangeable_memory"]

CONTENTS = "contents"
"""The attribute in Verilog that names what such a memory holds; whoever writes the Verilog puts the contents into a file of that name."""


def exchangeable_memory(name: str, shape: Any, init: Sequence[Any]) -> Memory:
    """A memory for ``init``, padded to a power of two of rows, 2 at least: one of a single row has no address. ``shape`` must not depend on
    ``init``. ``name`` is a word (``bias``), the same in two memories of one unit only where they hold the same."""
    depth = max(2, 1 << (len(init) - 1).bit_length())
    return Memory(shape=shape, depth=depth, init=list(init), attrs={CONTENTS: name})
