"""The exploration's plots: as SVG that takes its colours from the page, and as PNG and SVG files of their own.

All take the content of ``explore.json``. ``front`` is all of it: the cloud, the front, what became of predictions. ``worth`` is the one
picture that says why early exits pay: the best with them and without on one chip.
"""

from collections.abc import Callable, Sequence
from typing import Any

from build_flows.artefacts.explore import ExploreFile
from build_flows.pages import plots
from build_flows.pages.explore_chart import exits_told, faintness
from build_flows.pages.explore_figures import Place, Worth, designs, fronts, worth
from build_flows.pages.html import times
from build_flows.pages.plots import INK, SERIES, Colours, thousands

__all__ = ["PLOTS", "files", "svg"]

EARLY, ALONE = SERIES[0], SERIES[1]
EXITS = (SERIES[1], SERIES[0], *SERIES[2:])
"""Colours by number of early exits, those of the page's chart."""


def svg(name: str, found: ExploreFile) -> str:
    """Plot ``name`` of :data:`PLOTS` as an ``<svg>`` element whose colours are the page's CSS variables."""
    return plots.svg(*_drawn(name, found))


def files(name: str, found: ExploreFile) -> dict[str, bytes]:
    """Plot ``name`` of :data:`PLOTS` as files that stand alone, by their suffix: ``png`` and ``svg``. The same data give the same bytes."""
    return plots.files(*_drawn(name, found))


def _drawn(name: str, found: ExploreFile) -> tuple[str, plots.Draw, tuple[float, float]]:
    draw, size = PLOTS[name]
    return f"explore {name}", lambda figure, colours: draw(figure, found, colours), size


def _front(figure: Any, found: ExploreFile, colours: Colours) -> None:
    """Cloud, front, designs without exits; hollow is predicted, filled measured."""
    axes, rows, handles = figure.add_subplot(), designs(found), {}
    _label(axes, [(each.samples_per_second, each.accuracy) for row in rows for each in (row.point.predicted, row.shown)])
    cloud = _cloud(found, axes.get_xlim()[1], axes.get_ylim()[0])
    for exits, dots in sorted(cloud.items(), reverse=True):
        axes.plot(*zip(*sorted(dots), strict=True), ".", color=colours[_colour(exits)], alpha=faintness(sum(map(len, cloud.values()))),
                  markersize=4, markeredgewidth=0, zorder=1)
    reached = fronts(found)
    for corners, name in ((reached.alone, ALONE), (reached.early, EARLY)):
        if corners:
            axes.plot(*_steps(corners, axes.get_ylim()[0]), color=colours[name], linewidth=1.2, alpha=0.7, zorder=2)
    for row in rows:
        exits, point = len(row.point.exits), row.point
        colour, mark = colours[_colour(exits)], "o" if exits else "s"
        told, now = point.predicted, row.shown
        look = {"color": colour, "alpha": 0.45 if row.moved else 1.0}
        if point.measured is not None:
            axes.plot([told.samples_per_second, now.samples_per_second], [100 * told.accuracy, 100 * now.accuracy], **look, linewidth=1.0)
        axes.plot(told.samples_per_second, 100 * told.accuracy, mark, **look, markerfacecolor="none",
                  markersize=6 if point.measured is None else 3.5, zorder=3)
        if point.measured is not None:
            handles[exits] = axes.plot(now.samples_per_second, 100 * now.accuracy, mark, **look, markersize=6.5, zorder=4)[0]
    legend = [(handles[exits], f"{exits_told(exits)}, verified") for exits in sorted(handles)]
    legend.append((axes.plot([], [], "o", color=colours[INK], markerfacecolor="none")[0], "predicted"))
    legend.append((axes.plot([], [], ".", color=colours[INK], alpha=0.4)[0], "all that are predicted to fit"))
    figure.legend(*zip(*legend, strict=True), loc="outside upper left", ncols=3, fontsize=9)


def _cloud(found: ExploreFile, fastest: float, least: float) -> dict[int, set[Place]]:
    """The designs that fit, by their early exits, as dots no faster than ``fastest`` and no less accurate than ``least`` %: one for those
    that fall together."""
    dots: dict[int, set[Place]] = {}
    cloud, step = found.cloud, fastest / 400
    for rate, accuracy, exits in zip(cloud.samples_per_second, cloud.accuracy, cloud.exits, strict=True):
        if rate <= fastest and 100 * accuracy >= least:
            dots.setdefault(exits, set()).add((step * round(rate / step), round(2500 * accuracy) / 25))
    return dots


