"""What a field allows, in words."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from build_flows.project.words import allowed, toml


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (int, "whole number"),
        (float, "number"),
        (str, "text, not empty"),
        (Literal["a", 3], '"a", 3'),
        (Annotated[int, Field(ge=2, le=8)], "whole number from 2 to 8"),
        (Annotated[float, Field(gt=0, lt=0.5)], "number above 0 below 0.5"),
        (Annotated[float, Field(le=300)], "number up to 300"),
        (dict[str, Annotated[int, Field(ge=2)]], "table from a name to (whole number from 2)"),
        (list[int] | Literal["all"], 'list of (whole number) or "all"'),
        (list[Annotated[float, Field(gt=0, le=1)]] | None, "list of (number above 0 up to 1)"),
    ],
)
def test_allowed(annotation: Any, words: str) -> None:
    assert allowed(annotation) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(unset)"),
        (True, "true"),
        ('a"b', '"a\\"b"'),
        ([1, 2.5, "x"], '[1, 2.5, "x"]'),
        ({"a": [False]}, "{a = [false]}"),
        ("x" * 100, '"' + "x" * 76 + "..."),
    ],
)
def test_values_are_shown_as_toml(value: Any, text: str) -> None:
    assert toml(value) == text
