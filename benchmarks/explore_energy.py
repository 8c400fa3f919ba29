"""What exits are worth in switching, and how well that is predicted: rows of ``docs/explore.md``."""

from pathlib import Path

from benchmarks.figures import Figures
from build_flows.artefacts.energy import EnergyFile, Ratio, compared
from build_flows.artefacts.explore import ExploreFile, PointRecord
from build_flows.explore.verify import steady_energy
from build_flows.pages.energy_page import ratio_told
from build_flows.pages.explore_figures import verified, worth
from build_flows.project.load import load
from build_flows.steps.energy import measure

__all__ = ["energy_figures", "ratio_row"]

TIMES = 2.0
"""What a sample without exits is to take at least, at equal rate, in those of one with them."""
COMMAND = "`python -m benchmarks.explore energy`, after `verify`"


def energy_figures(figures: Figures, network: str, found: ExploreFile, folder: Path) -> None:
    """Count what the verified designs of ``found``, which lies in ``folder``, switch: each against its prediction, and the best with exits
    against the best without, at the rate of the latter and each at its own."""
    counted: dict[str, EnergyFile] = {}

    def count(point: PointRecord) -> EnergyFile:
        if point.name not in counted:
            assert point.config is not None
            counted[point.name] = measure(load(folder / point.config), figures.ui)
        return counted[point.name]

    off = {point.name: point.predicted.energy / steady_energy(count(point), point.measured.cycles_per_sample) - 1
           for point in verified(found) if point.predicted.energy is not None and point.measured is not None}
    if off:
        worst = max(off.values(), key=abs)
        figures.add(f"{network}: what a sample switches, predicted against counted", "its error is told",
                    f"worst of {len(off)}: {100 * worst:+.0f} %; mean {100 * sum(map(abs, off.values())) / len(off):.0f} %", True,
                    f"{COMMAND}; the first 200 test images of each verified design")
    value = worth(found)
    if value is None or not value.measured:
        figures.add(f"{network}: modelled energy a sample without exits, against with them", f"at least {TIMES:g} times at equal rate",
                    "no two verified designs to compare", False, COMMAND)
        return
    base = count(value.base)
    if value.small is not None:
        ratio_row(figures, f"{network}: modelled energy a sample without exits, against with them, at equal rate", TIMES,
                  compared(count(value.small), base)[0], f"{COMMAND}; {value.base.name} against {value.small.name}, which keeps its rate")
    ratio_row(figures, f"{network}: the same, each at its own full rate", None, compared(count(value.fast), base)[1],
              f"{COMMAND}; {value.base.name} against {value.fast.name}")


def ratio_row(figures: Figures, name: str, wanted: float | None, found: Ratio, how: str) -> None:
    """A row on how many times as much the other design switches; met where it is ``wanted`` times, and more with every weight."""
    target = "it is told" if wanted is None else f"at least {wanted:g} times"
    figures.add(name, target, ratio_told(found), wanted is None or (found.times >= wanted and found.sure), how)
