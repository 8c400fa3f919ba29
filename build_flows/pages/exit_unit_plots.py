"""Plots of a sweep of exit-decision units, as PNG files."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from build_flows.artefacts.exit_unit import SweepFile, SweepRow
from build_flows.base.files import atomic_path
from build_flows.exit_unit.spec import CLOCK_MHZ, latency_bound
from quant_models.exits.policies import POLICIES

__all__ = ["latency", "throughput", "write_plots"]

Rows = Sequence[SweepRow]
Column = Callable[[SweepRow], int]

LOOKS = (("o", "#0072b2"), ("s", "#d55e00"), ("D", "#009e73"), ("^", "#cc79a7"), ("v", "#56b4e9"), ("P", "#e69f00"), ("*", "#5b4b8a"),
         ("X", "#7f7f7f"), ("d", "#000000"))
"""Mark and colour of each policy, in the order of their table; told apart also by those who see colours differently."""
RC = {
    "font.family": "sans-serif", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.axisbelow": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "legend.frameon": False, "lines.linewidth": 1.6,
    "lines.markersize": 5.5, "savefig.dpi": 150,
}


def _save(target: Path, draw: Callable[[Any], None], size: tuple[float, float]) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        with atomic_path(target) as temporary:
            figure.savefig(temporary, metadata={"Software": None})


def _panels(figure: Any, count: int) -> list[Any]:
    columns = min(count, 4)
    grid = figure.subplots(-(-count // columns), columns, sharey=True, squeeze=False)
    flat = [axes for line in grid for axes in line]
    for axes in flat[count:]:
        axes.set_visible(False)
    return flat[:count]


def _compare(points: Sequence[tuple[SweepRow, float]], target: Path, *, title: str, y_label: str, panel: tuple[Column, str],
             x: tuple[Column, str], line: tuple[str, Callable[[int, int], float]]) -> None:
    """Policies side by side, a point for each row and its value: a panel for each value of ``panel``, in it a group for each value of
    ``x``, with a ``line`` (its name, and its height for classes and pe) across each group. Equal values stay apart, so that each policy can
    be seen."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    if not points:
        _save(target, lambda figure: figure.text(0.5, 0.5, f"{title}: there are too few results", ha="center"), (5.0, 1.5))
        return
    order, rows, (tile_of, tile_told), (group_of, group_told) = list(POLICIES), [row for row, _ in points], panel, x
    looks = {row.name: LOOKS[order.index(row.policy) % len(LOOKS)] for row in rows}
    names, tiles = list(dict.fromkeys(row.name for row in rows)), sorted({tile_of(row) for row in rows})

    def draw(figure: Any) -> None:
        panels = _panels(figure, len(tiles))
        for axes, tile in zip(panels, tiles, strict=True):
            here = [(row, value) for row, value in points if tile_of(row) == tile]
            groups = sorted({group_of(row) for row, _ in here})
            heights = {group_of(row): line[1](row.classes, row.pe) for row, _ in here}
            for group, height in heights.items():
                at = groups.index(group)
                axes.hlines(height, at - 0.44, at + 0.44, color="#333333", linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
            for index, name in enumerate(names):
                mine = [(row, value) for row, value in here if row.name == name]
                shift = 0.8 * ((index + 0.5) / len(names) - 0.5)
                mark, colour = looks[name]
                places = [groups.index(group_of(row)) + shift for row, _ in mine]
                axes.plot(places, [value for _, value in mine], mark, color=colour)
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda number, position: f"{number:,.10g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_xticks(range(len(groups)), [f"{group:,}" for group in groups])
            axes.set_xlim(-0.6, len(groups) - 0.4)
            axes.grid(axis="x", visible=False)
            axes.tick_params(axis="x", length=0)
            axes.set_title(tile_told.format(tile), fontsize=10)
            axes.set_xlabel(group_told)
        # Whole decades: a few values only would leave a logarithmic axis without a number.
        found = [value for _, value in points] + [line[1](row.classes, row.pe) for row in rows]
        low, high = 10.0 ** math.floor(math.log10(min(found))), 10.0 ** math.ceil(math.log10(1.25 * max(found)))
        panels[0].set_ylim(0.7 * low if min(found) < 1.3 * low else low, high)
        panels[0].set_ylabel(y_label)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        handles = [panels[0].plot([], [], looks[name][0], color=looks[name][1])[0] for name in names]
        handles.append(panels[0].plot([], [], color="#333333", linewidth=1.2, linestyle=(0, (4, 2)))[0])
        figure.legend(handles, [*names, line[0]], loc="outside right center")

    width = 3.4 + sum(max(1.6, 0.75 * len({group_of(row) for row in rows if tile_of(row) == tile})) for tile in tiles[:4])
    _save(target, draw, (width, 4.0 * -(-len(tiles) // 4)))


def _title(what: str, stall: float) -> str:
    return f"{what}, measured in the RTL" + (f", ends of streams pausing with probability {stall:g}" if stall else "")


def _classes(row: SweepRow) -> int:
    return row.classes


def _pe(row: SweepRow) -> int:
    return row.pe


def throughput(rows: Rows, target: Path, clock_mhz: float, stall: float = 0.0) -> None:
    """Samples per second as measured in cycles, at ``clock_mhz``, which nothing here has estimated, against pe; a panel for each number of
    classes."""
    _compare([(row, clock_mhz / row.ii) for row in rows if row.ii], target, title=_title("Throughput", stall),
             y_label=f"million samples a second\nif it keeps {clock_mhz:g} MHz (not estimated)", panel=(_classes, "{:,} classes"),
             x=(_pe, "pe, classes a beat"),
             line=("a beat in every cycle:\nclock · pe / classes", lambda classes, pe: clock_mhz * pe / classes))


def latency(rows: Rows, target: Path, stall: float = 0.0) -> None:
    """Cycles from a sample's first beat to its result, the median as measured, against classes; a panel for each pe."""
    _compare([(row, row.latency_median) for row in rows if row.latency_median is not None], target, title=_title("Latency", stall),
             y_label="cycles, first beat to result", panel=(_pe, "pe {:,}"), x=(_classes, "classes"),
             line=("bound without pauses:\n2 classes / pe\n+ 2 ceil(log2 pe) + 12", latency_bound))


def write_plots(result: SweepFile, output: Path) -> tuple[Path, Path]:
    """``throughput.png`` and ``latency.png`` in ``output``."""
    found = output / "throughput.png", output / "latency.png"
    throughput(result.units, found[0], CLOCK_MHZ, result.stall)
    latency(result.units, found[1], result.stall)
    return found
