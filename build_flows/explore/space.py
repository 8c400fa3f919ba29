"""The space of designs: layouts of exits, policies, bits, and what they are folded for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import ceil

from build_flows.explore.search_file import SearchFile

__all__ = ["Asked", "Bits", "Family", "Place", "Space", "layouts", "rates", "space"]

Place = tuple[int, str]
"""An early exit: the block after which it stands, and its head."""

Bits = tuple[int, int]
"""Of weights and of activations."""

NO_POLICY = "always"
"""The policy of a layout without early exits, in which nothing is decided."""

RATIO = 1.125
"""From one rate to the next."""


@dataclass(frozen=True, order=True)
class Family:
    """Designs that decide alike: a layout of exits, the policy of all of them, and the bits."""

    layout: tuple[Place, ...]
    policy: str
    bits: Bits


@dataclass(frozen=True, order=True)
class Asked:
    """What a design of a family is folded for, and the accuracy, in points, that its thresholds may lose."""

    loss: float
    cycles: int
    utilisation: float


@dataclass(frozen=True)
class Space:
    """All designs: of every one of ``families`` those of all ``losses``, ``cycles`` and ``utilisations``; where there is no early exit, of
    one loss and one utilisation."""

    families: tuple[Family, ...]
    losses: tuple[float, ...]
    cycles: tuple[int, ...]
    utilisations: tuple[float, ...]

    def asked(self, family: Family) -> list[Asked]:
        """What designs of ``family`` are asked for."""
        if not family.layout:
            return [Asked(0.0, cycles, 1.0) for cycles in self.cycles]
        return [Asked(*item) for item in product(self.losses, self.cycles, self.utilisations)]

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(len(self.cycles) * (len(self.losses) * len(self.utilisations) if family.layout else 1) for family in self.families)


def layouts(search: SearchFile, heads: Sequence[Sequence[str]]) -> list[tuple[Place, ...]]:
    """Every choice of exits of ``search``, the one without any first; ``heads`` are those that each place may have."""
    places = [[(place.after, head) for head in found] for place, found in zip(search.exits, heads, strict=True)]
    most = len(places) if search.most_exits is None else min(search.most_exits, len(places))
    return [layout for count in range(most + 1) for chosen in combinations(places, count) for layout in product(*chosen)]


def rates(least: int, count: int) -> tuple[int, ...]:
    """``count`` different numbers of cycles a sample, from ``least`` on."""
    found = [least]
    while len(found) < count:
        found.append(max(found[-1] + 1, ceil(found[-1] * RATIO)))
    return tuple(found)


def space(search: SearchFile, heads: Sequence[Sequence[str]], bits: Sequence[Bits], least: int) -> Space:
    """What ``search`` asks for: with the ``heads`` of its places, of networks of ``bits``, the fastest of which keeps ``least`` cycles a
    sample."""
    families = [
        Family(layout, policy, own) for own in bits for layout in layouts(search, heads)
        for policy in (search.policies if layout else (NO_POLICY,))
    ]
    cycles = rates(least, search.rates) if search.cycles_per_sample == "auto" else tuple(sorted(search.cycles_per_sample))
    return Space(tuple(families), tuple(sorted(search.accuracy_loss)), cycles, tuple(sorted(search.utilisation)))
