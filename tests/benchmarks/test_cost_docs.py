import pytest

from benchmarks.cost_docs import PAGE, WRITER, with_tables
from benchmarks.tables import marks


def test_the_tables_are_the_data_files():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "run python -m benchmarks.cost_docs"
    assert "| mvau |" in page


def test_a_page_without_marks_is_refused():
    begin, end = marks("fit", WRITER)
    with pytest.raises(ValueError, match="must have one '<!-- fit"):
        with_tables(f"{end}no beginning")
    assert with_tables(f"a\n{begin}old\n{end}b\n").startswith(f"a\n{begin}Written by")
