"""The pace of a network in cycles a sample: the least that its layers and the image bus can keep, and the fastest that fits a part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

from build_flows.base.parts import Part
from build_flows.planning.folding import stage_targets
from build_flows.planning.folding_search import fits
from build_flows.planning.least_targets import Least, least_targets
from build_flows.planning.network import Network

__all__ = ["FILLED", "LEAST_REACH", "SLOWEST", "UTILISATIONS", "Pace", "fastest", "least_pace", "planned_reach"]

SLOWEST = 100_000_000
"""The slowest pace that a configuration can ask for."""

FILLED = 0.9
"""The share of a part's LUTs (and so of its CARRY4) and flip-flops that the fastest design may take: to place one that takes more is slow,
and costs clock."""

UTILISATIONS = (0.8, 0.85, 0.9, 0.95)
"""What ``target.utilisation = "auto"`` chooses from: a later stage that is busier than that needs a gate of dozens of frames."""

LEAST_REACH = 0.01
"""A stage is planned for at least this share of the samples: calibration may have found that none reaches it."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """``cycles`` a sample, and in words ``what`` takes them at least."""

    cycles: int
    what: str


def planned_reach(arrive: Iterable[float]) -> tuple[float, ...]:
    """The share of the samples that each stage is planned for when the shares ``arrive`` reach the stages after the first: never more than
    the one before, and at least :data:`LEAST_REACH`."""
    planned = [1.0]
    for share in arrive:
        planned.append(min(planned[-1], max(LEAST_REACH, share)))
    return tuple(planned)


def least_pace(network: Network, reach: Sequence[float], utilisation: float, bus_bits: int) -> Pace:
    """The least cycles a sample at which every layer meets its stage's target (:func:`~build_flows.planning.folding.stage_targets`) in some
    folding, and an image comes in over a bus of ``bus_bits``.

    Raises :class:`~build_flows.planning.folding.FoldingError` for a layer that can be folded in no way.
    """
    values = network.source.values
    words = ceil(values / (bus_bits // 8))
    found = [Pace(cycles=words, what=f"the image bus takes at least {words} cycles a sample: {values:,} values, {bus_bits // 8} a cycle")]
    for item in least_targets(network):
        place = f" in stage {item.stage}, which {100 * reach[item.stage]:.3g} % of the samples are planned to reach" if item.stage else ""
        found.append(Pace(cycles=_asked(item, reach, utilisation), what=f"{item}{place}"))
    return max(found, key=lambda pace: pace.cycles)


def _asked(item: Least, reach: Sequence[float], utilisation: float) -> int:
    """The least cycles a sample that leave the stage of ``item`` the target it needs."""
    low, high = 1, item.target  # no stage has to be faster than samples come
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if stage_targets(middle, reach, utilisation)[item.stage] >= item.target else (middle + 1, high)
    return low


def fastest(network: Network, reach: Sequence[float], utilisation: float, part: Part, least: int) -> int | None:
    """The least cycles a sample, ``least`` or more, whose folding fits ``part`` by the estimate, with a share of its LUTs and flip-flops
    left free (:data:`FILLED`) where there is such a folding; None when none up to :data:`SLOWEST` fits at all.

    ``least`` is at least that of :func:`least_pace`. The same network gives the same pace on every machine.
    """
    roomy = replace(part, **{name: floor(FILLED * getattr(part, name)) for name in ("lut", "lutram", "ff")})
    found = _fastest(network, reach, utilisation, roomy, least)
    return _fastest(network, reach, utilisation, part, least) if found is None else found


def _fastest(network: Network, reach: Sequence[float], utilisation: float, part: Part, least: int) -> int | None:
    def good(cycles: int) -> bool:
        return fits(network, stage_targets(cycles, reach, utilisation), part, reach=reach)

    late, slow = least - 1, least
    while not good(slow):
        if slow >= SLOWEST:
            return None
        late, slow = slow, min(2 * slow, SLOWEST)
    while slow - late > 1:
        middle = (late + slow) // 2
        late, slow = (late, middle) if good(middle) else (middle, slow)
    return slow
