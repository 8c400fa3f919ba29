import pytest
from pydantic import ValidationError

from build_flows.project.section import Section


class Some(Section):
    """A table."""

    count: int = 1
    share: float = 0.5


def test_a_table_takes_its_keys_as_they_are() -> None:
    made = Some.model_validate({"count": 2, "share": 1})
    assert (made.count, made.share) == (2, 1.0)


@pytest.mark.parametrize("raw", [{"counts": 2}, {"count": "2"}, {"count": 2.0}, {"count": True}, {"share": float("nan")}])
def test_and_nothing_else(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Some.model_validate(raw)


def test_it_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Some().count = 3  # type: ignore[misc]
