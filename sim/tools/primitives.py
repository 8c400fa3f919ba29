"""Models of the part's primitives that a design instantiates: a synthesiser has the vendor's own, Verilator has none."""

import re
from collections.abc import Iterable
from pathlib import Path

from sim.tools.verilator import HDL

__all__ = ["primitives"]

# FINN's library has it behind a label of its own, for other simulators than Verilator.
_INSTANCE = {HDL / "DSP48E1.v": re.compile(r"^\s*\\?DSP48E1 #\(", re.MULTILINE)}


def primitives(sources: Iterable[Path]) -> list[Path]:
    """The models, to be built with ``sources`` but never synthesised, of those primitives that some of ``sources`` instantiates."""
    left, found = dict(_INSTANCE), []
    for source in sources:
        text = source.read_text(encoding="utf-8", errors="replace") if left else ""
        found += [model for model, instance in left.items() if instance.search(text)]
        left = {model: instance for model, instance in left.items() if model not in found}
    return sorted(found)
