"""What a field allows, in words."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from build_flows.base.errors import ConfigError
from build_flows.project.load import parse
from build_flows.project.template import template
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


def test_a_key_that_a_table_of_given_keys_does_not_have_is_told_as_such() -> None:
    text = template("digits").replace("# layer_bits =", "layer_bits = { stage0_conv0 = { weigth = 8 } }")
    with pytest.raises(ConfigError) as caught:
        parse(text)
    told = "config.toml: model.layer_bits.stage0_conv0.weigth: unknown key (did you mean weight?); allowed: weight, act"
    assert str(caught.value) == told
