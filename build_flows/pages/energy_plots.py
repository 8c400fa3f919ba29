"""Plots of what a design switches: as SVG that takes its colours from the page, and as PNG and SVG files of their own."""

from collections.abc import Callable
from typing import Any

from build_flows.artefacts.energy import RESOURCES, EnergyFile, Switching
from build_flows.pages import plots
from build_flows.pages.plots import SERIES, Colours

__all__ = ["NAMES", "PLOTS", "files", "stage_name", "svg"]

NAMES = {"lut": "LUT", "ff": "flip-flops", "dsp": "DSP", "bram36": "block RAM", "clock": "clock of flip-flops"}


def svg(name: str, found: EnergyFile) -> str:
    """Plot ``name`` of :data:`PLOTS` as an ``<svg>`` element whose colours are the page's CSS variables."""
    return plots.svg(*_drawn(name, found))


def files(name: str, found: EnergyFile) -> dict[str, bytes]:
    """Plot ``name`` of :data:`PLOTS` as files that stand alone, by their suffix: ``png`` and ``svg``. The same data give the same bytes."""
    return plots.files(*_drawn(name, found))


def stage_name(stage: int | None) -> str:
    """What a stage is called on the page."""
    return "in no stage" if stage is None else f"stage {stage} and its head"


def _drawn(name: str, found: EnergyFile) -> tuple[str, plots.Draw, tuple[float, float]]:
    draw, size = PLOTS[name]
    return f"energy {name}", lambda figure, colours: draw(figure, found, colours), size(found)


def _bars(figure: Any, found: EnergyFile, colours: Colours, rows: list[tuple[str, Switching]], told: str) -> None:
    """Stacked by resource, in percent of what a sample takes on average at full rate."""
    axes, whole = figure.add_subplot(), found.sample.weighed(found.weights)
    left = [0.0] * len(rows)
    for series, name in enumerate(RESOURCES):
        values = [100 * float(getattr(item, name) * getattr(found.weights, name)) / whole for _, item in rows]
        axes.barh(range(len(rows)), values, left=left, height=0.7, color=colours[SERIES[series]], label=NAMES[name])
        left = [before + value for before, value in zip(left, values, strict=True)]
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(told)
    figure.legend(loc="outside upper left", ncols=5, fontsize=9)


def _stages(figure: Any, found: EnergyFile, colours: Colours) -> None:
    """Where a sample's switching is, on average over all of them."""
    _bars(figure, found, colours, [(stage_name(item.stage), item.switches) for item in found.stages],
          "of what a sample takes on average, percent (modelled, no joules)")


def _exits(figure: Any, found: EnergyFile, colours: Colours) -> None:
    """What a sample takes that leaves at each exit, and what none at all takes meanwhile."""
    rows = [(f"leaves at exit {item.exit}", item.switches) for item in found.exits]
    rows += [("all as they come", found.sample), ("no images, as long", found.idle.times(found.cycles_per_sample))]
    _bars(figure, found, colours, rows, "against a sample on average, percent (modelled, no joules)")


Draw = Callable[[Any, EnergyFile, Colours], None]

PLOTS: dict[str, tuple[Draw, Callable[[EnergyFile], tuple[float, float]]]] = {
    "stages": (_stages, lambda found: (9.4, 1.2 + 0.4 * len(found.stages))),
    "exits": (_exits, lambda found: (9.4, 1.2 + 0.4 * (len(found.exits) + 2))),
}
"""By name, what draws a plot and its size in inches."""
