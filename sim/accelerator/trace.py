"""What the bench recorded: when images went in, when results came out, and what they were."""

import contextlib
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Trace", "parse", "whole_record"]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One run of the bench, cycles counted from its start.

    ``images`` holds the cycle of every image's first beat; ``results`` is ``(cycle, last, word)`` in order of arrival. ``log`` says when
    each step of the scenario ended (``step``, ``cycle``); ``snapshots`` are the registers by name, one per ``Read``; ``counts`` are
    the bench's own counters. ``cycles`` were simulated in ``seconds``.
    """

    images: list[int]
    results: list[tuple[int, bool, int]]
    log: list[dict[str, int | str]] = field(default_factory=list)
    snapshots: list[dict[str, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    cycles: int = 0
    seconds: float = 0.0

    def after(self, step: int) -> list[tuple[int, bool, int]]:
        """Results that came after step number ``step`` of the scenario had ended."""
        since = int(self.log[step]["cycle"])
        return [item for item in self.results if item[0] >= since]


def whole_record(path: Path, counts: Mapping[str, int], final: int | None) -> Trace:
    """The record of a run that ended, which the bench ``counts`` images and results of (with ``final``, words with that bit set).

    The simulator does not notice what it could not write. So a record that is not whole is removed, for no other run to go on from, and
    an OSError raised as if it had noticed: the disk had no room.
    """
    with contextlib.suppress(ValueError, IndexError):
        trace = parse(path)
        results = sum(1 for _, _, word in trace.results if final is None or word >> final & 1)
        if (len(trace.images), results) == (counts["images_in"], counts["results"]):
            return trace
    path.unlink(missing_ok=True)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def parse(path: Path) -> Trace:
    """Read the bench's record; what an interruption cut off in the middle of a line is left out."""
    images: list[int] = []
    results: list[tuple[int, bool, int]] = []
    text = path.read_text(encoding="ascii")
    for line in text[: text.rfind("\n") + 1].splitlines():
        kind, *values = line.split()
        if kind == "I":
            images.append(int(values[0]))
        else:
            results.append((int(values[0]), values[1] == "1", int(values[2], 16)))
    return Trace(images=images, results=results)
