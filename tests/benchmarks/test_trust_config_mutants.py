"""Mutants of a configuration, on small tables: each is wrong in the way that it says, and the same seed makes the same ones."""

import math
import random
import tomllib
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from benchmarks.trust_config_mutants import broken_text, declared, fits, key_mutants, misspelt, value_mutants
from benchmarks.trust_mutant import Mutant
from build_flows.project.section import Section

Share = Annotated[float, Field(gt=0, le=1)]


class Inner(Section):
    count: int = Field(default=3, ge=1, le=10)
    kind: Literal["one", "two"] = "one"


class Whole(Section):
    name: str = Field(pattern="^[a-z]+$")
    inner: Inner = Inner()
    rows: list[Inner]
    shares: list[Share] | None = None
    bits: dict[str, dict[Literal["weight"], int]] | None = None


VALUES = {"name": "a", "inner": {"count": 3, "kind": "one"}, "rows": [{"count": 4, "kind": "two"}]}
ARGS = [("train", "{config}")]


def content(mutant: Mutant) -> dict[str, Any]:
    return tomllib.loads(mutant.files["config.toml"].decode())


def test_every_declared_key_has_its_place() -> None:
    assert [(item.key, item.required) for item in declared(Whole)] == [
        ("name", True), ("inner.count", False), ("inner.kind", False), ("rows[0].count", False), ("rows[0].kind", False),
        ("shares", False), ("bits", False)]


@pytest.mark.parametrize(("key", "fitting", "wrong"), [
    ("inner.count", [1, 10], [0, 11, 1.0, True, "1", math.inf, [1]]),
    ("inner.kind", ["one"], ["One", 1, True, ""]),
    ("shares", [[], [1], [0.5, 1.0]], [[0], [1.1], ["a"], 0.5, [True], [math.nan]]),
    ("bits", [{}, {"a": {"weight": 8}}], [{"a": 8}, {"a": {"act": 8}}, [], {"a": {"weight": 8.5}}]),
    ("name", [], ["A", 1, ""]),
])
def test_what_fits_a_declaration(key: str, fitting: list[Any], wrong: list[Any]) -> None:
    found = next(item for item in declared(Whole) if item.key == key)
    assert [value for value in fitting if not fits(found.annotation, found.metadata, value)] == []
    assert [value for value in wrong if fits(found.annotation, found.metadata, value)] == []


def test_values_are_put_in_the_place_of_the_key_and_are_wrong_there() -> None:
    keys = {item.key: item for item in declared(Whole)}
    found = list(value_mutants(Whole, VALUES, ARGS, random.Random(1), each=3))
    assert len(found) == 3 * len(keys)
    for mutant in found:
        place = keys[mutant.says[0]].place
        value: Any = content(mutant)
        for part in place:
            value = value[part]
        assert not fits(keys[mutant.says[0]].annotation, keys[mutant.says[0]].metadata, value)
        assert mutant.args == ("train", "config.toml")
        assert not mutant.legal
    again = list(value_mutants(Whole, VALUES, ARGS, random.Random(1), each=3))
    assert [item.what for item in again] == [item.what for item in found]


def test_keys_are_misspelt_or_left_out() -> None:
    found = list(key_mutants(Whole, VALUES, ARGS, random.Random(1)))
    kinds = {mutant.kind for mutant in found}
    assert kinds == {"misspelt key", "missing key", "misspelt table", "no table", "missing table"}
    missing = next(mutant for mutant in found if mutant.kind == "missing key")
    assert missing.says == ("name", "missing")
    assert "name" not in content(missing)
    for mutant in found:
        with pytest.raises(ValueError, match="Whole"):
            Whole.model_validate(content(mutant))


def test_text_is_broken_for_the_parser_or_for_the_decoder() -> None:
    found = list(broken_text('name = "a"\n[inner]\ncount = 3\n', ARGS, random.Random(1), count=20))
    assert [mutant.kind for mutant in found] == ["no TOML"] * 20 + ["no UTF-8"] * 20
    for mutant in found:
        with pytest.raises(UnicodeDecodeError if mutant.kind == "no UTF-8" else tomllib.TOMLDecodeError):
            content(mutant)


def test_a_misspelt_word_is_another_one() -> None:
    rng = random.Random(1)
    assert not {misspelt("flip", rng, ["fllip", "lip"]) for _ in range(200)} & {"flip", "fllip", "lip", ""}
