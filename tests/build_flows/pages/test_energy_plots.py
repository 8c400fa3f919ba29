"""Plots of what a design switches."""

from build_flows.pages.energy_plots import PLOTS, files, stage_name, svg
from tests.build_flows.energy_samples import energy


def test_each_plot_is_one_picture_for_the_page_and_two_files():
    for name in PLOTS:
        page = svg(name, energy())
        assert page.startswith("<svg")
        assert "var(--c0)" in page
        found = files(name, energy())
        assert set(found) == {"png", "svg"}
        assert found["png"][:4] == b"\x89PNG"
        assert files(name, energy()) == found


def test_what_is_drawn_is_named():
    page = svg("exits", energy())
    for told in ("leaves at exit 0", "leaves at exit 1", "all as they come", "no images, as long", "block RAM", "clock of flip-flops"):
        assert told in page
    stages = svg("stages", energy())
    assert all(stage_name(stage) in stages for stage in (0, 1, None))