def _worth(figure: Any, found: ExploreFile, colours: Colours) -> None:
    """Steps of the best with exits and without, and how far the one is ahead at equal accuracy."""
    axes, value, reached = figure.add_subplot(), worth(found), fronts(found)
    drawn = ((reached.alone, ALONE, "without early exits", "s"), (reached.early, EARLY, "with early exits", "o"))
    _label(axes, [place for corners, *_ in drawn for place in corners])
    floor = axes.get_ylim()[0]
    for corners, name, told, mark in drawn:
        if not corners:
            continue
        x, y = _steps(corners, floor)
        axes.fill_between(x, y, floor, color=colours[name], alpha=0.10, linewidth=0, zorder=1)
        axes.plot(x, y, color=colours[name], linewidth=2.2, zorder=3, solid_joinstyle="miter")
        axes.plot(*zip(*((rate, 100 * accuracy) for rate, accuracy in corners), strict=True), mark, color=colours[name], markersize=7,
                  markerfacecolor=colours[name] if reached.measured else "none", zorder=4)
        # At the foot of its last step nothing else is drawn.
        axes.annotate(told, (corners[-1][0], floor), xytext=(-8, 9), textcoords="offset points", ha="right", color=colours[name],
                      fontsize=12, fontweight="bold", zorder=6)
    if value is not None and value.measured is reached.measured:
        _ahead(axes, value, colours)
    kind = "measured in RTL and synthesis" if reached.measured else "predicted"
    axes.set_title(f"The best that fits one {found.part}, {kind}", fontsize=10.5, loc="left", color=colours[INK])


def _ahead(axes: Any, value: Worth, colours: Colours) -> None:
    """Above everything else, from the fastest without exits to the fastest with them, how many times as fast it is."""
    ends = [value.figures(point) for point in (value.base, value.fast)]
    low, high = axes.get_ylim()
    y = high + 0.02 * (high - low)
    axes.set_ylim(low, high + 0.2 * (high - low))
    for end in ends:
        axes.plot([end.samples_per_second] * 2, [100 * end.accuracy, y], color=colours[INK], linewidth=0.9, linestyle=(0, (2, 2)), zorder=2)
    axes.annotate("", (ends[1].samples_per_second, y), xytext=(ends[0].samples_per_second, y), zorder=5,
                  arrowprops={"arrowstyle": "-|>", "color": colours[INK], "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0})
    middle = (ends[0].samples_per_second + ends[1].samples_per_second) / 2
    for told, height, look in ((f"{times(value.times)} times as fast", 19, {"fontsize": 13.5, "fontweight": "bold"}),
                               ("accuracy within half a point", 6, {"fontsize": 9})):
        axes.annotate(told, (middle, y), xytext=(0, height), textcoords="offset points", ha="center", color=colours[INK], zorder=6, **look)


def _steps(corners: Sequence[Place], floor: float) -> tuple[list[float], list[float]]:
    """The outline of what ``corners`` reach, from no samples a second at the highest accuracy to the ``floor``."""
    x, y = [0.0], [100 * corners[0][1]]
    for (rate, accuracy), below in zip(corners, [*(100 * low for _, low in corners[1:]), floor], strict=True):
        x += [rate, rate]
        y += [100 * accuracy, below]
    return x, y


def _label(axes: Any, places: Sequence[Place]) -> None:
    """Axes from no samples a second on, with room for these places."""
    axes.set_xlabel("samples a second")
    axes.set_ylabel("accuracy, %")
    axes.xaxis.set_major_formatter(thousands)
    axes.set_xlim(0, 1.06 * max((rate for rate, _ in places), default=1.0))
    shares = [100 * accuracy for _, accuracy in places] or [0.0, 100.0]
    pad = 0.12 * (max(shares) - min(shares)) or 1.0
    axes.set_ylim(min(shares) - 1.6 * pad, max(shares) + pad)


def _colour(exits: int) -> str:
    return EXITS[min(exits, 4)]


Draw = Callable[[Any, ExploreFile, Colours], None]

PLOTS: dict[str, tuple[Draw, tuple[float, float]]] = {"front": (_front, (9.0, 5.2)), "front_worth": (_worth, (8.6, 4.6))}
"""The plots by name: how each is drawn, and its size in inches."""
