"""What no stamp of ours covers is set aside, never overwritten or removed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from build_flows.base import owned
from build_flows.base.owned import known_hashes, place, set_aside, write_owned


def stamp(outputs: Mapping[str, str]) -> dict[str, Any]:
    return {"version": 2, "identity": "of it", "outputs": dict(outputs)}


def put(folder: Path, said: list[str], text: str = "made") -> None:
    """``a.txt`` and ``rtl/top.v`` put into ``folder`` by the step ``make``."""
    work = folder / ".steps" / "make.work"
    (work / "rtl").mkdir(parents=True)
    (work / "a.txt").write_text(text)
    (work / "rtl" / "top.v").write_text(text)
    place(folder, work, ("a.txt", "rtl"), "make", stamp, said.append)
    work.rmdir()


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if ".steps" not in path.parts and path.is_file())


def test_what_is_ours_is_replaced_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    put(tmp_path, said)
    put(tmp_path, said, "again")
    assert (said, names(tmp_path)) == ([], ["a.txt", "rtl/top.v"])
    assert (tmp_path / "rtl" / "top.v").read_text() == "again"
    assert sorted(path.name for path in (tmp_path / ".steps").iterdir()) == ["make.json"]


def test_what_lies_in_the_way_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "my_own.v").write_text("mine")
    (tmp_path / "a.txt").write_text("mine")
    said: list[str] = []
    put(tmp_path, said)
    assert said == [f"warning: {name} is not as offramp left it: kept as {name}.kept-1" for name in ("a.txt", "rtl")]
    assert names(tmp_path) == ["a.txt", "a.txt.kept-1", "rtl.kept-1/my_own.v", "rtl/top.v"]


@pytest.mark.parametrize("change", ["edit", "add", "link", "stamp"])
def test_what_was_changed_since_is_set_aside(tmp_path: Path, change: str) -> None:
    put(tmp_path, [])
    top = tmp_path / "rtl" / "top.v"
    if change == "edit":
        top.write_text("edited")
    elif change == "add":
        (top.parent / "my_own.v").write_text("mine")
    elif change == "link":
        (top.parent / "models").symlink_to(tmp_path, target_is_directory=True)
    else:
        (tmp_path / ".steps" / "make.json").write_text("{")
        (tmp_path / "a.txt").write_text("again")
    said: list[str] = []
    put(tmp_path, said, "again")
    assert said == ["warning: rtl is not as offramp left it: kept as rtl.kept-1"]
    assert (tmp_path / "rtl.kept-1" / "top.v").read_text() == ("edited" if change == "edit" else "made")
    assert [path.name for path in (tmp_path / "rtl").iterdir()] == ["top.v"]


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_kill_while_they_are_placed_leaves_nothing_that_is_not_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    put(tmp_path, [])
    done = []
    move = owned.move_into_place

    def killed(source: Path, target: Path, aside: Path | None = None) -> None:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(target)
        move(source, target, aside)

    with monkeypatch.context() as patch:
        patch.setattr(owned, "move_into_place", killed)
        if moves == 2:
            patch.setattr(owned, "sync_tree", lambda path, deep=True: None if deep else killed(path, path))
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, [], "again")
    assert json.loads((tmp_path / ".steps" / "make.json").read_text())["identity"] == ""
    for path in (tmp_path / ".steps" / "make.work").glob("*"):
        path.rename(tmp_path / f"left-{path.name}")
    (tmp_path / ".steps" / "make.work").rmdir()
    said: list[str] = []
    put(tmp_path, said, "third")
    assert said == []
    assert (tmp_path / "rtl" / "top.v").read_text() == "third"


def test_files_are_written_with_a_record_of_their_own(tmp_path: Path) -> None:
    said: list[str] = []
    write_owned(tmp_path, "pages", {"a.html": b"1", "b.html": b"1"}, said.append)
    before = (tmp_path / "a.html").stat().st_mtime_ns
    write_owned(tmp_path, "pages", {"a.html": b"1", "b.html": b"2"}, said.append)
    assert (said, (tmp_path / "b.html").read_bytes(), (tmp_path / "a.html").stat().st_mtime_ns) == ([], b"2", before)
    (tmp_path / "b.html").write_text("edited")
    write_owned(tmp_path, "pages", {"b.html": b"3"}, said.append)
    assert said == ["warning: b.html is not as offramp left it: kept as b.html.kept-1"]
    assert ((tmp_path / "b.html").read_bytes(), (tmp_path / "b.html.kept-1").read_text()) == (b"3", "edited")
    write_owned(tmp_path, "pages", {"a.html": b"4"}, said.append)
    assert len(said) == 1
    assert set(known_hashes(tmp_path)) == {"a.html", "b.html"}


def test_a_free_name_is_found(tmp_path: Path) -> None:
    for text in ("1", "2", "3"):
        (tmp_path / "x.toml").write_text(text)
        set_aside(tmp_path / "x.toml")
    assert [(tmp_path / f"x.toml.kept-{n}").read_text() for n in (1, 2, 3)] == ["1", "2", "3"]


@pytest.mark.parametrize("text", ["[]", "{", '{"outputs": 3}', '{"outputs": {}, "placing": 3}', "[" * 100_000])
def test_a_stamp_that_cannot_be_read_covers_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".steps").mkdir()
    (tmp_path / ".steps" / "make.json").write_text(text)
    assert known_hashes(tmp_path) == {}
