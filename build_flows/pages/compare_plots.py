"""The comparison's plots: as SVG that takes its colours from the page, and as PNG and SVG files of their own.

All take the content of ``compare.json``.
"""

from collections.abc import Callable, Sequence
from typing import Any

from build_flows.artefacts.compare import GROUPS, CompareFile, Row
from build_flows.pages import plots
from build_flows.pages.plots import INK, SERIES, Colours, thousands

__all__ = ["PLOTS", "files", "svg"]

PANELS = (("LUT, logic and memory", ("lut", "lutram"), "lut"), ("flip-flops", ("ff",), "ff"), ("BRAM36", ("bram36",), "bram36"),
          ("DSP48E1", ("dsp",), "dsp"))
TOLD = {"backbone": "backbone, stage {}", "heads": "heads of early exits", "decisions": "exit decisions", "gates": "gates, routers, forks",
        "streams": "streams (FIFOs)", "control": "control, merge, registers"}
SHADES = (1.0, 0.68, 0.44, 0.28, 0.18)
"""How solid the colour of each stage of the backbone is."""


def svg(name: str, found: CompareFile) -> str:
    """Plot ``name`` of :data:`PLOTS` as an ``<svg>`` element whose colours are the page's CSS variables."""
    return plots.svg(*_drawn(name, found))


def files(name: str, found: CompareFile) -> dict[str, bytes]:
    """Plot ``name`` of :data:`PLOTS` as files that stand alone, by their suffix: ``png`` and ``svg``. The same data give the same bytes."""
    return plots.files(*_drawn(name, found))


def _drawn(name: str, found: CompareFile) -> tuple[str, plots.Draw, tuple[float, float]]:
    draw, size = PLOTS[name]
    return f"compare {name}", lambda figure, colours: draw(figure, found, colours), size(len(found.layouts))


def _look(row: Row, colours: Colours) -> tuple[str, str]:
    """Mark and colour of a row: squares are baselines."""
    if row.baseline:
        return ("s" if row.baseline == "rate" else "D"), colours[SERIES[1]]
    return "o", colours[SERIES[0] if len(row.exits) > 1 else SERIES[5]]


def _accuracy(figure: Any, found: CompareFile, colours: Colours) -> None:
    """Accuracy, with its interval, against samples a second; hollow where it cannot be built. The names keep clear of each other and of
    the marks."""
    axes, rows = figure.add_subplot(), found.layouts
    at = [(row.samples_per_second, 100 * row.accuracy) for row in rows]
    for row, (x, y) in zip(rows, at, strict=True):
        mark, colour = _look(row, colours)
        axes.plot([x, x], [100 * side for side in row.accuracy_interval], color=colour, linewidth=0.8, alpha=0.6, zorder=1)
        axes.plot(x, y, mark, color=colour, markersize=7, markerfacecolor=colour if row.buildable else "none", zorder=3)
        if row.pareto:
            axes.plot(x, y, "o", markerfacecolor="none", markeredgecolor=colours[INK], markersize=13, zorder=2)
    _legend_of_marks(figure, axes, found, colours)
    axes.set_xlabel(f"samples a second at {_clock(rows)}, from cycles measured in the RTL")
    axes.set_ylabel("accuracy of the test images, %, with 95 % interval")
    axes.xaxis.set_major_formatter(thousands)
    axes.margins(0.18, 0.18)
    if min(x for x, _ in at) > 0:
        axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    _name_points(figure, axes, at, [row.name for row in rows], colours[INK])


def _legend_of_marks(figure: Any, axes: Any, found: CompareFile, colours: Colours) -> None:
    rows = found.layouts
    kinds = [("baseline: no exits, same target rate", "rate"), ("baseline: no exits, same resources", "resources")]
    handles = [
        axes.plot([], [], *_look(row, colours)[:1], color=_look(row, colours)[1], label=told)[0]
        for told, kind in kinds for row in rows if row.baseline == kind
    ]
    if any(not row.baseline and len(row.exits) > 1 for row in rows):
        handles.append(axes.plot([], [], "o", color=colours[SERIES[0]], label="with early exits")[0])
    if any(not row.baseline and len(row.exits) == 1 for row in rows):
        handles.append(axes.plot([], [], "o", color=colours[SERIES[5]], label="other layouts without exits")[0])
    if any(not row.buildable for row in rows):
        handles.append(axes.plot([], [], "o", markerfacecolor="none", color=colours[INK], label="does not fit or misses its clock")[0])
    told = f"on the front of {', '.join(found.objectives)}"
    handles.append(axes.plot([], [], "o", markerfacecolor="none", markeredgecolor=colours[INK], markersize=11, label=told)[0])
    figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=9)


