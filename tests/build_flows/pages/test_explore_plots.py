"""The exploration's plots are well-formed, say what was found and do not change from run to run."""

from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from build_flows.artefacts.explore import Cloud, ExploreFile
from build_flows.pages import explore_plots, plots
from build_flows.pages.explore_figures import fronts, worth
from tests.build_flows.explore_samples import changed, sample, unverified

TOLD = {
    "front": ("1 early exit, verified", "2 early exits, verified", "no exits, verified", "all that are predicted to fit"),
    "front_worth": ("2.68 times as fast", "accuracy within half a point", "with early exits", "without early exits", "clg400-1, measured"),
}
SAME = {name: "#000000" for name in (plots.INK, plots.GRID, *plots.SERIES)}


def axes_of(name: str, found: ExploreFile) -> Any:
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    explore_plots.PLOTS[name][0](figure, found, SAME)
    return figure.axes[0]


@pytest.mark.parametrize("name", explore_plots.PLOTS)
def test_a_plot_of_the_page(name: str) -> None:
    text = explore_plots.svg(name, sample())
    ElementTree.fromstring(text)
    for part in TOLD[name]:
        assert part in text, part
    assert "var(--ink)" in text
    assert not any(colour in text for colour in plots.CSS)


@pytest.mark.parametrize("name", [pytest.param("front", marks=pytest.mark.slow), "front_worth"])
def test_files_of_a_plot(name: str) -> None:
    files = explore_plots.files(name, sample())
    assert files == explore_plots.files(name, sample())
    assert files["png"].startswith(b"\x89PNG")
    assert b"var(" not in files["svg"]
    assert not any(colour.encode() in files["svg"] for colour in plots.CSS)


def test_steps_and_arrow_are_where_the_figures_are() -> None:
    found = sample()
    axes, reached, value = axes_of("front_worth", found), fronts(found), worth(found)
    assert value is not None
    lines = [list(zip(*line.get_data(), strict=True)) for line in axes.lines]
    for corners in (reached.alone, reached.early):
        assert [(rate, pytest.approx(100 * accuracy)) for rate, accuracy in corners] in lines
    arrow = next(text for text in axes.texts if text.arrow_patch is not None)
    assert (arrow.xyann[0], arrow.xy[0]) == (value.figures(value.base).samples_per_second, value.figures(value.fast).samples_per_second)
    # It keeps clear of all that is drawn below.
    assert arrow.xy[1] > 100 * max(accuracy for corners in (reached.alone, reached.early) for _, accuracy in corners)
    assert axes.get_ylim()[1] > arrow.xy[1]


def test_without_verification_it_is_predicted_and_hollow() -> None:
    axes = axes_of("front_worth", unverified(sample()))
    assert axes.get_title(loc="left").endswith("predicted")
    assert {line.get_markerfacecolor() for line in axes.lines if line.get_marker() in ("o", "s")} == {"none"}
    assert any("times as fast" in text.get_text() for text in axes.texts)


def test_what_cannot_be_compared_has_no_arrow() -> None:
    poor = [row.replace(predicted=row.predicted.replace(accuracy=0.5), measured=None, errors=None) for row in sample().front]
    assert not any("times as fast" in text.get_text() for text in axes_of("front_worth", sample().replace(front=poor)).texts)
    nothing = sample().replace(front=[], alone=[], moved=[], cloud=Cloud(accuracy=[], samples_per_second=[], lut=[], exits=[]))
    for name in explore_plots.PLOTS:
        axes_of(name, nothing)


def test_designs_are_hollow_until_they_are_verified() -> None:
    name = next(row.name for row in sample().front if row.measured is not None)
    solid = [line for line in axes_of("front", sample()).lines if line.get_marker() in ("o", "s") and line.get_markerfacecolor() != "none"]
    one_less = changed(sample(), name, measured=None, errors=None)
    fewer = [line for line in axes_of("front", one_less).lines if line.get_marker() in ("o", "s") and line.get_markerfacecolor() != "none"]
    assert len(solid) == 24
    assert len(fewer) == 23


def test_dots_that_fall_together_are_one() -> None:
    cloud = Cloud(accuracy=[0.9, 0.90001, 0.1], samples_per_second=[1000.0, 1001.0, 1000.0], lut=[1, 1, 1], exits=[1, 1, 1])
    (line,) = [line for line in axes_of("front", sample().replace(cloud=cloud)).lines if line.get_marker() == "." and len(line.get_xdata())]
    assert len(line.get_xdata()) == 1
