"""An evaluation's plots: as SVG that takes its colours from the page, and as PNG and SVG files of their own.

All take the content of ``evaluation.json`` (docs/interfaces.md, section 11).
"""

from collections.abc import Callable
from typing import Any

from build_flows.artefacts.evaluation import EvaluationFile
from build_flows.pages import plots
from build_flows.pages.html import percent
from build_flows.pages.plots import DASHES, INK, SERIES, Colours

__all__ = ["PLOTS", "files", "svg"]

MARKS = {"patience": "o"}
"""Policies with few thresholds are shown as points, too."""


def svg(name: str, found: EvaluationFile) -> str:
    """Plot ``name`` of :data:`PLOTS` as an ``<svg>`` element whose colours are the page's CSS variables."""
    return plots.svg(*_drawn(name, found))


def files(name: str, found: EvaluationFile) -> dict[str, bytes]:
    """Plot ``name`` of :data:`PLOTS` as files that stand alone, by their suffix: ``png`` and ``svg``. The same data give the same bytes."""
    return plots.files(*_drawn(name, found))


def _drawn(name: str, found: EvaluationFile) -> tuple[str, plots.Draw, tuple[float, float]]:
    draw, size = PLOTS[name]
    return f"evaluate {name}", lambda figure, colours: draw(figure, found, colours), size(found)


def _measures(found: EvaluationFile) -> list[tuple[str, str, float]]:
    """Field, label and divisor of each kind of cost there is."""
    kinds = []
    for key, told in (("macs", "MACs"), ("bitops", "bit operations")):
        power, prefix = (1e6, "millions of ") if getattr(found.costs[-1], key) >= 1e6 else (1e3, "thousands of ")
        kinds.append((key, f"{prefix}{told} a sample", power))
    if found.measured_cycles is not None:
        kinds.append(("cycles", "cycles a sample, predicted", 1.0))
    return kinds


def _curves(figure: Any, found: EvaluationFile, colours: Colours) -> None:
    """Accuracy against each cost, every policy; a ring where the thresholds in use are, a square for the last exit alone."""
    measures = _measures(found)
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axes, (key, told, divisor) in zip(panels, measures, strict=True):
        for index, curve in enumerate(found.curves):
            x = [getattr(row, key) / divisor for row in curve.points]
            y = [100 * row.accuracy for row in curve.points]
            axes.plot(x, y, marker=MARKS.get(curve.policy), markersize=4, color=colours[SERIES[index % len(SERIES)]],
                      label=curve.policy, linewidth=1.5)
        here, alone = found.operating, found.last_alone
        axes.plot(getattr(here, key) / divisor, 100 * here.accuracy, marker="o", markersize=11, markerfacecolor="none", markeredgewidth=1.8,
                  color=colours[INK], label="thresholds in use", linestyle="none")
        axes.plot(getattr(alone, key) / divisor, 100 * alone.accuracy, marker="s", markersize=7, color=colours[INK],
                  label="last exit alone", linestyle="none")
        if key == "cycles":
            axes.plot(found.measured_cycles, 100 * here.accuracy, marker="x", markersize=8, markeredgewidth=1.8, color=colours[INK],
                      label="in use, measured in the RTL", linestyle="none")
        axes.set_xlabel(told)
        axes.set_xlim(left=0)
    panels[0].set_ylabel("accuracy of the test images, %")
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=5, fontsize=9)


