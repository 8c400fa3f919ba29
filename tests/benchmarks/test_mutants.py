"""Planting faults: what is found, what survives, what cannot be told; the tree itself stays as it is."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.mutants import BROKEN, FOUND, SURVIVED, Mutant, copy_tree, mutants, rotating, run_all
from tests.test_layering import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small project with one test that looks and one that does not."""
    root = tmp_path / "checkout"
    (root / "tests").mkdir(parents=True)
    (root / "unit.py").write_text("def double(x):\n    return 2 * x\n")
    (root / "tests" / "test_unit.py").write_text(
        "from unit import double\n\ndef test_looks():\n    assert double(3) == 6\n\ndef test_does_not():\n    double(3)\n\n"
        "def test_fails():\n    assert double(3) == 7\n"
    )
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    return root


def mutant(test: str, **changes: str) -> Mutant:
    texts = {"file": "unit.py", "old": "2 * x", "new": "3 * x", "why": "it triples", **changes}
    return Mutant(name=f"{test} {sorted(changes)}", tests=[f"tests/test_unit.py::{test}"], **texts)


@pytest.mark.slow
def test_faults_are_found_or_survive_or_cannot_be_told(checkout: Path) -> None:
    chosen = [
        mutant("test_looks"), mutant("test_does_not"), mutant("test_is_not_there"), mutant("test_fails"),
        mutant("test_looks", new="2 * x +"), mutant("test_looks", old="def double", new="def twice"),
    ]
    before = {path: path.read_bytes() for path in checkout.rglob("*.py")}
    told: list[str] = []
    found = run_all(chosen, checkout, lambda outcome: told.append(outcome.mutant.name))
    assert [item.state for item in found] == [FOUND, SURVIVED, BROKEN, BROKEN, BROKEN, BROKEN]
    assert "test_looks" in found[0].told
    assert found[3].told.startswith("without the fault: FAILED")
    assert sorted(told) == sorted(item.name for item in chosen)
    assert {path: path.read_bytes() for path in checkout.rglob("*.py")} == before


def test_without_a_look_at_the_tests_first_a_failing_one_counts(checkout: Path) -> None:
    assert [item.state for item in run_all([mutant("test_fails")], checkout, sound=False)] == [FOUND]


def test_a_tree_without_a_history_is_copied_too(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".gitignore").write_text("build/\n")
    for made in ("build", "__pycache__", ".venv"):
        (checkout / made).mkdir()
        (checkout / made / "made.txt").touch()
    shutil.rmtree(checkout / ".git")
    copy_tree(checkout, tmp_path / "copy")
    found = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert found == {"unit.py", "tests/test_unit.py", "pyproject.toml"}


@pytest.mark.parametrize("old", ["4 * x", "x"])
def test_a_text_that_does_not_stand_there_once_is_told(old: str, checkout: Path) -> None:
    with pytest.raises(ValueError, match=r"the old text stands \d times in unit.py, and must stand there once"):
        run_all([mutant("test_looks", old=old)], checkout)


def test_the_list_is_whole_and_every_fault_can_be_planted() -> None:
    every = mutants()
    for item in every:
        item.planted((ROOT / item.file).read_text(encoding="utf-8"))
        for test in item.tests:
            path, _, name = test.partition("::")
            text = (ROOT / path).read_text(encoding="utf-8")
            assert f"def {name.partition('[')[0]}(" in text, f"{item.name}: {test} is not there"


@pytest.mark.parametrize(("rows", "message"), [
    ('[[mutants]]\nname = "a"\nfile = "f"\nold = "1"\nnew = "2"\ntests = []\nwhy = ""\n', "a needs a test that must fail"),
    ('[[mutants]]\nname = "a"\nfile = "f"\nold = "1"\nnew = "1"\ntests = ["t"]\nwhy = ""\n', "and two different texts"),
    ('[[mutants]]\nname = "a"\nfile = "f"\nold = "1"\nnew = "2"\ntests = ["t"]\nwhy = ""\n' * 2, "two faults are called a"),
])
def test_a_list_that_is_not_whole_is_refused(rows: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "list.toml").write_text(rows)
    with pytest.raises(ValueError, match=message):
        mutants(tmp_path / "list.toml")


def test_every_fault_has_its_turn() -> None:
    every = mutants()
    assert rotating(every, 2, "abc") == rotating(every, 2, "abc")
    seen = {item.name for turn in range(60) for item in rotating(every, 2, str(turn))}
    assert seen == {item.name for item in every} or len(every) > 60
