"""Records are frozen and checked; artefacts are read and written whole, or told to be what they are not."""

import json
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from quant_models.errors import QuantModelError
from quant_models.records import Artefact, ArtefactError, Record


class Part(Record):
    count: int | float
    from_: str = Field(default="", alias="from")


class File(Artefact):
    VERSION = 3

    parts: list[Part]
    share: float | None
    note: str = ""


def sample() -> File:
    return File(parts=[Part.model_validate({"count": 2, "from": "here"}), Part(count=0.5)], share=None)


def test_what_was_set_is_written_under_the_names_of_the_file() -> None:
    assert sample().to_json() == {"parts": [{"count": 2, "from": "here"}, {"count": 0.5}], "share": None}
    assert json.loads(sample().dump()) == {"version": 3, **sample().to_json()}
    assert '"count": 2,' in sample().dump()
    assert sample().dump().endswith("}\n")


def test_another_value_is_checked_too_and_the_rest_stays() -> None:
    changed = sample().replace(note="x", share=0.25)
    assert changed.to_json() == {**sample().to_json(), "note": "x", "share": 0.25}
    assert sample().share is None
    with pytest.raises(ValidationError):
        sample().replace(share="much")
    with pytest.raises(ValidationError):
        sample().replace(shares=0.5)


def test_nothing_can_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        sample().share = 1.0  # type: ignore[misc]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    sample().save(path)
    assert File.load(path) == File.parse(json.loads(path.read_text()), "a.json")
    assert File.load(path).dump() == path.read_text()
    assert [item.name for item in path.parent.iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    sample().save(path)
    before = path.read_text()
    with pytest.raises(ValueError, match="not JSON compliant"):
        sample().replace(share=float("nan")).save(path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("text", "told"), [
    (None, " is missing"),
    ("{", " is not JSON: "),
    ("[]", ": version must be 3, not None"),
    ('{"version": 1}', ": version must be 3, not 1"),
    ('{"version": 3, "parts": [], "share": null, "more": 1}', ": more: extra inputs are not permitted, not 1"),
    ('{"version": 3, "parts": [{"count": 1}, {"count": "x"}], "share": null}', ": parts[1].count"),
    ('{"version": 3, "parts": []}', ": share: field required"),
])
def test_what_is_no_such_artefact_is_told_with_its_place(text: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ArtefactError) as caught:
        File.load(path)
    assert str(caught.value).startswith(f"{path}{told}")
    assert isinstance(caught.value, QuantModelError)
    assert caught.value.hint
