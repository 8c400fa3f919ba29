"""Folders that have the names of offramp's packages: empty ones are passed over, real packages are told."""

import subprocess
import sys
from pathlib import Path

import pytest

from offramp.rooms import ROOMS, hidden


def run(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


def test_nothing_is_hidden_here() -> None:
    assert hidden() is None


@pytest.mark.parametrize("name", ["offramp", *ROOMS])
def test_an_empty_folder_of_that_name_hides_nothing(name: str, tmp_path: Path) -> None:
    """A clone called offramp in the current folder is such a one."""
    (tmp_path / name / "docs").mkdir(parents=True)
    done = run("import offramp, hw.netlist; print(offramp.Project.__name__)", tmp_path)
    assert (done.stdout, done.returncode) == ("Project\n", 0), done.stderr


@pytest.mark.parametrize("name", ["hw", "sim"])
def test_a_real_package_of_that_name_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    told = f"{tmp_path / name} hides offramp's own package {name}: work in another folder, or give that one another name"
    command = subprocess.run([sys.executable, "-m", "offramp", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (command.stderr, command.returncode) == (f"offramp: {told}\n", 1)
    done = run("import offramp; offramp.load", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ImportError: {told}"
