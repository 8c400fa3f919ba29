"""How a project compares with the same network without exits, by a comparison that it was part of."""

from dataclasses import dataclass

from build_flows.artefacts.compare import Change, CompareFile, Row

__all__ = ["BaseRow", "SpeedupRow", "find_row", "speedup"]


@dataclass(frozen=True, kw_only=True)
class BaseRow:
    """A network without exits, ``told`` how it was designed: so many ``times`` its samples a second (``rate``) does the project reach, at
    accuracies that differ by ``gain``; ``trouble``: why it cannot be built, as a verb (None: nothing is in its way)."""

    told: str
    times: float
    rate: float
    cycles: float
    gain: Change | None
    trouble: str | None


@dataclass(frozen=True, kw_only=True)
class SpeedupRow:
    """The project's row in the comparison ``name``, against each baseline there is: the one in the same resources first."""

    name: str
    bases: list[BaseRow]


def find_row(found: CompareFile, rtl: str) -> Row | None:
    """The row of the layout with early exits whose RTL, which was simulated and synthesised for the comparison, has the hash ``rtl``;
    None when there is none."""
    return next((row for row in found.layouts if row.rtl == rtl and row.baseline is None and len(row.exits) > 1), None)


def speedup(found: CompareFile, rtl: str) -> SpeedupRow | None:
    """What the comparison says of the accelerator with this hash; None when that is not in it, or has no baseline beside it.

    The baseline in the resources of another layout is none of this one's.
    """
    row = find_row(found, rtl)
    if row is None:
        return None
    bases = []
    for base in found.layouts:
        if base.baseline is None or (base.matched is not None and base.matched.layout != row.name):
            continue
        same = base.baseline == "resources"
        times, gain = (row.speedup.resources, row.accuracy_gain.resources) if same else (row.speedup.rate, row.accuracy_gain.rate)
        if times is not None:
            bases.append(BaseRow(
                told=_told(row, base), times=times, rate=base.samples_per_second,
                cycles=base.cycles_per_sample, gain=gain,
                trouble=None if base.buildable else "misses its clock" if base.fits else "does not fit",
            ))
    return SpeedupRow(name=found.name, bases=bases[::-1]) if bases else None


def _told(row: Row, base: Row) -> str:
    if base.baseline == "resources":
        return "in the same resources"
    if base.target_cycles_per_sample == row.target_cycles_per_sample:
        return "designed for the same target rate"
    return f"designed for {base.target_cycles_per_sample:,} cycles a sample"
