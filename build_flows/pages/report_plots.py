"""The report's plots as inline SVG that takes its colours from the page, so that they are right in light, dark and print."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from build_flows.artefacts.simulation import Figures
from build_flows.pages import plots
from build_flows.pages.plots import DASHES, INK, SERIES, colour, thousands
from quant_models.judge.records import TradeoffCurve
from quant_models.training.records import ExitMetrics

__all__ = ["history", "latency", "shares", "throughput", "tradeoff"]


def _svg(name: str, draw: Callable[[Any], None], size: tuple[float, float] = (6.2, 3.1)) -> str:
    """What ``draw`` makes of one pair of axes, as an ``<svg>`` element."""
    return plots.svg(name, lambda figure, colours: draw(figure.add_subplot()), size)


def shares(results: Figures, expected: Sequence[float]) -> str:
    """Share and accuracy of every exit, as measured in the RTL, with a mark where calibration expected the share."""
    exits = results.exits

    def draw(axes: Any) -> None:
        for index, (item, wanted) in enumerate(zip(exits, expected, strict=True)):
            axes.barh(index, 100 * item.share, color=colour(index), height=0.6)
            right = "" if item.accuracy is None else f"\n{100 * item.accuracy:.1f} % right"
            axes.text(103, index, f"{100 * item.share:.1f} % leave{right}" if item.share else "nobody leaves here", va="center")
            label = None if index else "expected by calibration"
            axes.plot([100 * wanted] * 2, [index - 0.38, index + 0.38], color=INK, linewidth=1.6, label=label)
        axes.set_yticks(range(len(exits)), [f"exit {index}" for index in range(len(exits))])
        axes.set_xlim(0, 135)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("share of samples, %")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.figure.legend(loc="outside upper left", borderaxespad=0)

    return _svg("shares", draw, (6.2, max(3.1, 1.2 + 0.6 * len(exits))))


def tradeoff(curves: Sequence[TradeoffCurve], last_exit_accuracy: float) -> str:
    """Accuracy of the whole network against the share that leaves at an exit; the dot is the threshold in use."""

    def draw(axes: Any) -> None:
        for curve in curves:
            order = np.argsort(curve.share, kind="stable")
            axes.plot(
                100 * np.asarray(curve.share)[order],
                100 * np.asarray(curve.accuracy)[order],
                color=colour(curve.exit),
                label=f"exit {curve.exit}",
            )
            axes.plot(
                100 * curve.at.share, 100 * curve.at.accuracy, "o", color=colour(curve.exit), markersize=7,
                label=f"threshold in use: {100 * curve.at.accuracy:.1f} %",
            )  # fmt: skip
        told = f"last exit alone: {100 * last_exit_accuracy:.1f} %"
        axes.axhline(100 * last_exit_accuracy, color=INK, linewidth=0.9, linestyle=DASHES, label=told)
        axes.set_xlabel("share of samples that leaves at the exit, %")
        axes.set_ylabel("accuracy of the whole network, %")
        axes.set_xlim(0, 100)
        axes.legend(loc="best")

    return _svg("tradeoff", draw)


def latency(exits: Sequence[int], cycles: Sequence[int]) -> str:
    """Histogram of cycles from a sample's first word in to its result out, one row per exit on one scale of cycles."""
    taken, took = np.asarray(exits), np.asarray(cycles)
    kinds = sorted(set(taken.tolist()))

    def draw(figure: Any) -> None:
        edges = np.histogram_bin_edges(took, bins=min(80, max(8, len(np.unique(took)))))
        rows = figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0]
        for axes, kind in zip(rows, kinds, strict=True):
            mine = took[taken == kind]
            axes.hist(mine, bins=edges, color=colour(kind), log=True)
            axes.set_title(
                f"exit {kind}: median {np.median(mine):,.0f}, longest {mine.max():,}", loc="right", fontsize=10, pad=3, color=INK
            )
            axes.set_ylim(0.7, 2 * len(mine))
            axes.yaxis.set_major_formatter(thousands)
        rows[-1].set_xlabel("latency, cycles")
        rows[-1].set_xlim(left=0)
        rows[-1].xaxis.set_major_formatter(thousands)
        figure.supylabel("samples, logarithmic", fontsize=10)

    return plots.svg("latency", lambda figure, colours: draw(figure), (6.2, max(3.1, 0.7 + 1.05 * len(kinds))))


def throughput(cycle_out: Sequence[int], steady: float) -> str:
    """Cycles per sample over the run, as a moving average over results in order of time."""

    def draw(axes: Any) -> None:
        times = np.sort(np.asarray(cycle_out, dtype=np.float64))
        window = max(1, min(len(times) // 10, 250))
        moving = (times[window:] - times[:-window]) / window
        axes.plot(np.arange(window, len(times)), moving, color=SERIES[0], linewidth=1.2, label=f"mean over {window} results")
        axes.axhline(steady, color=INK, linewidth=0.9, linestyle=DASHES, label=f"steady state: {steady:,.1f}")
        axes.set_ylim(0, 1.15 * max(moving.max(), steady))
        axes.xaxis.set_major_formatter(thousands)
        axes.yaxis.set_major_formatter(thousands)
        axes.set_xlabel("results so far")
        axes.set_ylabel("cycles per sample")
        axes.legend(loc="lower right")

    return _svg("throughput", draw)


def history(epochs: Sequence[Sequence[ExitMetrics]]) -> str:
    """Validation accuracy of every exit alone, epoch by epoch."""

    def draw(axes: Any) -> None:
        for index in range(len(epochs[0])):
            values = [100 * epoch[index].accuracy for epoch in epochs]
            axes.plot(range(1, len(epochs) + 1), values, color=colour(index), label=f"exit {index}")
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy, %")
        axes.legend(loc="lower right")

    return _svg("history", draw)