def _calibration(figure: Any, found: EvaluationFile, colours: Colours) -> None:
    """How often each exit is right, against how sure it is; the size of a dot is the share of samples. Thin and dashed: with the
    temperature."""
    exits = found.exits
    panels = figure.subplots(1, len(exits), sharey=True, squeeze=False)[0]
    for axes, row in zip(panels, exits, strict=True):
        colour, bins = colours[SERIES[row.index % len(SERIES)]], row.calibration.bins
        total = sum(item.samples for item in bins)
        x, y = [100 * item.confidence for item in bins], [100 * item.accuracy for item in bins]
        axes.plot([0, 100], [0, 100], color=colours[INK], linewidth=0.9, linestyle=DASHES)
        axes.plot(x, y, color=colour, linewidth=1)
        axes.scatter(x, y, [10 + 300 * item.samples / total for item in bins], color=colour, zorder=3)
        scaled = row.calibration_scaled
        axes.plot([100 * item.confidence for item in scaled.bins], [100 * item.accuracy for item in scaled.bins], color=colour,
                  linewidth=0.9, linestyle=DASHES)
        axes.set_title(f"exit {row.index}: ECE {percent(row.calibration.ece)}, {percent(scaled.ece)} at T = {row.temperature:.2g}",
                       fontsize=10, color=colours[INK])
        axes.set_xlim(0, 104)
        axes.set_ylim(0, 104)
        axes.set_xlabel("softmax probability, %")
    panels[0].set_ylabel("of these right, %")


def _corruptions(figure: Any, found: EvaluationFile, colours: Colours) -> None:
    """Accuracy of the whole network and of each exit alone, and the share that leaves early, by corruption and strength."""
    kinds = found.corruptions.kinds
    columns = min(4, len(kinds) + 1)
    rows = -(-(len(kinds) + 1) // columns)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        x = [row.strength for row in kind.strengths]
        for k in range(len(found.exits)):
            axes.plot(x, [100 * row.exit_accuracy[k] for row in kind.strengths], color=colours[SERIES[k % len(SERIES)]],
                      linewidth=1.3, label=f"exit {k} alone, accuracy")
        axes.plot(x, [100 * row.accuracy for row in kind.strengths], marker="o", markersize=4, color=colours[INK],
                  label="whole network, accuracy")
        if len(found.exits) > 1:
            axes.plot(x, [100 * (1 - row.shares[-1]) for row in kind.strengths], color=colours[INK], linewidth=1.1,
                      linestyle=DASHES, label="share that leaves early")
        axes.set_title(kind.name.replace("_", " "), fontsize=10, color=colours[INK])
        axes.set_ylim(0, 104)
        axes.set_xticks(x)
    handles, labels = panels[0].get_legend_handles_labels()
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    panels[len(kinds)].legend(handles, labels, loc="center left", fontsize=9)
    figure.supxlabel("strength (0: clean)", fontsize=10)
    figure.supylabel("%", fontsize=10)


def _slowdown(figure: Any, found: EvaluationFile, colours: Colours) -> None:
    """Where images leave, as they were and attacked."""
    assert found.slowdown is not None
    axes = figure.add_subplot()
    sides = (("as they were", found.slowdown.clean), ("attacked", found.slowdown.attacked))
    for place, (_, side) in enumerate(sides):
        left = 0.0
        for k, share in enumerate(side.shares):
            axes.barh(place, 100 * share, left=left, height=0.6, color=colours[SERIES[k % len(SERIES)]],
                      label=f"leave at exit {k}" if place == 0 else None)
            left += 100 * share
    axes.set_yticks(range(2), [told for told, _ in sides])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the images, %")
    figure.legend(loc="outside upper left", ncols=4, fontsize=9)


Draw = Callable[[Any, EvaluationFile, Colours], None]

PLOTS: dict[str, tuple[Draw, Callable[[EvaluationFile], tuple[float, float]]]] = {
    "curves": (_curves, lambda found: (4.3 * len(_measures(found)), 4.4)),
    "calibration": (_calibration, lambda found: (max(9.4, 3.1 * len(found.exits)), 3.3)),
    "corruptions": (_corruptions, lambda found: (12.4, 2.3 * -(-(len(found.corruptions.kinds) + 1) // 4) + 0.6)),
    "slowdown": (_slowdown, lambda found: (7.4, 2.3)),
}
"""By name, what draws a plot and its size in inches."""
