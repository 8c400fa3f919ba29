"""Plots of an evaluation: the same bytes for the same figures, all they stand for, for page and paper."""

import pytest

from build_flows.pages.evaluate_plots import PLOTS, files, svg
from build_flows.pages.plots import CSS
from tests.build_flows.evaluate_samples import sample


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "curves" else pytest.mark.slow) for name in PLOTS])
def test_the_same_figures_give_the_same_bytes_and_no_stand_in_colour_is_left(name: str) -> None:
    text = svg(name, sample())
    assert text == svg(name, sample())
    assert text.startswith('<svg role="img"')
    assert "var(--ink)" in text
    found = files(name, sample())
    assert found == files(name, sample())
    assert found["png"].startswith(b"\x89PNG")
    for colour in CSS:
        assert colour not in text
        assert colour.encode() not in found["svg"]
    assert b"var(" not in found["svg"]


def test_every_policy_is_on_one_plot_with_each_cost() -> None:
    text = svg("curves", sample())
    for curve in sample().curves:
        assert f">{curve.policy}<" in text
    for told in ("thousands of MACs a sample", "thousands of bit operations a sample", "cycles a sample, predicted", "measured in the RTL"):
        assert told in text
    assert "cycles" not in svg("curves", sample(compiled=False))


def test_exits_and_corruptions_are_named() -> None:
    assert "exit 0: ECE 6.1 %, 1.5 % at T = 1.4" in svg("calibration", sample())
    text = svg("corruptions", sample())
    assert all(told in text for told in ("gaussian noise", "blur", "exit 1 alone", "share that leaves early"))
    assert "leave at exit 1" in svg("slowdown", sample())


def test_other_figures_give_another_plot() -> None:
    slowdown = sample().slowdown
    found = sample().replace(slowdown=slowdown.replace(attacked=slowdown.attacked.replace(shares=[0.5, 0.5])))
    assert svg("slowdown", found) != svg("slowdown", sample())
