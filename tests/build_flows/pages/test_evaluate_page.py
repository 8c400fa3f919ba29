"""The page of an evaluation: one file, its figures, nothing else."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.artefacts.evaluation import EvaluationFile
from build_flows.base.files import read_json
from build_flows.pages.evaluate_page import render, summary, write_files
from build_flows.pages.evaluate_plots import PLOTS
from tests.build_flows.evaluate_samples import IMAGES, content, sample
from tests.build_flows.html_balance import stands_alone

pytestmark = pytest.mark.usefixtures("drawings")


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample(), IMAGES)


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str, drawings: dict[Any, bytes]) -> None:
    stands_alone(html, "#|data:image/png;base64,")
    drawings.clear()
    assert html == render(sample(), IMAGES)
    assert html.count("<svg") == len(PLOTS)


def test_the_figures_are_there(html: str) -> None:
    for told in ("91.00 %", "91.23 %", "3,400", "82,400", "123.4", "6.13 %", "2.17 %", "93.40 %", "331.5", "402", "45.0 %", "166,000",
                 "does not fall below the all-hard figure", "71.4 %", "gaussian noise", "1.53 %", "1.37<small>in use</small>"):
        assert told in html
    assert "<two>" not in html
    assert "&lt;two&gt;" in html


def test_accuracies_are_told_with_their_intervals(html: str) -> None:
    for told in ("91.23 % (83.8 to 95.2)", "95.00 % (86.2 to 97.8)", "62.00 % (48.2 to 74.1)", "at most 11.5 points to either side"):
        assert told in html
    assert "91.00 % (83.8 to 95.2) of 100 test images are right" in summary(sample())[0]


def test_pictures_are_those_of_their_samples(html: str) -> None:
    found = re.findall(r'alt="test image (\d+)" src="data:image/png;base64,([^"]*)" width="(\d+)" height="(\d+)"', html)
    assert [index for index, *_ in found] == ["2", "5", "12", "15"]
    assert len({data for _, data, *_ in found}) == 4
    assert {(width, height) for *_, width, height in found} == {("72", "60")}


@pytest.mark.parametrize("shape", [(4, 128, 1, 9), (4, 8, 8, 3), (4, 8, 8, 2)], ids=["window", "rgb", "channels"])
def test_any_kind_of_sample_can_be_shown(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert render(sample(), images).count("data:image/png") == 4


def test_what_was_not_simulated_says_nothing_of_cycles() -> None:
    text = render(sample(compiled=False), IMAGES)
    assert "was not simulated in this state" in text
    assert "all-hard figure" not in text
    assert "In the RTL" not in text


def test_bad_news_is_told() -> None:
    slowdown = sample().slowdown
    assert slowdown.rtl is not None
    found = sample().replace(slowdown=slowdown.replace(rtl=slowdown.rtl.replace(holds=False)))
    assert "Throughput falls below" in render(found, IMAGES)
    assert any("SLOWER than all-hard" in line for line in summary(found))


def test_without_early_exits_there_is_no_curve() -> None:
    text = render(sample().replace(curves=[]), IMAGES)
    assert "there is nothing to sweep" in text
    assert text.count("<svg") == len(PLOTS) - 1


def test_many_classes_are_a_list_of_the_commonest_mistakes() -> None:
    counts = np.diag(np.full(30, 7))
    counts[3, 4], counts[5, 6] = 2, 3
    exits = [row.replace(confusion=counts.tolist()) for row in sample().exits]
    text = render(sample().replace(names=[f"class{k}" for k in range(30)], exits=exits), IMAGES)
    assert 'class="square"' not in text
    assert text.index("<td>class5</td><td>class6</td>") < text.index("<td>class3</td><td>class4</td>")


def test_files_are_written(tmp_path: Path) -> None:
    write_files(sample(), IMAGES, tmp_path)
    assert read_json(tmp_path / "evaluation.json") == content()
    assert EvaluationFile.load(tmp_path / "evaluation.json") == sample()
    assert (tmp_path / "evaluation.html").read_text(encoding="utf-8") == render(sample(), IMAGES)
    names = {path.name for path in (tmp_path / "evaluation").iterdir()}
    assert names == {f"{name}.{suffix}" for name in PLOTS for suffix in ("png", "svg")}