def _name_points(figure: Any, axes: Any, points: Sequence[tuple[float, float]], names: Sequence[str], ink: str) -> None:
    """Write each name beside its point, where it meets no mark and no other name, as near as that is possible."""
    figure.draw_without_rendering()
    # What is written from here on must not move the axes again.
    figure.set_layout_engine("none")
    renderer = figure.canvas.get_renderer()
    scale = figure.dpi / 72
    marks = [axes.transData.transform(point) for point in points]
    taken = [(x - 7 * scale, y - 7 * scale, x + 7 * scale, y + 7 * scale) for x, y in marks]
    frame = axes.bbox
    for index, (name, (x, y)) in enumerate(zip(names, marks, strict=True)):
        text = axes.annotate(name, points[index], xytext=(0, 0), textcoords="offset points", fontsize=8.5, color=ink)
        box = text.get_window_extent(renderer)
        best = None
        for dx, dy, side in _offsets():
            left = x + dx * scale - (box.width if side == "right" else box.width / 2 if side == "center" else 0)
            area = (left - 2, y + dy * scale - box.height / 2 - 1, left + box.width + 2, y + dy * scale + box.height / 2 + 1)
            inside = area[0] >= frame.x0 and area[2] <= frame.x1 and area[1] >= frame.y0 and area[3] <= frame.y1
            worth = (sum(_common(area, other) for other in taken), not inside, dx * dx + dy * dy)
            if best is None or worth < best[0]:
                best = (worth, dx, dy, side, area)
        assert best is not None
        _, dx, dy, side, area = best
        text.set(position=(dx, dy), ha=side, va="center")
        taken.append(area)
        if dx * dx + dy * dy > 14**2:
            axes.annotate("", points[index], xytext=(dx, dy), textcoords="offset points",
                          arrowprops={"arrowstyle": "-", "color": ink, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 5})


def _offsets() -> list[tuple[float, float, str]]:
    """Places for a name around its point, in points, with the side of the text that lies there."""
    found: list[tuple[float, float, str]] = []
    for reach in range(1, 9):
        step = 12.0 * reach
        found += [(10.0, step - 12, "left"), (-10.0, step - 12, "right"), (10.0, 12 - step, "left"), (-10.0, 12 - step, "right")]
        found += [(0.0, step + 2, "center"), (0.0, -step - 2, "center"), (3 * step, step, "left"), (-3 * step, step, "right"),
                  (3 * step, -step, "left"), (-3 * step, -step, "right")]
    return found


