"""What designs are weighed by, the front of those that no other one beats, and its hypervolume."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt

from build_flows.artefacts.explore import Outcome
from build_flows.base.errors import OfframpError

__all__ = ["ENERGY", "OBJECTIVES", "Floats", "Objective", "Scale", "chosen", "front", "values"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """One figure of a design: ``told`` in words, its ``value``, and whether ``most`` is best."""

    told: str
    value: Callable[[Outcome], float]
    most: bool = False


ENERGY = "energy"
"""The objective that has to be counted by itself where designs are verified."""

OBJECTIVES = {
    "accuracy": Objective("most right answers", lambda item: item.accuracy, most=True),
    "throughput": Objective("most samples a second", lambda item: item.samples_per_second, most=True),
    ENERGY: Objective("least switched a sample, relative, docs/energy.md", lambda item: math.inf if item.energy is None else item.energy),
    "lut": Objective("fewest LUTs, those used as memory too", lambda item: float(item.lut)),
    "ff": Objective("fewest flip-flops", lambda item: float(item.ff)),
    "bram36": Objective("fewest block RAMs", lambda item: float(item.bram36)),
    "dsp": Objective("fewest DSPs", lambda item: float(item.dsp)),
}


def chosen(names: Sequence[str]) -> list[Objective]:
    """The objectives called so. Raises :class:`OfframpError` for one that is not known, and for none."""
    for name in names:
        if name not in OBJECTIVES:
            raise OfframpError(f"no objective is called {name!r}; known are {', '.join(OBJECTIVES)}")
    if not names:
        raise OfframpError(f"no objective was given; known are {', '.join(OBJECTIVES)}")
    return [OBJECTIVES[name] for name in names]


def values(outcomes: Sequence[Outcome], objectives: Sequence[Objective]) -> Floats:
    """``[outcomes, objectives]``, of all of which the least is best."""
    found = [[-item.value(outcome) if item.most else item.value(outcome) for item in objectives] for outcome in outcomes]
    return np.array(found, float).reshape(len(outcomes), len(objectives))


def front(found: Floats) -> list[int]:
    """The rows of ``found``, of which the least is best, that no other one beats: is as good in everything and better in something; of
    equal ones the first. Ascending."""
    if not len(found):
        return []
    kept: list[int] = np.flatnonzero(moocore.is_nondominated(found, keep_weakly=False)).tolist()
    return kept


@dataclass(frozen=True)
class Scale:
    """Objectives as shares of the way from ``ideal``, the best of each, to ``worst``; both of values of which the least is best."""

    ideal: Floats
    worst: Floats

    @classmethod
    def of(cls, found: Floats) -> "Scale":
        """From the best to the worst of each column of ``found``, which has a row at least."""
        return cls(found.min(axis=0), found.max(axis=0))

    def scaled(self, found: Floats) -> Floats:
        """From 0, the ideal, to 1; 0 where all are alike."""
        span = np.where(self.worst > self.ideal, self.worst - self.ideal, 1.0)
        shares: Floats = (found - self.ideal) / span
        return shares

    def hypervolume(self, found: Floats) -> float:
        """The share of the box between ideal and worst that ``found`` beats (Zitzler and Thiele, 1998), 0 to 1; the worst corner is a
        hundredth farther out, so that what is worst in one objective still counts."""
        inside = self.scaled(found)
        inside = inside[(inside <= 1).all(axis=1)]
        if not len(inside):
            return 0.0
        corner = 1.01
        return float(moocore.hypervolume(inside, ref=np.full(found.shape[1], corner)) / corner ** found.shape[1])
