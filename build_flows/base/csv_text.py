"""Tables as CSV: plain values as cells, rows that may lack some of the columns."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["cell", "text"]


def cell(value: Any) -> str:
    """A value as a cell: nothing for None, truth as in JSON, a list's values joined by ``;``."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ";".join(map(cell, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def text(rows: Sequence[Mapping[str, str]], names: Sequence[str] | None = None) -> str:
    """``rows`` below a line of ``names`` (None: all that they have, in the order in which they come); the same rows give the same text."""
    file = io.StringIO()
    writer = csv.DictWriter(file, names or list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
