"""A user's modules are found without running them, and imported without leaving anything behind."""

import importlib
import sys
from pathlib import Path

import pytest

from quant_models.bring.modules import find_source, importable
from quant_models.errors import QuantModelError


def test_modules_of_the_folder_are_found_and_forgotten(tmp_path: Path) -> None:
    """Those of one folder may be called as those of another."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own_test_lone.py").write_text(f"from own_test_part import made\nname = {name!r}\n")
        (tmp_path / name / "own_test_part.py").write_text(f"made = {name!r}\n")
    before = list(sys.path)
    for name in ("one", "other"):
        with importable(tmp_path / name):
            found = importlib.import_module("own_test_lone")
        assert (found.name, found.made) == (name, name)
        assert sys.path == before
        assert not {"own_test_lone", "own_test_part"} & set(sys.modules)


def test_other_modules_stay_and_a_failure_leaves_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "own_test_outer").mkdir()
    (tmp_path / "own_test_outer" / "own_test_kept.py").write_text("")
    (tmp_path / "own_test_broken.py").write_text("import own_test_kept\n1 / 0\n")
    with importable(tmp_path / "own_test_outer"):
        importlib.import_module("own_test_kept")
        with pytest.raises(ZeroDivisionError), importable(tmp_path):
            importlib.import_module("own_test_broken")
        assert "own_test_broken" not in sys.modules
        assert str(tmp_path) not in sys.path
        assert "own_test_kept" in sys.modules
    assert "own_test_kept" not in sys.modules


def test_the_source_is_found_without_running_it(tmp_path: Path) -> None:
    (tmp_path / "own_test_broken.py").write_text("1 / 0\n")
    (tmp_path / "own_test_pack").mkdir()
    (tmp_path / "own_test_pack" / "__init__.py").write_text("1 / 0\n")
    assert find_source("own_test_broken:make", tmp_path) == tmp_path / "own_test_broken.py"
    assert find_source("own_test_pack.deep.er:make", tmp_path) == tmp_path / "own_test_pack"
    with pytest.raises(QuantModelError, match="there is no module own_test_gone in "):
        find_source("own_test_gone:make", tmp_path)
