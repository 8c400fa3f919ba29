"""Exchanging how one layer is folded for another way, as long as that makes a folding better."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from build_flows.planning.fold_choices import Choice, less
from build_flows.planning.fold_program import Place
from build_flows.planning.fold_space import Solution, Space
from build_flows.planning.fold_table import Ints

__all__ = ["Merits", "exchanged"]

Merits = Callable[[Ints], npt.NDArray[np.float64]]
"""How good foldings are that take so much (``[foldings, resources]``): two numbers each, of which first the first is to be small."""


def exchanged(space: Space, solution: Solution, merits: Merits) -> Solution:
    """``solution``, or one of less ``merits`` to which layer after layer was exchanged, always the one that gains most; none is left that
    gains by itself. Deterministic: of equal exchanges that of the first place is taken (by run, then by layer), with the lowest
    numbers."""
    now = _merit(merits, solution)
    while True:
        best: tuple[tuple[float, float], Place, Choice] | None = None
        for place, picked in solution.picked.items():
            others = [choice for choice in space.choices[place] if choice is not picked and len(choice.folds) == len(picked.folds)]
            if not others:
                continue
            rest = less(solution.cost, space.around(solution, place, [picked])[0])
            found = merits(np.array(space.around(solution, place, others), np.int64) + np.array(rest, np.int64))
            first = found[:, 0].min()
            second = found[found[:, 0] == first, 1].min()
            merit = float(first), float(second)
            if best is None or (merit, place) < best[:2]:
                same = np.flatnonzero((found[:, 0] == first) & (found[:, 1] == second))
                best = merit, place, min((others[at] for at in same), key=lambda choice: choice.key)
        if best is None or best[0] >= now:
            return solution
        tried = space.solution({**solution.picked, best[1]: best[2]}, solution.input_pe)
        if _merit(merits, tried) >= now:
            return solution
        solution, now = tried, _merit(merits, tried)


def _merit(merits: Merits, solution: Solution) -> tuple[float, float]:
    first, second = merits(np.array([solution.cost], np.int64))[0]
    return float(first), float(second)
