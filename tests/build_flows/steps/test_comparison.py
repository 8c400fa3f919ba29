"""A comparison is found beside the project, and only where it is of the very RTL."""

import os
from pathlib import Path

import pytest

from build_flows.base.files import hash_path
from build_flows.steps.comparison import find_comparison
from tests.build_flows.compare_samples import changed, sample


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder with RTL in it."""
    folder = tmp_path / "build" / "early"
    (folder / "rtl").mkdir(parents=True)
    (folder / "rtl" / "accelerator.v").write_text("module accelerator;")
    return folder


def write(path: Path, rtl: str, when: int) -> Path:
    changed(sample(), "early-linear", rtl=rtl).save(path)
    os.utime(path, ns=(when, when))
    return path


def test_it_is_found_where_compare_writes_it(output: Path) -> None:
    assert find_comparison(output) is None
    rtl = hash_path(output / "rtl")
    beside = write(output.parent / "first_compare" / "compare.json", rtl, 10)
    assert find_comparison(output) == beside
    of_sweep = write(output.parent / "compare.json", rtl, 20)
    assert find_comparison(output) == of_sweep
    os.utime(beside, ns=(30, 30))
    assert find_comparison(output) == beside


def test_one_of_other_rtl_or_that_cannot_be_read_is_none(output: Path) -> None:
    rtl = hash_path(output / "rtl")
    path = write(output.parent / "compare.json", rtl, 10)
    (output / "rtl" / "accelerator.v").write_text("module accelerator; // compiled again")
    assert find_comparison(output) is None
    path.write_text("{}")
    assert find_comparison(output) is None
    path.write_text("no JSON")
    assert find_comparison(output) is None
