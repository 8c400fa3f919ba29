"""Files appear whole or not at all; hashes see content and relative names only."""

import errno
from pathlib import Path

import pytest

from build_flows.base import files
from build_flows.base.errors import OfframpError


def test_json_is_sorted_and_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"version": 1, "b": 2, "a": [1.5]})
    files.write_json(tmp_path / "sub" / "b.json", {"a": [1.5], "b": 2, "version": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "sub" / "b.json").read_bytes()
    assert (tmp_path / "a.json").read_text().endswith("}\n")
    assert files.read_json(tmp_path / "a.json") == {"version": 1, "a": [1.5], "b": 2}


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    files.write_bytes(target, b"old")

    def fill_the_disk() -> None:
        with files.atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill_the_disk()
    assert target.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["x.bin"]


def test_atomic_path_keeps_the_suffix(tmp_path: Path) -> None:
    with files.atomic_path(tmp_path / "x.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"new")
    assert (tmp_path / "x.npz").read_bytes() == b"new"


def test_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "x.json", {"x": float("nan")})
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "is missing"), ("{", "is not JSON"), ('{"version": 2}', "version must be 1, not 2"), ("[]", "version must be 1, not None")],
)
def test_read_json_names_what_is_wrong(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "exits.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OfframpError, match=message) as caught:
        files.read_json(path)
    assert "exits.json" in caught.value.message


def test_hash_sees_content_and_relative_names_only(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "x.v").write_text("module x; endmodule")
        (tmp_path / folder / "__pycache__").mkdir()
        (tmp_path / folder / "__pycache__" / f"{folder}.pyc").write_text(folder)
    assert files.hash_path(tmp_path / "a") == files.hash_path(tmp_path / "b")
    (tmp_path / "b" / "sub" / "x.v").rename(tmp_path / "b" / "sub" / "y.v")
    assert files.hash_path(tmp_path / "a") != files.hash_path(tmp_path / "b")
    assert files.hash_path(tmp_path / "none") == "absent"


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    for name, text in (("old", "1"), ("new", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.v").write_text(text)
    files.move_into_place(tmp_path / "new", tmp_path / "old")
    assert [item.name for item in (tmp_path / "old").iterdir()] == ["new.v"]
    assert [item.name for item in tmp_path.iterdir()] == ["old"]
