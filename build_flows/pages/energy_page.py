"""``energy.html``: what a design switches, and where, in one file that needs nothing else."""

from pathlib import Path

from build_flows.artefacts.energy import SPREAD, EnergyFile, Ratio, Switching
from build_flows.base.files import write_bytes, write_text
from build_flows.pages import energy_plots, html
from build_flows.pages.verdict import headline, mhz

__all__ = ["ratio_told", "render", "share", "write_files"]

__sources__ = ("templates/energy.html.j2", "templates/wide.html.j2")

TOLD = 24
"""Units that the table shows, those that switch most."""


def render(found: EnergyFile) -> str:
    """The page on ``found`` as one HTML document; the same data give the same bytes."""
    units = sorted(found.units, key=lambda unit: (-unit.switches.weighed(found.weights), unit.name))
    return html.render(
        "energy.html.j2", found=found, verdict=headline(found.verdict), clock=mhz(found.verdict.expected_clock_mhz), units=units[:TOLD],
        left=len(units) - TOLD, share=lambda item: share(found, item), spread=SPREAD, names=energy_plots.NAMES,
        stage_name=energy_plots.stage_name, plots={name: html.markup(energy_plots.svg(name, found)) for name in energy_plots.PLOTS},
    )


def write_files(found: EnergyFile, folder: Path) -> None:
    """Write ``energy.json``, ``energy.html`` and the folder ``energy`` of plots (PNG and SVG) into ``folder``."""
    found.save(folder / "energy.json")
    write_text(folder / "energy.html", render(found))
    for name in energy_plots.PLOTS:
        for suffix, data in energy_plots.files(name, found).items():
            write_bytes(folder / "energy" / f"{name}.{suffix}", data)


def share(found: EnergyFile, item: Switching) -> float:
    """The share that ``item`` has in what a sample takes on average."""
    return item.weighed(found.weights) / found.sample.weighed(found.weights)


def ratio_told(ratio: Ratio) -> str:
    """In words, with what the weights leave open."""
    word = "for all weights" if ratio.sure else "which of the two takes less depends on the weights"
    return f"{ratio.times:.2f} times ({ratio.least:.2f} to {ratio.most:.2f}: {word})"
