"""What the pages' plots have in common: their colours, and how a drawing becomes SVG that takes its colours from the page, so that it is
right in light, dark and print, or a PNG or SVG file that stands alone."""

import io
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CSS", "DASHES", "GRID", "INK", "PAPER", "RC", "SERIES", "Colours", "Draw", "colour", "files", "svg", "thousands"]

# Colours that stand for CSS variables: matplotlib wants real ones, the page replaces them.
INK, GRID = "#010203", "#040506"
SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006")
CSS = {INK: "var(--ink)", GRID: "var(--grid)"} | {name: f"var(--c{index})" for index, name in enumerate(SERIES)}
_LIGHT = ("#1b2330", "#dde2e9", "#2f6fde", "#d9822b", "#2a9d76", "#a64ac9", "#c9406a", "#6b7a90")
PAPER = dict(zip((INK, GRID, *SERIES), _LIGHT, strict=True))
"""The page's colours in light, for files that stand alone."""

RC = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.edgecolor": GRID, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID,
    "grid.linewidth": 0.6, "xtick.color": INK, "ytick.color": INK, "legend.frameon": False, "lines.linewidth": 1.8,
}
DASHES = (0, (4, 3))

Colours = Mapping[str, str]
"""What to draw :data:`INK`, :data:`GRID` and each of :data:`SERIES` in."""

Draw = Callable[[Any, Colours], None]
"""Draws on a figure of matplotlib's."""

Size = tuple[float, float]
"""Inches."""


def colour(exit: int) -> str:
    """The colour of an exit, the same in every plot."""
    return SERIES[exit % len(SERIES)]


def thousands(value: float, position: int | None = None) -> str:
    """A tick's label."""
    return f"{value:,.0f}"


def svg(name: str, draw: Draw, size: Size) -> str:
    """The drawing as an ``<svg>`` element whose colours are the page's CSS variables; ``name`` keeps the ids of several of them apart.
    The same drawing gives the same text."""
    text = _text(name, draw, size, CSS)
    return text[text.index("<svg") :].replace("<svg ", '<svg role="img" ', 1)


def files(name: str, draw: Draw, size: Size) -> dict[str, bytes]:
    """The drawing as files that stand alone, by their suffix: ``png`` and ``svg``. The same drawing gives the same bytes."""
    return {"png": _image(name, draw, size, "png", PAPER), "svg": _text(name, draw, size, PAPER).encode()}


def _text(name: str, draw: Draw, size: Size, colours: Colours) -> str:
    text = _image(name, draw, size, "svg", {name: name for name in CSS}).decode()
    for stand_in, real in colours.items():
        text = text.replace(stand_in, real)
    return text


def _image(name: str, draw: Draw, size: Size, kind: str, colours: Colours) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rc = {key: colours.get(value, value) if isinstance(value, str) else value for key, value in RC.items()}
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[kind]
    with matplotlib.rc_context(rc | {"svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, colours)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=150, transparent=kind == "svg", metadata=metadata)
    return buffer.getvalue()
