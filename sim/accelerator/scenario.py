"""What the accelerator's bench does, step by step, as data that crosses from the caller's process to the simulator's."""

import dataclasses
from dataclasses import dataclass
from typing import Any

__all__ = ["Cycles", "Read", "Reset", "Results", "Send", "Sent", "Stall", "Step", "Write", "decode", "encode"]


@dataclass(frozen=True)
class Reset:
    """Holds ``rst_n`` low for ``cycles``; what was under way is forgotten, the source stops."""

    cycles: int = 16


@dataclass(frozen=True)
class Write:
    """Writes a register, by name, over AXI4-Lite."""

    register: str
    value: int


@dataclass(frozen=True)
class Read:
    """Reads every readable register; the snapshots come back in order."""


@dataclass(frozen=True)
class Stall:
    """From here on a share (0 to 1) of the source's and of the sink's cycles is lost at random."""

    source: float = 0.0
    sink: float = 0.0


@dataclass(frozen=True)
class Send:
    """Starts the source: ``words`` bus words of the image file from image ``first`` on. 0 words stop it, even inside a word's transfer.

    A source that is still busy drops what it had left: wait with :class:`Sent` first.
    """

    first: int
    words: int


@dataclass(frozen=True)
class Sent:
    """Waits until the last :class:`Send` is through."""


@dataclass(frozen=True)
class Results:
    """Waits for ``count`` results more than the last such step waited for, or than there were at the last reset."""

    count: int


@dataclass(frozen=True)
class Cycles:
    """Lets ``count`` clock cycles pass."""

    count: int


Step = Reset | Write | Read | Stall | Send | Sent | Results | Cycles

_STEPS: dict[str, type[Step]] = {kind.__name__: kind for kind in (Reset, Write, Read, Stall, Send, Sent, Results, Cycles)}


def encode(step: Step) -> dict[str, Any]:
    """A step as JSON."""
    return {"step": type(step).__name__, **dataclasses.asdict(step)}


def decode(raw: dict[str, Any]) -> Step:
    """The inverse of :func:`encode`."""
    fields = dict(raw)
    return _STEPS[fields.pop("step")](**fields)
