"""``profile.html``: where a network's accuracy goes, in one file that needs nothing else."""

from pathlib import Path

from build_flows.base.files import write_bytes, write_text
from build_flows.pages import html, profile_plots
from build_flows.pages.html import share_told
from build_flows.pages.profile_words import advice, change
from quant_models.judge.profile_records import ExitChange, ProfileFile

__all__ = ["decibels", "points", "render", "write_files"]

__sources__ = ("templates/profile.html.j2", "templates/wide.html.j2")


def render(found: ProfileFile) -> str:
    """The page on ``found`` as one HTML document; the same data give the same bytes."""
    return html.render(
        "profile.html.j2", found=found, advice=advice(found), share_told=share_told, decibels=decibels,
        points=lambda item: points(item, found.samples),
        won=lambda item: points(ExitChange(lost=item.gained, gained=item.lost), found.samples),
        plots={name: html.markup(profile_plots.svg(name, found)) for name in profile_plots.PLOTS},
    )


def write_files(found: ProfileFile, folder: Path) -> None:
    """Write ``profile.json``, ``profile.html`` and the folder ``profile`` of plots (PNG and SVG) into ``folder``."""
    found.save(folder / "profile.json")
    write_text(folder / "profile.html", render(found))
    for name in profile_plots.PLOTS:
        for suffix, data in profile_plots.files(name, found).items():
            write_bytes(folder / "profile" / f"{name}.{suffix}", data)


def decibels(value: float | None) -> str:
    """So many dB; "exact" where nothing is lost."""
    return "exact" if value is None else f"{value:.1f}"


def points(item: ExitChange, samples: int) -> str:
    """What is lost, in percentage points, with its 95 % interval."""
    found = change(item, samples)
    return f"{100 * found.value:.2f} ({100 * found.low:.2f} to {100 * found.high:.2f})"
