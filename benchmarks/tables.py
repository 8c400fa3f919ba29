"""What code writes into pages: Markdown tables, and the parts of a page that stand between two marks."""

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["fill", "marks", "table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, a line for each row, newline at the end. Cells are Markdown; ``|`` and line breaks in them are taken care of.

    Raises ValueError for a row that has not as many cells as ``header``.
    """
    lines = [_line(header), "|---" * len(header) + "|\n"]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row must have {len(header)} cells, not {len(row)}: {_line(row).strip()}")
        lines.append(_line(row))
    return "".join(lines)


def _line(cells: Sequence[str]) -> str:
    plain = (" ".join(cell.splitlines()).replace("|", "\\|") for cell in cells)
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in plain) + "\n"


def marks(name: str, writer: str = "") -> tuple[str, str]:
    """The lines before and after the part ``name`` of a page; with ``writer``, the module that writes it, the first one tells that."""
    if writer:
        return f"<!-- {name}: written by python -m {writer} -->\n", f"<!-- end of {name} -->\n"
    return f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"


def fill(page: str, parts: Mapping[str, str], writer: str = "") -> str:
    """The text ``page`` with each of ``parts``, by its name, between its :func:`marks`, in place of what stood there.

    Raises ValueError when the page has not each mark exactly once, the one that ends a part behind the one that begins it.
    """
    for name, part in parts.items():
        begin, end = marks(name, writer)
        before, _, rest = page.partition(begin)
        if page.count(begin) != 1 or page.count(end) != 1 or end not in rest:
            raise ValueError(f"the page must have one {begin.strip()!r} and one {end.strip()!r} behind it")
        page = before + begin + part + end + rest.partition(end)[2]
    return page
