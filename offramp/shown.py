"""How results show themselves: as small tables, in text and in a notebook."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Shown", "Table", "count", "percent"]

_STYLE = "text-align:left;padding:2px 12px 2px 0"
_RIGHT = "text-align:right;padding:2px 12px 2px 0"


@dataclass(frozen=True)
class Table:
    """A table with a ``title``, names of ``columns`` and ``rows`` of what is shown in them; ``alarm``: what is wrong, shown below the
    title, in red in a notebook (empty: nothing)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    alarm: str = ""


class Shown:
    """What shows itself as the tables that :meth:`tables` gives."""

    def tables(self) -> list[Table]:
        """The tables, in order."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n\n".join(_text(table) for table in self.tables())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return "".join(_html(table) for table in self.tables())


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 in percent; a dash for None."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def count(value: float | None) -> str:
    """A number with about five digits; a dash for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.1f}"


def _numeric(cell: object) -> bool:
    return str(cell).replace(",", "").replace(".", "").replace("-", "").rstrip(" %").isdigit() or str(cell) == "-"


def _text(table: Table) -> str:
    cells = [[str(cell) for cell in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *cells, strict=True)]
    right = [bool(cells) and all(_numeric(row[index]) for row in cells) for index in range(len(widths))]

    def line(row: Sequence[str]) -> str:
        aligned = (cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(row, widths, right, strict=True))
        return "  ".join(aligned).rstrip()

    head = [table.title, *([table.alarm] if table.alarm else [])]
    return "\n".join([*head, *([line(table.columns)] if any(table.columns) else []), *map(line, cells)])


def _html(table: Table) -> str:
    def row(tag: str, cells: Sequence[Any]) -> str:
        return "<tr>" + "".join(f'<{tag} style="{_RIGHT if _numeric(cell) else _STYLE}">{html.escape(str(cell))}</{tag}>'
                                for cell in cells) + "</tr>"

    alarm = f'<div style="color:#b3261e">{html.escape(table.alarm)}</div>' if table.alarm else ""
    head = row("th", table.columns) if any(table.columns) else ""
    return f"<table><caption style=\"{_STYLE};font-weight:bold\">{html.escape(table.title)}{alarm}</caption>{head}" + "".join(
        row("td", cells) for cells in table.rows) + "</table>"
