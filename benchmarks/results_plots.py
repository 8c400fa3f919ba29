"""The plots of ``docs/RESULTS.md``: PNG files in the colours of a page in light."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.results_records import Entry
from build_flows.pages.plots import INK, PAPER, RC, SERIES

__all__ = ["PLOTS", "png"]


def png(name: str, entries: Sequence[Entry]) -> bytes | None:
    """Plot ``name`` of :data:`PLOTS`; None when no entry has anything for it. The same entries give the same bytes."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    _, chosen, draw = PLOTS[name]
    rows = chosen(entries)
    if not rows:
        return None
    rc = {key: PAPER.get(value, value) if isinstance(value, str) else value for key, value in RC.items()}
    with matplotlib.rc_context(rc):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, rows)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def _b_lenet(entries: Sequence[Entry]) -> list[Entry]:
    return [item for item in entries if item.network == "b_lenet" and item.weight_bits == 4 and not item.variant
            and item.scheme != "personal"]


def _schemes(rows: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for item in rows:
        found.setdefault(item.scheme, []).append(item)
    return found


def _noise(figure: Any, rows: Sequence[Entry]) -> None:
    """A panel per exit: accuracy alone against the deviation of the noise, a line per scheme, a band from the worst seed to the best."""
    panels = figure.subplots(1, len(rows[0].exit_accuracy), sharey=True)
    for k, axes in enumerate(panels):
        for (scheme, items), colour in zip(_schemes(rows).items(), SERIES, strict=False):
            x = [0, *(row.deviation for row in items[0].noisy)]
            y = np.array([[100 * at.exit_accuracy[k] for at in (item, *item.noisy)] for item in items])
            axes.plot(x, y.mean(0), marker="o", markersize=4, color=PAPER[colour], label=scheme)
            axes.fill_between(x, y.min(0), y.max(0), color=PAPER[colour], alpha=0.15, linewidth=0)
        axes.set_title(f"exit {k} alone", fontsize=10)
        axes.set_xlabel("deviation of the noise, of 255")
    panels[0].set_ylabel("accuracy of the test images, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))


def _bars(figure: Any, rows: Sequence[Entry]) -> None:
    """Accuracy by scheme: each exit alone, and at the operating point; a mark for each seed."""
    axes, schemes = figure.add_subplot(), _schemes(rows)
    exits = len(rows[0].exit_accuracy)
    told = [*(f"exit {k} alone" for k in range(exits)), "at the operating point"]
    for series, (name, colour) in enumerate(zip(told, SERIES, strict=False)):
        for place, items in enumerate(schemes.values()):
            values = [100 * (item.exit_accuracy[series] if series < exits else item.accuracy) for item in items]
            x = place + (series - (len(told) - 1) / 2) * 0.25
            axes.bar(x, np.mean(values), 0.22, color=PAPER[colour], label=name if place == 0 else None)
            axes.plot([x] * len(values), values, "_", color=PAPER[INK], markersize=8)
    low = min(min(item.exit_accuracy) for item in rows)
    axes.set_ylim(bottom=np.floor(100 * low) - 2)
    axes.set_xticks(range(len(schemes)), list(schemes))
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("accuracy of the test images, %")
    figure.legend(loc="outside upper left", ncols=len(told))


Draw = Callable[[Any, Sequence[Entry]], None]

PLOTS: dict[str, tuple[str, Callable[[Sequence[Entry]], list[Entry]], Draw]] = {
    "schemes": ("Accuracy of b_lenet on Fashion-MNIST by scheme, 4 bits; marks are seeds, the axis does not begin at 0", _b_lenet, _bars),
    "noise": ("Accuracy of b_lenet under Gaussian noise by training scheme, 4 bits; bands: worst seed to best", _b_lenet, _noise),
}
"""By name: what it shows, which entries, and how."""
