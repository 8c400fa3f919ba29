"""What tests listen with, and interrupt."""

from collections.abc import Iterator
from contextlib import contextmanager

from build_flows.base.plain_progress import PlainProgress
from build_flows.base.ui import Progress, SilentUi

__all__ = ["Bar", "Interrupting", "Listening", "Plain"]


class Listening(SilentUi):
    """Remembers every line that was told; in ``data``, apart from all others, those on what data were read, which every training tells."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.data: list[str] = []

    def info(self, text: str) -> None:
        (self.data if text.startswith("data: ") else self.said).append(text)


class Plain(Listening):
    """Remembers progress too, as it is told where there is no terminal."""

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        yield PlainProgress(self.info, description, total)


class Bar:
    """Interrupts when so many steps are done; remembers where it began."""

    def __init__(self, stop: float) -> None:
        self.stop = stop
        self.first: float | None = None

    def advance(self, amount: float = 1) -> None:
        pass

    def milestone(self, text: str) -> None:
        pass

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        assert completed is not None
        self.first = completed if self.first is None else self.first
        if completed >= self.stop:
            raise KeyboardInterrupt


class Interrupting(SilentUi):
    """Ctrl-C when ``stop`` steps of a training are done."""

    def __init__(self, stop: float) -> None:
        self.bar = Bar(stop)

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Bar]:
        yield self.bar
