"""A progress bar on a terminal of any width, by rich."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console, RenderableType
from rich.table import Column
from rich.text import Text

__all__ = ["Bar", "bar"]


class _Display(bars.Progress):
    """The bar, and its text in a line below: beside it there is no room for both at 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is drawn, from top to bottom."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["text"]:
                yield Text(f"  {task.fields['text']}", no_wrap=True, overflow="ellipsis")


class Bar:
    """One bar of a display, as :class:`build_flows.base.ui.Progress` has it."""

    def __init__(self, display: bars.Progress, task: bars.TaskID) -> None:
        self._display, self._task = display, task

    def advance(self, amount: float = 1) -> None:
        """``amount`` more is done."""
        self._display.advance(self._task, amount)

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Set what is done, the new total, or the text."""
        self._display.update(self._task, completed=completed, total=total)
        if text is not None:
            self._display.update(self._task, text=text)

    def milestone(self, text: str) -> None:
        """Something whole is done: the text says what."""
        self.update(text=text)


@contextmanager
def bar(console: Console, description: str, total: float | None) -> Iterator[Bar]:
    """A bar on ``console`` that goes when its work ends; ``total`` None means that the end is not known."""

    def column(least: int) -> Column:
        return Column(no_wrap=True, min_width=least)

    columns = (
        bars.TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=2)),
        bars.BarColumn(bar_width=None, table_column=Column(min_width=8, ratio=1)),
        bars.MofNCompleteColumn(table_column=column(2 * len(f"{total:.0f}") + 1 if total else 3)),
        bars.TimeElapsedColumn(table_column=column(7)),
        bars.TimeRemainingColumn(table_column=column(7)),
    )
    with _Display(*columns, console=console, transient=True, expand=True) as display:
        yield Bar(display, display.add_task(description, total=total, text=""))
