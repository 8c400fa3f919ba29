"""The page of a profile: one file, its figures, nothing else."""

from pathlib import Path
from typing import Any

import pytest

from build_flows.pages.profile_page import points, render, write_files
from build_flows.pages.profile_plots import PLOTS
from quant_models.judge.profile_records import ExitChange, ProfileFile
from tests.build_flows.html_balance import stands_alone
from tests.build_flows.profile_samples import sample

pytestmark = pytest.mark.usefixtures("drawings")


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample())


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str, drawings: dict[Any, bytes]) -> None:
    stands_alone(html)
    assert html.count("<svg") == len(PLOTS)


def test_the_figures_are_there(html: str) -> None:
    for told in ("small &lt;net&gt;", "the float weights of net.pt", "95.00 % (93.", "92.00 % (90.", "change first: stage0_conv0",
                 "-0.5 to 0.75", "3.20 (1.88 to 4.51)", "3.00 (1.60 to 4.39)", "12.5", "17.2", "exact", "12.5 %", "4.30 %", "0 to 6.5",
                 "0 to 3"):
        assert told in html, told
    assert "<net>" not in html


def test_what_a_layer_wins_back_is_told_the_other_way_round() -> None:
    assert points(ExitChange(lost=31, gained=2), 1000) == "2.90 (1.75 to 4.04)"
    assert "2.90 (1.75 to 4.04)" in render(sample())
    assert "-2.90" not in render(sample())


def test_files_lie_where_they_are_told(tmp_path: Path) -> None:
    write_files(sample(), tmp_path)
    assert ProfileFile.load(tmp_path / "profile.json") == sample()
    assert {path.name for path in (tmp_path / "profile").iterdir()} == {f"{name}.{kind}" for name in PLOTS for kind in ("png", "svg")}
    assert (tmp_path / "profile.html").is_file()
