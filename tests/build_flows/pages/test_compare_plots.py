"""The comparison's plots are well-formed, say what the rows say, keep names apart and do not change from run to run."""

import itertools
import re
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from build_flows.pages import compare_plots, plots
from tests.build_flows.compare_samples import sample

TOLD = {
    "accuracy": ("samples a second at 100 MHz", "accuracy of the test images, %", "on the front of accuracy, throughput, lut"),
    "resources": ("100 % = 53,200", "100 % = 220", "% of xc7z020clg400-1", "backbone, stage 2", "heads of early exits", "exit decisions"),
    "exits": ("exit 0", "last exit", "71 %", "share of the test images"),
    "efficiency": ("samples a second per thousand LUTs", "6,476"),
}


@pytest.mark.parametrize("name", compare_plots.PLOTS)
def test_a_plot_of_the_page(name: str) -> None:
    text = compare_plots.svg(name, sample())
    assert text == compare_plots.svg(name, sample())
    ElementTree.fromstring(text)
    for part in (*TOLD[name], *(row.name for row in sample().layouts)):
        assert part in text, part
    assert "var(--ink)" in text
    assert not any(colour in text for colour in plots.CSS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "accuracy" else pytest.mark.slow) for name in compare_plots.PLOTS])
def test_files_of_a_plot(name: str) -> None:
    files = compare_plots.files(name, sample())
    assert files == compare_plots.files(name, sample())
    assert files["png"].startswith(b"\x89PNG")
    assert len(files["png"]) > 10_000
    assert b"var(" not in files["svg"]
    assert not any(colour.encode() in files["svg"] for colour in plots.CSS)
    ElementTree.fromstring(files["svg"].decode())


def test_bars_are_as_long_as_the_rows_say() -> None:
    """A bar is a path from left to right; those of the longest row reach its total."""
    found = sample()
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    same = {name: "#000000" for name in (plots.INK, plots.GRID, *plots.SERIES)}
    compare_plots.PLOTS["resources"][0](figure, found, same)
    for axes, keys in zip(figure.axes, (("lut", "lutram"), ("ff",), ("bram36",), ("dsp",)), strict=True):
        limit = keys[0]
        for index, row in enumerate(found.layouts):
            ends = [bar.get_x() + bar.get_width() for bar in axes.patches if abs(bar.get_y() + bar.get_height() / 2 - index) < 1e-9]
            assert max(ends) == pytest.approx(100 * sum(getattr(row, key) for key in keys) / getattr(found.capacity, limit))


def test_names_keep_apart_even_where_points_coincide() -> None:
    found = sample().replace(layouts=[row.replace(accuracy=0.9, samples_per_second=1000.0) for row in sample().layouts])
    figure = Figure(figsize=(9, 5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    same = {name: "#000000" for name in (plots.INK, plots.GRID, *plots.SERIES)}
    compare_plots.PLOTS["accuracy"][0](figure, found, same)
    canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert len(boxes) == len(found.layouts)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(figure.axes[0].bbox.x0 <= box.x0 and box.x1 <= figure.axes[0].bbox.x1 for box in boxes)


def test_one_row_alone_and_names_that_are_markup() -> None:
    found = sample().replace(layouts=[sample().layouts[0].replace(name="<b>&")])
    for name in compare_plots.PLOTS:
        text = compare_plots.svg(name, found)
        ElementTree.fromstring(text)
        assert not re.search(r"<b>", text)
