"""A drawing takes its colours from the page, or has those of the page in light where it stands alone."""

from typing import Any
from xml.etree import ElementTree

import pytest

from build_flows.pages import plots
from build_flows.pages.plots import CSS, GRID, INK, PAPER, SERIES, Colours


def draw(figure: Any, colours: Colours) -> None:
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=colours[SERIES[2]], label="<b>line</b>")
    axes.legend()


def test_on_a_page() -> None:
    text = plots.svg("x", draw, (4.0, 2.0))
    assert text == plots.svg("x", draw, (4.0, 2.0))
    assert text.startswith('<svg role="img" ')
    ElementTree.fromstring(text)
    assert "var(--c2)" in text
    assert "var(--ink)" in text
    assert "var(--c1)" not in text
    assert "<b>" not in text
    assert not any(colour in text for colour in CSS)


def test_ids_of_two_drawings_are_not_the_same() -> None:
    def ids(name: str) -> set[str]:
        return {found for item in ElementTree.fromstring(plots.svg(name, draw, (4.0, 2.0))).iter() if (found := item.get("id"))}

    # Names of groups are the same everywhere; what is referred to is not.
    apart = {name for name in ids("x") if any(digit.isdigit() for digit in name) and not name.split("_")[-1].isdigit()}
    assert apart
    assert not apart & ids("y")


def test_as_files() -> None:
    files = plots.files("x", draw, (4.0, 2.0))
    assert files == plots.files("x", draw, (4.0, 2.0))
    assert files["png"].startswith(b"\x89PNG")
    text = files["svg"].decode()
    ElementTree.fromstring(text)
    assert PAPER[SERIES[2]] in text
    assert PAPER[INK] in text
    assert "var(" not in text
    assert not any(colour in text for colour in CSS)


def test_every_stand_in_has_a_variable_and_a_colour() -> None:
    assert set(CSS) == set(PAPER) == {INK, GRID, *SERIES}
    assert len(set(CSS.values())) == len(set(PAPER.values())) == len(CSS)


@pytest.mark.parametrize(("exit", "series"), [(0, 0), (5, 5), (6, 0), (13, 1)])
def test_exits_have_one_colour_each(exit: int, series: int) -> None:
    assert plots.colour(exit) == SERIES[series]


def test_ticks() -> None:
    assert plots.thousands(1234.6) == "1,235"
