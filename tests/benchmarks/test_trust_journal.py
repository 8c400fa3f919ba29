"""What was found before an interruption is found again, and nothing of another measurement is."""

from pathlib import Path

from benchmarks.trust_journal import Journal, code_digest


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "work" / "kills.jsonl"
    journal = Journal(path, {"seed": 1, "names": ("a", "b")})
    assert journal.entries == []
    journal.add(killed="a", after=0.5)
    journal.add(killed="b", after=1.5)
    again = Journal(path, {"seed": 1, "names": ["a", "b"]})
    assert again.entries == [{"killed": "a", "after": 0.5}, {"killed": "b", "after": 1.5}]
    again.add(killed="a", after=2)
    assert len(Journal(path, {"seed": 1, "names": ["a", "b"]}).entries) == 3


def test_what_is_of_something_else_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "kills.jsonl"
    Journal(path, {"seed": 1}).add(killed="a")
    assert Journal(path, {"seed": 2}).entries == []
    assert Journal(path, {"seed": 1}).entries == [], "it was begun anew"


def test_a_torn_line_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "kills.jsonl"
    journal = Journal(path, {})
    journal.add(killed="a")
    journal.add(killed="b")
    path.write_bytes(path.read_bytes()[:-4])
    again = Journal(path, {})
    assert again.entries == [{"killed": "a"}]
    again.add(killed="c")
    assert Journal(path, {}).entries == [{"killed": "a"}, {"killed": "c"}]
    path.write_bytes(b"\xff\xfe\n")
    assert Journal(path, {}).entries == []


def test_the_code_is_what_is_in_the_rooms(tmp_path: Path) -> None:
    (tmp_path / "hw" / "__pycache__").mkdir(parents=True)
    (tmp_path / "hw" / "gate.py").write_text("one")
    before = code_digest(tmp_path)
    (tmp_path / "hw" / "__pycache__" / "gate.pyc").write_text("x")
    (tmp_path / "README.md").write_text("x")
    assert code_digest(tmp_path) == before
    (tmp_path / "hw" / "gate.py").write_text("two")
    assert code_digest(tmp_path) != before
