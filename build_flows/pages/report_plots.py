"""The report's plots as inline SVG that takes its colours from the page, so that they are right in light, dark and print."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["history", "latency", "shares", "throughput", "tradeoff"]

# Colours that stand for CSS variables: matplotlib wants real ones, the page replaces them.
INK, GRID = "#010203", "#040506"
SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006")
CSS = {INK: "var(--ink)", GRID: "var(--grid)"} | {colour: f"var(--c{index})" for index, colour in enumerate(SERIES)}
RC = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def _svg(name: str, draw: Callable[[Any], None], size: tuple[float, float] = (6.2, 3.1)) -> str:
    """What ``draw`` makes of one pair of axes, as an ``<svg>`` element."""
    return _figure(name, lambda figure: draw(figure.add_subplot()), size)


def _figure(name: str, draw: Callable[[Any], None], size: tuple[float, float]) -> str:
    """The drawing as an ``<svg>`` element; ``name`` keeps the ids of several of them apart. The same data give the same text."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC | {"svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in CSS.items():
        text = text.replace(colour, variable)
    return text.replace("<svg ", '<svg role="img" ', 1)


def _thousands(value: float, position: int | None = None) -> str:
    """A tick's label."""
    return f"{value:,.0f}"


def colour(exit: int) -> str:
    """The colour of an exit, the same in every plot."""
    return SERIES[exit % len(SERIES)]


def shares(results: Mapping[str, Any], expected: Sequence[float | None]) -> str:
    """Share and accuracy of every exit, as measured in the RTL, with a mark where calibration expected the share."""
    exits = results["exits"]

    def draw(axes: Any) -> None:
        marked = False
        for index, (item, wanted) in enumerate(zip(exits, expected, strict=True)):
            axes.barh(index, 100 * item["share"], color=colour(index), height=0.6)
            right = "" if item["accuracy"] is None else f"\n{100 * item['accuracy']:.1f} % right"
            axes.text(103, index, f"{100 * item['share']:.1f} % leave{right}" if item["share"] else "nobody leaves here", va="center")
            if wanted is not None:
                label = None if marked else "expected by calibration"
                axes.plot([100 * wanted] * 2, [index - 0.38, index + 0.38], color=INK, linewidth=1.6, label=label)
                marked = True
        axes.set_yticks(range(len(exits)), [f"exit {index}" for index in range(len(exits))])
        axes.set_xlim(0, 135)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("share of samples, %")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        if marked:
            axes.figure.legend(loc="outside upper left", borderaxespad=0)

    return _svg("shares", draw, (6.2, max(3.1, 1.2 + 0.6 * len(exits))))


def tradeoff(curves: Sequence[Mapping[str, Any]], last_exit_accuracy: float | None) -> str:
    """Accuracy of the whole network against the share that leaves at an exit; the dot is the threshold in use."""

    def draw(axes: Any) -> None:
        for curve in curves:
            order = np.argsort(curve["share"], kind="stable")
            axes.plot(
                100 * np.asarray(curve["share"])[order],
                100 * np.asarray(curve["accuracy"])[order],
                color=colour(curve["exit"]),
                label=f"exit {curve['exit']}",
            )
            axes.plot(
                100 * curve["at"]["share"], 100 * curve["at"]["accuracy"], "o", color=colour(curve["exit"]), markersize=7,
                label=f"threshold in use: {100 * curve['at']['accuracy']:.1f} %",
            )  # fmt: skip
        if last_exit_accuracy is not None:
            told = f"last exit alone: {100 * last_exit_accuracy:.1f} %"
            axes.axhline(100 * last_exit_accuracy, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=told)
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
            axes.yaxis.set_major_formatter(_thousands)
        rows[-1].set_xlabel("latency, cycles")
        rows[-1].set_xlim(left=0)
        rows[-1].xaxis.set_major_formatter(_thousands)
        figure.supylabel("samples, logarithmic", fontsize=10)

    return _figure("latency", draw, (6.2, max(3.1, 0.7 + 1.05 * len(kinds))))


def throughput(cycle_out: Sequence[int], steady: float | None) -> str:
    """Cycles per sample over the run, as a moving average over results in order of time."""

    def draw(axes: Any) -> None:
        times = np.sort(np.asarray(cycle_out, dtype=np.float64))
        window = max(1, min(len(times) // 10, 250))
        moving = (times[window:] - times[:-window]) / window
        axes.plot(np.arange(window, len(times)), moving, color=SERIES[0], linewidth=1.2, label=f"mean over {window} results")
        if steady is not None:
            axes.axhline(steady, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=f"steady state: {steady:,.1f}")
        axes.set_ylim(0, 1.15 * max(moving.max(), steady or 0))
        axes.xaxis.set_major_formatter(_thousands)
        axes.yaxis.set_major_formatter(_thousands)
        axes.set_xlabel("results so far")
        axes.set_ylabel("cycles per sample")
        axes.legend(loc="lower right")

    return _svg("throughput", draw)


def history(epochs: Sequence[Sequence[Mapping[str, float]]]) -> str:
    """Validation accuracy of every exit alone, epoch by epoch."""

    def draw(axes: Any) -> None:
        for index in range(len(epochs[0])):
            values = [100 * epoch[index]["accuracy"] for epoch in epochs]
            axes.plot(range(1, len(epochs) + 1), values, color=colour(index), label=f"exit {index}")
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy, %")
        axes.legend(loc="lower right")

    return _svg("history", draw)
