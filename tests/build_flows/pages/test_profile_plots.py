"""Plots of a profile: the same bytes for the same figures, every layer by its name, for page and paper."""

import pytest

from build_flows.pages.plots import CSS
from build_flows.pages.profile_plots import PLOTS, files, svg
from tests.build_flows.profile_samples import sample, unit


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "sqnr" else pytest.mark.slow) for name in PLOTS])
def test_the_same_figures_give_the_same_bytes_and_no_stand_in_colour_is_left(name: str) -> None:
    text = svg(name, sample())
    assert text == svg(name, sample())
    assert text.startswith('<svg role="img"')
    found = files(name, sample())
    assert found == files(name, sample())
    for colour in CSS:
        assert colour not in text
        assert colour.encode() not in found["svg"]


def test_every_layer_is_on_them() -> None:
    assert all(f">{item.name}<" in svg("sqnr", sample()) for item in sample().units)
    cost = svg("cost", sample())
    assert all(f">{told}<" in cost for told in ("stage0_conv0 weights, 4", "stage0_conv0 activations, 4", "head0_fc0 weights, 2", "exit 1"))
    assert "stage0_conv0" in svg("ranges", sample())


def test_a_network_without_noise_is_drawn() -> None:
    assert svg("sqnr", sample(units=[unit("image", "activation", sqnr=None, sqnr_alone=None)])).startswith("<svg")
