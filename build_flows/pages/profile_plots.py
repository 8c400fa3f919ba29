"""A profile's plots: as SVG that takes its colours from the page, and as PNG and SVG files of their own."""

from collections.abc import Callable
from typing import Any

from build_flows.pages import plots
from build_flows.pages.plots import INK, SERIES, Colours, colour
from build_flows.pages.profile_words import change, parts
from quant_models.judge.profile_records import ProfileFile, UnitProfile

__all__ = ["PLOTS", "files", "svg"]

EXACT = 100.0
"""Decibels that are drawn where nothing is lost."""
LEAST = 1e-3
"""Of a range what is drawn where it ends at 0, as a share of the largest."""


def svg(name: str, found: ProfileFile) -> str:
    """Plot ``name`` of :data:`PLOTS` as an ``<svg>`` element whose colours are the page's CSS variables."""
    return plots.svg(*_drawn(name, found))


def files(name: str, found: ProfileFile) -> dict[str, bytes]:
    """Plot ``name`` of :data:`PLOTS` as files that stand alone, by their suffix: ``png`` and ``svg``. The same data give the same bytes."""
    return plots.files(*_drawn(name, found))


def _drawn(name: str, found: ProfileFile) -> tuple[str, plots.Draw, tuple[float, float]]:
    draw, size = PLOTS[name]
    return f"profile {name}", lambda figure, colours: draw(figure, found, colours), size(found)


def _rows(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _sqnr(figure: Any, found: ProfileFile, colours: Colours) -> None:
    """Signal to quantisation noise of every layer: with all layers quantised, and with itself alone."""
    axes = figure.add_subplot()
    for shift, key, told, series in ((-0.18, "sqnr", "all layers quantised", 0), (0.18, "sqnr_alone", "this layer alone", 2)):
        values = [getattr(unit, key) for unit in found.units]
        axes.barh([place + shift for place in range(len(values))], [EXACT if item is None else max(item, 0) for item in values],
                  height=0.34, color=colours[SERIES[series]], label=told)
    _rows(axes, [unit.name for unit in found.units])
    finite = [item for unit in found.units for item in (unit.sqnr, unit.sqnr_alone) if item is not None]
    axes.set_xlim(0, 1.1 * max([1.0, *finite]))
    axes.set_xlabel("signal to quantisation noise, dB (more is better)")
    figure.legend(loc="outside upper left", ncols=2, fontsize=9)


def _cost(figure: Any, found: ProfileFile, colours: Colours) -> None:
    """What each quantiser alone costs every exit, with its 95 % interval."""
    rows, exits = parts(found), len(found.accuracy)
    axes = figure.add_subplot()
    height = 0.8 / exits
    for k in range(exits):
        costs = [change(part.costs[k], found.samples) for part in rows]
        places = [place + (k - (exits - 1) / 2) * height for place in range(len(rows))]
        values = [100 * cost.value for cost in costs]
        spread = [[max(0.0, value - 100 * cost.low) for value, cost in zip(values, costs, strict=True)],
                  [max(0.0, 100 * cost.high - value) for value, cost in zip(values, costs, strict=True)]]
        axes.barh(places, values, height=0.9 * height, color=colours[colour(k)], label=f"exit {k}")
        # Where no answer changes there is nothing to see.
        some = [index for index, part in enumerate(rows) if part.costs[k].lost or part.costs[k].gained]
        axes.errorbar([values[index] for index in some], [places[index] for index in some], fmt="none", elinewidth=0.9, capsize=2,
                      xerr=[[side[index] for index in some] for side in spread], ecolor=colours[INK])
    axes.axvline(0, color=colours[INK], linewidth=0.9)
    _rows(axes, [f"{part.unit.name} {'weights' if part.what == 'weight' else 'activations'}, {part.bits}" for part in rows])
    axes.set_xlabel("accuracy that it alone costs, percentage points")
    figure.legend(loc="outside upper left", ncols=6, fontsize=9)


def _ranges(figure: Any, found: ProfileFile, colours: Colours) -> None:
    """The float values of weights and of what layers give, beside what their bits can tell, on a scale of powers of two."""
    left, right = figure.subplots(1, 2)
    sides: tuple[tuple[Any, str, list[tuple[str, float, float, float, float]]], ...] = (
        (left, "weights", [(unit.name, *_weights(unit)) for unit in found.units if unit.weight is not None]),
        (right, "what layers give", [(unit.name, *_outputs(unit)) for unit in found.units if unit.output is not None]),
    )
    for axes, told, rows in sides:
        for place, (_, common, most, step, reach) in enumerate(rows):
            axes.barh(place, reach, left=0, height=0.7, color=colours[SERIES[5]], alpha=0.35,
                      label="its bits: from a step up to the end" if place == 0 else None)
            axes.plot([step, step], [place - 0.35, place + 0.35], color=colours[SERIES[5]], linewidth=1.4)
            axes.plot([step, most], [place, place], color=colours[SERIES[0]], linewidth=1.2, label="float values" if place == 0 else None)
            axes.plot([step, common], [place, place], color=colours[SERIES[0]], linewidth=5, solid_capstyle="butt",
                      label="all but a thousandth" if place == 0 else None)
        _rows(axes, [name for name, *_ in rows])
        axes.set_xscale("log", base=2)
        axes.set_title(told, fontsize=10, color=colours[INK])
    right.set_xlabel("size of a value")
    left.set_xlabel("size of a value")
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=9)


def _weights(unit: UnitProfile) -> tuple[float, float, float, float]:
    assert unit.weight is not None
    part = unit.weight
    most = max(abs(part.low), abs(part.high), 1e-12)
    top = max(1, (1 << max(0, part.bits - 1)) - 1)
    return most, most, part.reach / top, part.reach


def _outputs(unit: UnitProfile) -> tuple[float, float, float, float]:
    assert unit.output is not None
    part = unit.output
    reach = max(abs(part.range_low), abs(part.range_high), 1e-12)
    steps = max(1, (1 << (part.bits - part.signed)) - 1)
    common, most = (max(abs(low), abs(high), reach * LEAST) for low, high in ((part.common_low, part.common_high), (part.low, part.high)))
    return common, most, reach / steps, reach


Draw = Callable[[Any, ProfileFile, Colours], None]

PLOTS: dict[str, tuple[Draw, Callable[[ProfileFile], tuple[float, float]]]] = {
    "cost": (_cost, lambda found: (9.4, 1.1 + 0.17 * len(parts(found)) * max(2, len(found.accuracy)))),
    "sqnr": (_sqnr, lambda found: (9.4, 1.1 + 0.36 * len(found.units))),
    "ranges": (_ranges, lambda found: (12.4, 1.2 + 0.32 * len(found.units))),
}
"""By name, what draws a plot and its size in inches."""
