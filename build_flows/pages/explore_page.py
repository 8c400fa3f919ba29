"""``explore.html``: the front of an exploration, to hover, filter and sort, in one file that needs nothing else."""

import shlex
from urllib.parse import quote

from build_flows.artefacts.explore import RESOURCES, ExploreFile, PlacedExit, PointRecord
from build_flows.pages import explore_plots, html
from build_flows.pages.explore_chart import chart, exits_told
from build_flows.pages.explore_figures import designs, fronts, verified, worst, worth
from build_flows.pages.explore_words import bits_told, signed, summary, tiles
from build_flows.pages.html import share_told

__all__ = ["command", "link", "render"]

__sources__ = ("templates/explore.html.j2", "templates/explore.js", "templates/explore_card.html.j2", "templates/wide.html.j2")


def render(found: ExploreFile) -> str:
    """The page on the exploration ``found``, as one HTML document; the same data give the same bytes. Configurations are linked as they
    are named there: relative to the page's folder."""
    rows, value = designs(found), worth(found)
    checked = [row for row in rows if row.point.errors is not None]
    return html.render(
        "explore.html.j2", found=found, rows=rows, summary=summary(found), chart=html.markup(chart(found)),
        plots={name: html.markup(explore_plots.svg(name, found)) for name in ("front_worth",)} if value is not None else {},
        marked=value.fast.name if value is not None else rows[0].id if rows else None, checked=checked,
        worst=worst(verified(found)), inside=sum(row.point.errors.inside for row in checked if row.point.errors is not None),
        counts=sorted({len(row.point.exits) for row in rows}), policies=sorted({item.policy for row in rows for item in row.point.exits}),
        resources=RESOURCES, titles=TITLES, bits_told=bits_told, command=command, exits_told=exits_told, leaves=leaves, link=link,
        energy="energy" in found.objectives, percentile=found.must.get("latency_percentile", PERCENTILE),
        measured=fronts(found).measured, share_told=share_told, signed=signed, tiles=tiles(found),
    )


PERCENTILE = 99.0
"""Of so many percent of the samples latency is told, where nothing else was asked for."""

TITLES = {"lut": "LUT", "ff": "FF", "bram36": "BRAM36", "dsp": "DSP"}


def link(point: PointRecord) -> str:
    """Its configuration, as a page refers to it."""
    return quote(point.config or "")


def command(point: PointRecord) -> str:
    """What runs it by itself."""
    return f"offramp run {shlex.quote(point.config or '')}"


def leaves(item: PlacedExit) -> str:
    """When a sample leaves at an early exit, by its threshold."""
    if item.threshold is None:
        return "lets none go"
    return f"{'≤' if item.policy == 'entropy' else '≥'} {item.threshold:.4g}"
