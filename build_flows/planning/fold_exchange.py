"""Exchanging how one layer is folded for another way, as long as that makes a folding better."""

from collections.abc import Callable

from build_flows.planning.fold_choices import Vector, add, less
from build_flows.planning.fold_space import Solution, Space

__all__ = ["Merit", "exchanged"]

Merit = tuple[float, float]
"""How good a folding is; the less the better."""


def exchanged(space: Space, solution: Solution, merit: Callable[[Vector], Merit]) -> Solution:
    """``solution``, or one of less ``merit`` to which layer after layer was exchanged, always the one that gains most; none is left that
    gains by itself. Deterministic: of equal exchanges that of the first place is taken (by run, then by layer), with the lowest
    numbers."""
    while True:
        best = None
        for place, picked in solution.picked.items():
            rest = less(solution.cost, space.around(solution, place, picked))
            for choice in space.choices[place]:
                if choice is not picked and len(choice.folds) == len(picked.folds):
                    rank = merit(add(rest, space.around(solution, place, choice))), place, choice.key
                    if best is None or rank < best[0]:
                        best = rank, choice
        if best is None:
            return solution
        found = space.solution({**solution.picked, best[0][1]: best[1]}, solution.input_pe)
        if merit(found.cost) >= merit(solution.cost):
            return solution
        solution = found
