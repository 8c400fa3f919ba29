"""What the figures of an exploration come to: what its designs show, what exits are worth, fronts of two axes, the worst errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from build_flows.artefacts.explore import RESOURCES, ExploreFile, Outcome, PointRecord

__all__ = [
    "HALF_A_POINT", "NEAR", "Design", "Fronts", "Place", "Worth", "best", "both_measured", "designs", "fronts", "limiting", "shown",
    "verified", "worst", "worth",
]

HALF_A_POINT = 0.005 + 1e-9
"""Accuracies that are compared differ by so much at most."""

NEAR = 0.99
"""Rates so near are the same."""

ERRORS = ("cycles", "lut", "ff", "bram36", "dsp", "shares", "accuracy", "energy")

Place = tuple[float, float]
"""Samples a second, and accuracy from 0 to 1."""


@dataclass(frozen=True)
class Design:
    """A ``point`` and where it stands: on the ``front``, among the best ``alone`` (without exits), or ``moved`` off the front."""

    point: PointRecord
    front: bool
    alone: bool
    moved: bool

    @property
    def id(self) -> str:
        """The point's name; each design has its own."""
        return self.point.name

    @property
    def shown(self) -> Outcome:
        """See :func:`shown`."""
        return shown(self.point)

    @property
    def state(self) -> str:
        """Whether its figures are measured, in a word."""
        return "predicted" if self.point.measured is None else "verified"


@dataclass(frozen=True)
class Worth:
    """What exits are worth. ``base``: the fastest design without exits within half a point of the most accurate one of those; ``fast``: the
    fastest with exits within half a point of the same; ``times`` as fast. ``small``: of those with exits that are as accurate and keep the
    base's rate the one that takes least of ``resource``, which limits the base, and the ``share`` of the base's that it takes (None: there
    is none). All figures are ``measured`` ones, or all are predicted."""

    base: PointRecord
    fast: PointRecord
    times: float
    resource: str
    small: PointRecord | None
    share: float | None
    measured: bool

    def figures(self, point: PointRecord) -> Outcome:
        """The figures of ``point`` that were compared."""
        return point.measured if self.measured and point.measured is not None else point.predicted


@dataclass(frozen=True)
class Fronts:
    """The best in accuracy and samples a second with ``early`` exits and ``alone``, without; ``measured``, or else predicted."""

    early: list[Place]
    alone: list[Place]
    measured: bool


def designs(found: ExploreFile) -> list[Design]:
    """Every design of the front, without exits, and moved, once, by falling samples a second."""
    front, alone, moved = ({point.name for point in points} for points in (found.front, found.alone, found.moved))
    points = {point.name: point for point in (*found.front, *found.alone, *found.moved)}
    rows = [Design(point, name in front, name in alone, name in moved) for name, point in points.items()]
    return sorted(rows, key=lambda row: (-row.shown.samples_per_second, -row.shown.accuracy, row.id))


def shown(point: PointRecord) -> Outcome:
    """What was measured, else what is predicted."""
    return point.predicted if point.measured is None else point.measured


def verified(found: ExploreFile) -> list[PointRecord]:
    """The designs that were verified."""
    return [row.point for row in designs(found) if row.point.measured is not None]


def best(places: Iterable[Place]) -> list[Place]:
    """The places that no other one beats in both, slowest and most accurate first."""
    found: list[Place] = []
    for rate, accuracy in sorted(set(places), reverse=True):
        if not found or accuracy > found[-1][1]:
            found.append((rate, accuracy))
    return found[::-1]


def fronts(found: ExploreFile) -> Fronts:
    """The best designs with early exits and without: of those that were verified where both kinds have some, else of all that are predicted
    to fit. Designs that do not fit, or were moved off the front, are on none."""
    groups: dict[bool, list[Place]] = {True: [], False: []}
    for row in designs(found):
        if row.point.measured is not None and row.shown.fits and not row.moved:
            groups[bool(row.point.exits)].append((row.shown.samples_per_second, row.shown.accuracy))
    if all(groups.values()):
        return Fronts(best(groups[True]), best(groups[False]), True)
    cloud = found.cloud
    rows = list(zip(cloud.samples_per_second, cloud.accuracy, cloud.exits, strict=True))
    early, alone = ([(rate, share) for rate, share, exits in rows if bool(exits) is kind] for kind in (True, False))
    return Fronts(best(early), best(alone), False)


def limiting(outcome: Outcome, found: ExploreFile) -> str:
    """The resource of which it takes the largest share of the part."""
    return max(RESOURCES, key=lambda key: float(getattr(outcome, key)) / float(getattr(found.capacity, key)))


def both_measured(found: ExploreFile) -> bool:
    """Whether designs with and without exits are compared by what was measured of them. Like is compared with like: else by predictions."""
    return all(any(point.measured is not None for point in group) for group in _sides(found))


def _sides(found: ExploreFile) -> tuple[list[PointRecord], list[PointRecord]]:
    """Designs without exits, and those with them, that stand on a front."""
    points = {point.name: point for point in (*found.front, *found.alone)}.values()
    return [point for point in points if not point.exits], [point for point in points if point.exits]


def worth(found: ExploreFile) -> Worth | None:
    """What exits are worth; None where there is nothing to compare: no design without exits, or none with them that is as accurate."""
    without, early = _sides(found)
    measured = both_measured(found)
    if measured:
        without, early = ([point for point in group if point.measured is not None] for group in (without, early))

    def figures(point: PointRecord) -> Outcome:
        return point.measured if measured and point.measured is not None else point.predicted

    without, early = ([point for point in group if figures(point).fits] for group in (without, early))
    if not without:
        return None
    least = max(figures(point).accuracy for point in without) - HALF_A_POINT

    def fastest(group: Sequence[PointRecord]) -> PointRecord:
        return max(group, key=lambda point: (figures(point).samples_per_second, figures(point).accuracy))

    early = [point for point in early if figures(point).accuracy >= least]
    base = fastest([point for point in without if figures(point).accuracy >= least])
    rate, key = figures(base).samples_per_second, limiting(figures(base), found)
    if not early or not rate:
        return None
    fast, whole = fastest(early), float(getattr(figures(base), key))
    kept = [point for point in early if figures(point).samples_per_second >= NEAR * rate]
    small = min(kept, key=lambda point: float(getattr(figures(point), key)), default=None)
    share = float(getattr(figures(small), key)) / whole if small is not None and whole else None
    return Worth(base, fast, figures(fast).samples_per_second / rate, key, small, share, measured)


def worst(points: Sequence[PointRecord]) -> dict[str, float]:
    """Of each error of prediction the one that is largest, with its sign, over ``points``; what was measured of none is not there."""
    errors = [point.errors for point in points if point.errors is not None]
    known = {key: [float(value) for row in errors if (value := getattr(row, key)) is not None] for key in ERRORS}
    return {key: max(found, key=abs) for key, found in known.items() if found}
