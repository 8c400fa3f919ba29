"""What a step may say to the person who waits for it: progress, a line of information, a table.

Everything goes to stderr; stdout belongs to the answer (``--json``). Steps are given a :class:`Ui` and never print.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich import progress as bars
    from rich.console import Console

__all__ = ["Progress", "RichUi", "SilentUi", "Ui"]


class Progress(Protocol):
    """A running progress bar."""

    def advance(self, amount: float = 1) -> None:
        """``amount`` more is done."""

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Set what is done, the new total, or the ``text`` shown after the bar (say, the loss)."""


class Ui(Protocol):
    """Where steps tell what they do."""

    def progress(self, description: str, total: float | None = None) -> AbstractContextManager[Progress]:
        """A context manager that gives a :class:`Progress`; ``total`` None means that the end is not known."""

    def info(self, text: str) -> None:
        """Show one line of plain text."""

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show a table; numbers are aligned to the right. A cell may be a ``rich.text.Text`` of a colour of its own."""


class _NoProgress:
    def advance(self, amount: float = 1) -> None:
        pass

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        pass


class SilentUi:
    """Says nothing: for tests and for use as a library."""

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        yield _NoProgress()

    def info(self, text: str) -> None:
        pass

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        pass


class RichUi:
    """Progress bars, text and tables by rich on ``console`` (stderr). Bars appear on a terminal only; elsewhere one line tells
    the start."""

    def __init__(self, console: "Console") -> None:
        self.console = console

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        from rich import progress as bars

        if not self.console.is_terminal:
            self.info(description)
            yield _NoProgress()
            return
        columns = (
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[text]}", markup=False),
        )
        with bars.Progress(*columns, console=self.console, transient=True) as display:
            yield _RichProgress(display, display.add_task(description, total=total, text=""))

    def info(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        for index, column in enumerate(columns):
            numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
            table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(value if isinstance(value, Text) else Text(_cell(value)) for value in row))
        self.console.print(table)


class _RichProgress:
    def __init__(self, display: "bars.Progress", task: "bars.TaskID") -> None:
        self._display, self._task = display, task

    def advance(self, amount: float = 1) -> None:
        self._display.advance(self._task, amount)

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        self._display.update(self._task, completed=completed, total=total)
        if text is not None:
            self._display.update(self._task, text=text)


def _is_number(value: object) -> bool:
    text = str(value).replace(",", "").rstrip("%").strip()
    try:
        float(text)
    except ValueError:
        return text in ("", "-")
    return True


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
