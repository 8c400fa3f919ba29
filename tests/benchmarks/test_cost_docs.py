import pytest

from benchmarks.cost_docs import BEGIN, END, PAGE, with_tables


def test_the_tables_are_the_data_files():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "run python -m benchmarks.cost_docs"
    assert "| mvau |" in page


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="must have one '<!-- fit"):
        with_tables(f"{END}no beginning")
    assert with_tables(f"a\n{BEGIN}old\n{END}b\n").startswith(f"a\n{BEGIN}Written by")
