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
    """The drawing as an ``<svg>`` element; ``name`` keeps the ids of several of them apart. The same data give the same text."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC | {"svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in CSS.items():
        text = text.replace(colour, variable)
    return text.replace("<svg ", '<svg role="img" ', 1)


def colour(exit: int) -> str:
    """The colour of an exit, the same in every plot."""
    return SERIES[exit % len(SERIES)]


def shares(results: Mapping[str, Any]) -> str:
    """Share and accuracy of every exit, as measured in the RTL."""

    def draw(axes: Any) -> None:
        for index, item in enumerate(results["exits"]):
            axes.barh(index, 100 * item["share"], color=colour(index), height=0.62)
            told = (
                "nobody leaves here" if item["accuracy"] is None else f"{100 * item['share']:.1f} %, {100 * item['accuracy']:.1f} % right"
            )
            axes.text(100 * item["share"] + 1, index, told, va="center")
        axes.set_yticks(range(len(results["exits"])), [f"exit {index}" for index in range(len(results["exits"]))])
        axes.set_xlim(0, 135)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("share of samples, %")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)

    return _svg("shares", draw, (6.2, 1.0 + 0.55 * len(results["exits"])))


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
            axes.plot(100 * curve["at"]["share"], 100 * curve["at"]["accuracy"], "o", color=colour(curve["exit"]), markersize=7)
        if last_exit_accuracy is not None:
            axes.axhline(100 * last_exit_accuracy, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="last exit alone")
        axes.set_xlabel("share of samples that leaves at the exit, %")
        axes.set_ylabel("accuracy, %")
        axes.legend()

    return _svg("tradeoff", draw)


def latency(exits: Sequence[int], cycles: Sequence[int]) -> str:
    """Histogram of cycles from a sample's first word in to its result out, by exit."""

    def draw(axes: Any) -> None:
        taken, took = np.asarray(exits), np.asarray(cycles)
        edges = np.histogram_bin_edges(took, bins=min(60, max(8, len(np.unique(took)))))
        kinds = sorted(set(taken.tolist()))
        axes.hist(
            [took[taken == kind] for kind in kinds],
            bins=edges,
            stacked=True,
            color=[colour(kind) for kind in kinds],
            label=[f"exit {kind}" for kind in kinds],
        )
        axes.set_xlabel("latency, cycles")
        axes.set_ylabel("samples")
        axes.legend()

    return _svg("latency", draw)


def throughput(cycle_out: Sequence[int], steady: float | None) -> str:
    """Cycles per sample over the run, as a moving average over results in order of time."""

    def draw(axes: Any) -> None:
        times = np.sort(np.asarray(cycle_out, dtype=np.float64))
        window = max(1, min(len(times) // 10, 200))
        moving = (times[window:] - times[:-window]) / window
        axes.plot(np.arange(window, len(times)), moving, color=SERIES[0], linewidth=1.2, label=f"mean of {window}")
        if steady is not None:
            axes.axhline(steady, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=f"steady state: {steady:,.1f}")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("result")
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
