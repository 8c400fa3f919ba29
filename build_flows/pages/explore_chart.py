"""The page's chart of an exploration, as inline SVG in the page's colours: accuracy against samples a second. What can be pointed at
carries the id of its design; the page's script does the rest, and without it the chart is whole too."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from build_flows.artefacts.explore import ExploreFile, Outcome
from build_flows.pages.explore_figures import Design, Fronts, Place, designs, fronts, worth
from build_flows.pages.html import number, percent

__all__ = ["chart", "exits_told", "faintness", "ticks"]

WIDTH, HEIGHT = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 46
LOG_FROM = 30
"""From this ratio of the fastest to the slowest design on, equal factors are equal lengths."""


@dataclass(frozen=True)
class _Scale:
    """The axes: from what to what, and whether samples a second are logarithmic."""

    slow: float
    fast: float
    low: float
    high: float
    log: bool

    def x(self, rate: float) -> float:
        step: Callable[[float], float] = math.log10 if self.log else float
        return LEFT + (WIDTH - LEFT - RIGHT) * (step(rate) - step(self.slow)) / (step(self.fast) - step(self.slow))

    def y(self, accuracy: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - accuracy) / (self.high - self.low)

    def holds(self, rate: float, accuracy: float) -> bool:
        return self.slow <= rate <= self.fast and self.low <= accuracy <= self.high and (rate > 0 or not self.log)


def chart(found: ExploreFile) -> str:
    """Cloud, fronts and designs of ``found``; the design that exits are worth most with is marked."""
    rows = designs(found)
    scale = _scale(found, rows)
    value = worth(found)
    marked = value.fast.name if value is not None else rows[0].id if rows else None
    parts = [*_axes(scale), *_cloud(found, scale), *_fronts(fronts(found), scale), *(_design(row, scale, row.id == marked) for row in rows)]
    return (
        f'<svg id="chart" role="group" aria-label="Accuracy against samples a second: {len(rows)} designs, which arrow keys go through" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
    )


def exits_told(count: int) -> str:
    """So many early exits."""
    return "no exits" if count == 0 else f"{count} early exit{'' if count == 1 else 's'}"


def faintness(dots: int) -> float:
    """How solid each of so many dots of a cloud is: the more there are, the fainter each."""
    return 0.36 * min(1.0, math.pow(800 / max(dots, 1), 0.33))


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round values from ``low`` to ``high``, about ``count``."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= 0.75 * rough)
    return [round(k * step, 12) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [value for power in powers for digit in (1, 2, 5) if low <= (value := float(digit * 10**power)) <= high]


def _scale(found: ExploreFile, rows: Sequence[Design]) -> _Scale:
    """Room for every design, verified and predicted; the cloud may reach beyond it in accuracy, downwards."""
    outcomes = [outcome for row in rows for outcome in (row.point.predicted, row.point.measured) if outcome is not None]
    rates = [outcome.samples_per_second for outcome in outcomes] + found.cloud.samples_per_second
    shares = [outcome.accuracy for outcome in outcomes] or found.cloud.accuracy or [0.0, 1.0]
    low, high = min(shares), max([*shares, *found.cloud.accuracy])
    pad = 0.06 * (high - low) or 0.01
    fast, slow = max([*rates, 1e-9]), min([rate for outcome in outcomes if (rate := outcome.samples_per_second) > 0] or rates or [1.0])
    log = 0 < slow * LOG_FROM < fast
    return _Scale(0.8 * slow if log else 0.0, fast * (1.25 if log else 1.04), low - pad, high + pad, log)


def _axes(scale: _Scale) -> Iterator[str]:
    for value in ticks(100 * scale.low, 100 * scale.high):
        y = scale.y(value / 100)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/><text class="end" x="{LEFT - 8}" y="{y + 4:.1f}">{value:g}</text>'
    for value in _log_ticks(scale.slow, scale.fast) if scale.log else ticks(scale.slow, scale.fast):
        x, foot = scale.x(value), HEIGHT - BOTTOM
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{foot}"/><text class="middle" x="{x:.1f}" y="{foot + 18}">{value:,.0f}</text>'
    yield f'<text class="end" x="{WIDTH - RIGHT}" y="{HEIGHT - 8}">samples a second{", logarithmic" if scale.log else ""}</text>'
    yield f'<text class="end" transform="translate(13 {TOP + 2}) rotate(-90)">accuracy, %</text>'


def _cloud(found: ExploreFile, scale: _Scale) -> Iterator[str]:
    """All designs that fit, one path for each number of exits, one dot for those that fall together."""
    dots: dict[int, set[tuple[int, int]]] = {}
    cloud = found.cloud
    for rate, accuracy, exits in zip(cloud.samples_per_second, cloud.accuracy, cloud.exits, strict=True):
        if scale.holds(rate, accuracy):
            dots.setdefault(exits, set()).add((2 * round(scale.x(rate) / 2), 2 * round(scale.y(accuracy) / 2)))
    solid = faintness(sum(map(len, dots.values())))
    for exits in sorted(dots, reverse=True):
        path = "".join(f"M{x} {y}h0" for x, y in sorted(dots[exits]))
        yield f'<path class="cloud {_colour(exits)}" data-exits="{exits}" opacity="{solid:.2f}" d="{path}"/>'


def _fronts(value: Fronts, scale: _Scale) -> Iterator[str]:
    """What is reached with exits, and without, as steps."""
    for kind, corners in (("alone", value.alone), ("early", value.early)):
        if corners:
            yield f'<path class="steps {kind}" d="{_steps(corners, scale)}"/>'


def _steps(corners: Sequence[Place], scale: _Scale) -> str:
    path = f"M{LEFT} {scale.y(corners[0][1]):.1f}"
    for (rate, _), below in zip(corners, [*(accuracy for _, accuracy in corners[1:]), scale.low], strict=True):
        path += f"H{scale.x(rate):.1f}V{scale.y(max(below, scale.low)):.1f}"
    return path


def _design(row: Design, scale: _Scale, marked: bool) -> str:
    """A design: hollow where it was predicted, filled where it was measured, and a line from the one to the other."""
    exits, predicted, measured = len(row.point.exits), row.point.predicted, row.point.measured
    kind = " ".join(word for word, holds in (("alone", not exits), ("moved", row.moved), ("on", marked)) if holds)
    told = escape(_told(row))
    start, (x, y) = _at(predicted, scale), _at(row.shown, scale)
    marks = [f'<circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="10"/>']
    if measured is not None:
        marks.append(f'<path d="M{start[0]:.1f} {start[1]:.1f}L{x:.1f} {y:.1f}"/>')
    marks.append(_mark("predicted", *start, 3.2 if measured is not None else 4.6, not exits))
    if measured is not None:
        marks.append(_mark("measured", x, y, 5.2, not exits))
    return (
        f'<g class="design {_colour(exits)} {kind}" data-id="{escape(row.id)}" role="button" tabindex="{0 if marked else -1}" '
        f'aria-label="{told}"><title>{told}</title>{"".join(marks)}</g>'
    )


def _at(outcome: Outcome, scale: _Scale) -> tuple[float, float]:
    return scale.x(outcome.samples_per_second), scale.y(outcome.accuracy)


def _mark(kind: str, x: float, y: float, radius: float, square: bool) -> str:
    if square:
        side = 1.8 * radius
        return f'<rect class="{kind}" x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}"/>'
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _told(row: Design) -> str:
    figures = row.shown
    return (f"{row.id}, {exits_told(len(row.point.exits))}: {percent(figures.accuracy, 2)} at {number(figures.samples_per_second)} samples "
            f"a second, {'predicted' if row.point.measured is None else 'measured'}")


def _colour(exits: int) -> str:
    """The class that has the colour of designs with so many early exits."""
    return f"e{min(exits, 4)}"
