"""Plots are well-formed, take their colours from the page, and do not change from run to run."""

from xml.etree import ElementTree

import pytest

from build_flows.artefacts.simulation import ExitFigures
from build_flows.pages import report_plots as plots
from build_flows.pages.plots import CSS
from quant_models.judge.records import TradeoffCurve, TradeoffPoint
from quant_models.training.records import ExitMetrics
from tests.build_flows.report_samples import sample_data

RESULTS = sample_data().results.replace(exits=[
    ExitFigures(share=share, accuracy=accuracy, latency_median=None) for share, accuracy in ((0.8, 0.9), (0.0, None), (0.2, 0.75))
])
CURVE = TradeoffCurve(
    exit=0, threshold=[1, 2, 3], share=[0.1, 0.5, 0.3], accuracy=[0.9, 0.8, 0.85], at=TradeoffPoint(share=0.3, accuracy=0.85)
)
DRAWN = {
    "shares": (
        lambda: plots.shares(RESULTS, [0.7, 0.1, 0.2]),
        ("80.0 % leave", "90.0 % right", "nobody leaves here", "exit 2", "expected"),
    ),
    "tradeoff": (
        lambda: plots.tradeoff([CURVE], 0.91),
        ("exit 0", "last exit alone: 91.0 %", "accuracy of the whole network, %", "threshold in use: 85.0 %"),
    ),
    "latency": (
        lambda: plots.latency([0, 0, 1], [100, 110, 400]),
        ("latency, cycles", "exit 0: median 105, longest 110", "exit 1: median 400"),
    ),
    "latency of one": (lambda: plots.latency([0], [100]), ("latency, cycles",)),
    "throughput": (lambda: plots.throughput([400, 100, 200, 300], 100.0), ("steady state: 100.0", "mean over 1 results")),
    "history": (
        lambda: plots.history([[ExitMetrics(accuracy=accuracy, loss=1.0)] for accuracy in (0.5, 0.6)]), ("epoch", "validation accuracy, %"),
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot(name: str) -> None:
    draw, told = DRAWN[name]
    text = draw()
    assert text == draw()
    ElementTree.fromstring(text)
    for part in told:
        assert part in text
    assert "var(--ink)" in text
    assert not any(colour in text for colour in CSS)
