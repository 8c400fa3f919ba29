"""What a step may say to the person who waits for it: progress, a line of information, a table.

Everything goes to stderr; stdout belongs to the answer (``--json``). Steps are given a :class:`Ui` and never print.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from build_flows.base.plain_progress import PlainProgress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Progress", "RichUi", "SilentUi", "Ui", "building"]


class Progress(Protocol):
    """A running progress bar."""

    def advance(self, amount: float = 1) -> None:
        """``amount`` more is done."""

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Set what is done, the new total, or the ``text`` shown beside the bar (say, the loss)."""

    def milestone(self, text: str) -> None:
        """Something whole is done, such as an epoch, as ``text`` says: a line where no bar is drawn, and else the text beside it."""


class Ui(Protocol):
    """Where steps tell what they do."""

    def progress(self, description: str, total: float | None = None) -> AbstractContextManager[Progress]:
        """A context manager that gives a :class:`Progress`; ``total`` None means that the end is not known."""

    def info(self, text: str) -> None:
        """Show one line of plain text."""

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show a table; numbers are aligned to the right. A cell may be a ``rich.text.Text`` of a colour of its own."""


@contextmanager
def building(ui: Ui, what: str) -> Iterator[Callable[[int, int | None], None]]:
    """What ``sim.tools.verilator.build`` tells its progress to. That ``what`` is built is said only when it is, not when it is kept from
    before."""
    with ExitStack() as stack:
        bar: Progress | None = None

        def tell(done: int, total: int | None) -> None:
            nonlocal bar
            if bar is None:
                bar = stack.enter_context(ui.progress(f"building {what} in Verilator (kept for the next run)"))
            bar.update(completed=done, total=total, text=f"{done} of {total} parts compiled" if total else "Verilator at work")

        yield tell


class _NoProgress:
    def advance(self, amount: float = 1) -> None:
        pass

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        pass

    def milestone(self, text: str) -> None:
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
    """Progress bars, text and tables by rich on ``console`` (stderr). Bars appear on a terminal only; elsewhere plain lines tell how far
    it is (:class:`build_flows.base.plain_progress.PlainProgress`)."""

    def __init__(self, console: "Console") -> None:
        self.console = console

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        if not self.console.is_terminal:
            yield PlainProgress(self.info, description, total)
            return
        from build_flows.base.bar import bar

        with bar(self.console, description, total) as display:
            yield display

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