def _common(a: Sequence[float], b: Sequence[float]) -> float:
    """The area that two boxes share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _resources(figure: Any, found: CompareFile, colours: Colours) -> None:
    """What each layout takes of the part, by what it is for."""
    rows, capacity = found.layouts, found.capacity
    groups = sorted(
        {(use.group, use.stage) for row in rows for use in row.uses},
        key=lambda item: (GROUPS.index(item[0]), -1 if item[1] is None else item[1]),
    )
    grid = figure.subplots(1, len(PANELS), sharey=True)
    handles: dict[str, Any] = {}
    for axes, (title, keys, limit) in zip(grid, PANELS, strict=True):
        top = 1.0
        whole = getattr(capacity, limit)
        for index, row in enumerate(rows):
            left = 0.0
            for group, stage in groups:
                size = sum(getattr(use, key) for use in row.uses if (use.group, use.stage) == (group, stage) for key in keys)
                if not size and TOLD[group].format(stage) in handles:
                    continue
                colour = colours[SERIES[GROUPS.index(group)]]
                shade = SHADES[min(stage or 0, len(SHADES) - 1)]
                bar = axes.barh(index, 100 * size / whole, left=left, height=0.66, color=colour, alpha=shade, linewidth=0)
                handles[TOLD[group].format(stage)] = bar
                left += 100 * size / whole
            top = max(top, left)
        axes.axvline(100, color=colours[INK], linewidth=1.4)
        axes.set_xlim(0, max(112.0, 1.05 * top))
        axes.set_title(f"{title}\n100 % = {whole:,g}", fontsize=9, color=colours[INK])
        axes.set_xlabel(f"% of {found.part}" if axes is grid[0] else "%", fontsize=9)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    _name_rows(grid[0], rows)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4, fontsize=9)


def _exits(figure: Any, found: CompareFile, colours: Colours) -> None:
    """Share of the samples that leaves at each exit."""
    axes, rows = figure.add_subplot(), found.layouts
    most = max(len(row.exits) for row in rows)
    handles: dict[str, Any] = {}
    for index, row in enumerate(rows):
        left = 0.0
        for number, item in enumerate(row.exits):
            last = number == len(row.exits) - 1
            colour = colours[SERIES[5] if last else SERIES[number % 5]]
            bar = axes.barh(index, 100 * item.share, left=left, height=0.66, color=colour)
            handles.setdefault("last exit" if last else f"exit {number}", bar)
            if item.share >= 0.08:
                told = f"{100 * item.share:.0f} %"
                axes.text(left + 50 * item.share, index, told, ha="center", va="center", color="#ffffff", fontsize=9)
            left += 100 * item.share
    names = [*(f"exit {number}" for number in range(most - 1)), "last exit"]
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the test images that leaves there, %, measured in the RTL")
    axes.grid(axis="y", visible=False)
    _name_rows(axes, rows)
    shown = [name for name in names if name in handles]
    figure.legend([handles[name] for name in shown], shown, loc="outside upper right", ncols=4, fontsize=9)


def _efficiency(figure: Any, found: CompareFile, colours: Colours) -> None:
    """Samples a second for each thousand LUTs."""
    axes, rows = figure.add_subplot(), found.layouts
    values = [row.samples_per_second_per_klut or 0.0 for row in rows]
    for index, (row, value) in enumerate(zip(rows, values, strict=True)):
        look = {"color": _look(row, colours)[1]} if row.buildable else {"color": "none", "edgecolor": _look(row, colours)[1]}
        axes.barh(index, value, height=0.66, **look)
        axes.text(value, index, f" {value:,.0f}", va="center", fontsize=9)
    for row, value in zip(rows, values, strict=True):
        if row.baseline:
            dashes = (0, (4, 3)) if row.baseline == "rate" else (0, (1, 2))
            axes.axvline(value, color=colours[SERIES[1]], linewidth=0.9, linestyle=dashes)
    axes.set_xlim(0, 1.15 * max([*values, 1e-9]))
    hollow = "; hollow: cannot be built" if any(not row.buildable for row in rows) else ""
    axes.set_xlabel(f"samples a second per thousand LUTs; broken lines: baselines{hollow}")
    axes.xaxis.set_major_formatter(thousands)
    axes.grid(axis="y", visible=False)
    _name_rows(axes, rows)


def _name_rows(axes: Any, rows: Sequence[Row]) -> None:
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _clock(rows: Sequence[Row]) -> str:
    clocks = sorted({row.expected_clock_mhz for row in rows})
    return f"{clocks[0]:g} MHz" if len(clocks) == 1 else "the clock to be expected"


Draw = Callable[[Any, CompareFile, Colours], None]
Size = Callable[[int], tuple[float, float]]

PLOTS: dict[str, tuple[Draw, Size]] = {
    "accuracy": (_accuracy, lambda rows: (9.0, 4.8 + 0.05 * rows)),
    "resources": (_resources, lambda rows: (11.0, 1.9 + 0.3 * rows)),
    "exits": (_exits, lambda rows: (7.6, 1.2 + 0.3 * rows)),
    "efficiency": (_efficiency, lambda rows: (7.6, 0.9 + 0.3 * rows)),
}
"""The plots by name: how each is drawn, and its size in inches for so many rows."""
