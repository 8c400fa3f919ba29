"""Tables as CSV, which a reader of CSV reads again."""

import csv
import io
from typing import Any

import pytest

from build_flows.base import csv_text


@pytest.mark.parametrize(("value", "told"), [
    (None, ""), (True, "true"), (False, "false"), (3, "3"), (0.25, "0.25"), ("a b", "a b"), ([], ""),
    ([1, None, True], "1;;true"), ((0.5, 2), "0.5;2"),
])
def test_cells(value: Any, told: str) -> None:
    assert csv_text.cell(value) == told


def test_rows_that_lack_columns_and_hold_marks() -> None:
    rows = [{"a": 'x, "y"\nz', "b": "1"}, {"b": "2", "c": "3"}]
    assert csv_text.text(rows) == 'a,b,c\n"x, ""y""\nz",1,\n,2,3\n'
    assert list(csv.DictReader(io.StringIO(csv_text.text(rows)))) == [{"a": 'x, "y"\nz', "b": "1", "c": ""}, {"a": "", "b": "2", "c": "3"}]
    assert csv_text.text(rows[1:], ["c", "b", "d"]) == "c,b,d\n3,2,\n"
    assert csv_text.text([], ["a"]) == "a\n"
