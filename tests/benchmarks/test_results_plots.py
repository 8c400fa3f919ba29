"""The plots of the results: the same bytes for the same entries, others for others, none for none."""

import pytest

from benchmarks.results_plots import PLOTS, png
from tests.benchmarks.results_samples import entry


@pytest.mark.parametrize("name", PLOTS)
def test_equal_entries_give_equal_images_and_others_another(name: str) -> None:
    rows = [entry(), entry("distill", exit0=0.7)]
    first = png(name, rows)
    assert first is not None
    assert first.startswith(b"\x89PNG")
    assert first == png(name, rows)
    assert first != png(name, [entry(), entry("distill", exit0=0.6, noisy=0.4)])


@pytest.mark.parametrize("name", PLOTS)
def test_without_runs_there_is_no_image(name: str) -> None:
    assert png(name, [entry(network="b_alexnet")]) is None
