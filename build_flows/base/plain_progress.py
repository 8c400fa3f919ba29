"""How far a piece of work is, in plain lines: for logs, pipes and CI, where no bar can be drawn."""

import time
from collections.abc import Callable

__all__ = ["PlainProgress", "duration"]

SHARE = 0.1
"""A line after each of so large a part."""
PAUSE = 5.0
"""Seconds after the latest line in which parts give none: what is quick is told by its first line alone."""


def duration(seconds: float) -> str:
    """``seconds`` as a person reads them: ``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


class PlainProgress:
    """Tells ``description`` as it begins, and then a line a tenth of ``total`` (None: the end is not known, and no tenths are told) or a
    milestone, with the time that is left at the pace so far. Once there was a milestone tenths are not told.

    ``say`` is given the lines; ``clock`` gives seconds.
    """

    def __init__(
        self, say: Callable[[str], None], description: str, total: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._description, self._total, self._clock = say, description, total, clock
        self._done, self._text = 0.0, ""
        self._first: float | None = None
        self._tenths, self._milestones = 0, False
        self._began = self._last = clock()
        say(description)

    def advance(self, amount: float = 1) -> None:
        """``amount`` more is done."""
        self.update(completed=self._done + amount)

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Set what is done, the new total, or the ``text`` of the lines."""
        self._total = self._total if total is None else total
        self._text = self._text if text is None else text
        if completed is None:
            return
        goes_on = self._first is None and completed > 1
        if self._first is None:
            # What is done already as the first of it is told, as of a run that goes on, took no time here.
            self._first, self._began = (completed, self._clock()) if goes_on else (0.0, self._began)
        self._done = completed
        tenths = int(self._done / self._total / SHARE + 1e-9) if self._total else 0
        if goes_on:
            self._tenths = tenths
        elif tenths > self._tenths and not self._milestones and self._clock() - self._last >= PAUSE:
            self._tenths = tenths
            self._line(f"{self._done / (self._total or 1):.0%}".replace("%", " %") + (f", {self._text}" if self._text else ""))

    def milestone(self, text: str) -> None:
        """Something whole is done, such as an epoch, as ``text`` says."""
        self._milestones = True
        self._line(text)

    def _line(self, text: str) -> None:
        self._last = self._clock()
        self._say(f"{self._description}: {text}{self._left()}")

    def _left(self) -> str:
        """The time that is left, as the end of a line."""
        began = self._first or 0.0
        if not self._total or self._done <= began or self._done >= self._total:
            return ""
        seconds = (self._last - self._began) * (self._total - self._done) / (self._done - began)
        return f", about {duration(seconds)} left"
