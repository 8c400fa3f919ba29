"""What is kept is there again, and what was damaged is not."""

import pytest

from build_flows.explore.store import Store, key_of


def test_what_was_kept_is_there_again(tmp_path):
    store = Store(tmp_path / "points")
    assert store.get("a") is None
    store.put("a", {"found": [1, 2.5, None]})
    assert Store(tmp_path / "points").get("a") == {"found": [1, 2.5, None]}
    assert [path.name for path in (tmp_path / "points").iterdir()] == ["a.json"], "no temporary file is left"


@pytest.mark.parametrize("content", [b"", b'{"found": [1', b"\xff\xfe", b"[" * 100_000])
def test_what_was_damaged_is_as_if_it_were_not_there(tmp_path, content):
    store = Store(tmp_path)
    store.put("a", 1)
    (tmp_path / "a.json").write_bytes(content)
    assert store.get("a") is None
    store.put("a", 2)
    assert store.get("a") == 2


def test_a_key_is_of_what_there_is_and_not_of_its_order():
    assert key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1}) != key_of({"a": 1, "b": [3]})
    assert len(key_of({})) == 32
