"""Tables are what Markdown wants; a page keeps all but what stands between its marks, and one without them is refused."""

import pytest

from benchmarks.tables import fill, marks, table


def test_a_table_by_hand() -> None:
    assert table(["name", "", "what"], [("a", "1", "one"), ["b", "", ""]]) == (
        "| name | | what |\n"
        "|---|---|---|\n"
        "| a | 1 | one |\n"
        "| b | | |\n")


def test_a_table_without_rows_is_its_header() -> None:
    assert table(("one",), []) == "| one |\n|---|\n"


def test_a_bar_or_a_line_break_in_a_cell_makes_no_other_cell_or_row() -> None:
    assert table(["a|b"], [["`x | y`\nmore"]]) == "| a\\|b |\n|---|\n| `x \\| y` more |\n"


def test_a_row_of_another_length_is_told() -> None:
    with pytest.raises(ValueError, match=r"a row must have 2 cells, not 3: \| x \| y \| z \|"):
        table(["a", "b"], [["x", "y", "z"]])


def test_parts_are_replaced_and_all_else_is_kept() -> None:
    page = "# Page\n<!-- a: begin -->\nold\n<!-- a: end -->\nbetween\n<!-- b c: begin -->\n<!-- b c: end -->\nafter"
    filled = fill(page, {"b c": "two\n", "a": "| new |\n"})
    assert filled == "# Page\n<!-- a: begin -->\n| new |\n<!-- a: end -->\nbetween\n<!-- b c: begin -->\ntwo\n<!-- b c: end -->\nafter"
    assert fill(filled, {"a": "| new |\n"}) == filled
    assert fill(page, {}) == page


def test_marks_may_tell_the_writer() -> None:
    assert marks("a") == ("<!-- a: begin -->\n", "<!-- a: end -->\n")
    begin, end = marks("a", "benchmarks.some")
    assert (begin, end) == ("<!-- a: written by python -m benchmarks.some -->\n", "<!-- end of a -->\n")
    assert fill(f"x\n{begin}old\n{end}y\n", {"a": "new\n"}, "benchmarks.some") == f"x\n{begin}new\n{end}y\n"


BEGIN, END = marks("a")


@pytest.mark.parametrize("page", ["nothing", BEGIN, END, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END, f"{BEGIN.strip()} {END}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page must have one '<!-- a: begin -->' and one '<!-- a: end -->' behind it"):
        fill(page, {"a": "new\n"})
