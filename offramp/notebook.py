"""Progress where the caller is: bars in a notebook, on a terminal; nothing where nobody looks."""

import html
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from build_flows.base.ui import Progress, RichUi, SilentUi, Ui

__all__ = ["NotebookUi", "chosen_ui"]

LINES = 6
"""The last lines of information that stay in sight."""
PAUSE = 0.2
"""Seconds between two pictures of a bar: a notebook is slow to draw."""


def chosen_ui(ui: "Ui | str | None") -> Ui:
    """What ``ui`` means: ``"auto"`` is bars in a notebook or on a terminal, silence elsewhere; None is silence."""
    if ui is None:
        return SilentUi()
    if not isinstance(ui, str):
        return ui
    if ui != "auto":
        raise ValueError(f'ui must be "auto", None or a Ui, not {ui!r}')
    if _in_notebook():
        return NotebookUi()
    if sys.stderr.isatty():
        from rich.console import Console

        return RichUi(Console(file=sys.stderr))
    return SilentUi()


def _in_notebook() -> bool:
    """Whether a kernel runs this, that can change what it has shown."""
    shell = sys.modules.get("IPython")
    found = None if shell is None else shell.get_ipython()
    return found is not None and "IPKernelApp" in found.config


class NotebookUi:
    """Progress bars and lines of information in the output of a notebook's cell, which is cleared of bars that are done."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self._display = display
        self._lines: list[str] = []
        self._handle: Any = None
        self._bar = ""

    def _draw(self) -> None:
        text = "".join(f"<div>{html.escape(line)}</div>" for line in self._lines[-LINES:])
        shown = self._html(f'<div style="color:gray;font-size:90%">{text}{self._bar}</div>')
        if self._handle is None:
            self._handle = self._display(shown, display_id=True)
        else:
            self._handle.update(shown)

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        """A bar; ``total`` None means that the end is not known."""
        try:
            yield _Bar(self, description, total)
        finally:
            self._bar = ""
            self._draw()

    def info(self, text: str) -> None:
        """A line of plain text."""
        self._lines.append(text)
        self._draw()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table, which stays."""
        from offramp.shown import Table, _html

        self._display(self._html(_html(Table(title, columns, rows))))

    def draw_bar(self, picture: str) -> None:
        """Show ``picture``, HTML, as the bar."""
        self._bar = picture
        self._draw()


class _Bar:
    def __init__(self, ui: NotebookUi, description: str, total: float | None) -> None:
        self._ui, self._description, self._total = ui, description, total
        self._done, self._text, self._last = 0.0, "", 0.0
        self._show(force=True)

    def advance(self, amount: float = 1) -> None:
        self.update(completed=self._done + amount)

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        self._done = self._done if completed is None else completed
        self._total = self._total if total is None else total
        self._text = self._text if text is None else text
        self._show(force=self._total is not None and self._done >= self._total)

    def milestone(self, text: str) -> None:
        self.update(text=text)

    def _show(self, *, force: bool) -> None:
        now = time.monotonic()
        if not force and now - self._last < PAUSE:
            return
        self._last = now
        value = "" if not self._total else f' value="{self._done:g}" max="{self._total:g}"'
        self._ui.draw_bar(f"<div>{html.escape(self._description)} <progress{value}></progress> {html.escape(self._text)}</div>")
