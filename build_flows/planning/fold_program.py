"""The least sum of resources over all foldings of a network: dynamic programming over the widths of the streams between layers.

What does not depend on what resources weigh (:class:`build_flows.planning.fold_table.Table`, the converters between widths) is worked out
once; the search asks for many weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from build_flows.planning.fold_choices import Choice, Vector
from build_flows.planning.fold_table import FAR, Ints, Table, first_least, integers

__all__ = ["Place", "Program", "Tree"]

Place = tuple[int, int]
"""A layer: its run, and where in that; where the run ends, one behind its last layer."""

VALUES = 6


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What is folded: how many layers each run has (``lengths``), the runs ``behind`` each, which come later in the order of runs, and
    those that are ``first``; the ``choices`` of each layer; widths of what the first ones get (``entries``), of which, where they are
    equally good, an earlier one is taken.

    ``joined(place, width)`` gives, by width in, what the converters before a layer take that gets a stream of ``width``; ``ended(run,
    width)`` what takes a run's stream; ``entered(width)`` what takes the images'."""

    lengths: Sequence[int]
    behind: Sequence[Sequence[int]]
    first: Sequence[int]
    choices: Mapping[Place, Sequence[Choice]]
    entries: Sequence[int]
    joined: Callable[[Place, int, int], Vector]
    ended: Callable[[int, int], Vector]
    entered: Callable[[int], Vector]


@dataclass(frozen=True)
class _Step:
    """A layer whose streams may be so wide (``widths``): its choices, by width of the stream before and of the choice what converters take
    ``[widths, in widths, resources]``, and where each group goes on: a place, and which of its widths."""

    table: Table
    joins: Ints
    onward: tuple[tuple[Place, Ints, Ints], ...]


class Program:
    """The foldings of a :class:`Tree`; :meth:`cheapest` finds one."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.widths: dict[Place, list[int]] = {(run, 0): list(tree.entries) for run in tree.first}
        self.steps: dict[Place, _Step] = {}
        self.ends: dict[int, Ints] = {}
        self.entries = _vectors([tree.entered(width) for width in tree.entries])
        for run, length in enumerate(tree.lengths):
            for at in range(length):
                self._enter((run, at))
            ended = self.widths.setdefault((run, length), [])
            self.ends[run] = _vectors([tree.ended(run, width) for width in ended])
            self.widths |= {(behind, 0): ended for behind in tree.behind[run]}
        self.most = sum((_most(step.table.costs) + _most(step.joins) for step in self.steps.values()),
                        _most(self.entries) + sum((_most(found) for found in self.ends.values()), np.zeros(VALUES, np.int64)))

    def _enter(self, place: Place) -> None:
        widths, choices = self.widths.setdefault(place, []), self.tree.choices[place]
        if not choices or not widths:
            return
        table, (run, at) = Table.of(choices), place
        for width, layers in table.outs:
            behind = self.widths.setdefault((run, at + layers), [])
            if width not in behind:
                behind.append(width)
        joins = np.stack([_vectors([self.tree.joined(place, width, wanted) for wanted in table.widths]) for width in widths])
        onward = []
        for layers in sorted({layers for _, layers in table.outs}):
            groups = [group for group, (_, many) in enumerate(table.outs) if many == layers]
            behind = self.widths[run, at + layers]
            onward.append(((run, at + layers), np.array(groups), np.array([behind.index(table.outs[group][0]) for group in groups])))
        self.steps[place] = _Step(table, joins, tuple(onward))

    def cheapest(self, weights: Vector) -> tuple[dict[Place, Choice], int]:
        """What is picked for each layer that is not part of the unit before it, in the order of the streams, and the place of the width of
        the images, in the folding with the least sum of resources, each times its weight; of equally good ones the one with the lowest
        keys. There must be one."""
        priced = integers(weights, self.most)
        far = FAR if priced.dtype == np.int64 else FAR << 400
        values: dict[Place, Ints] = {}
        picks: dict[Place, Ints] = {}
        for run in reversed(range(len(self.tree.lengths))):
            length = self.tree.lengths[run]
            value = self.ends[run] @ priced
            for behind in self.tree.behind[run]:
                value = np.minimum(value + values[behind, 0], far)
            values[run, length] = value
            for at in reversed(range(length)):
                values[run, at], picks[run, at] = self._least((run, at), priced, values, far)
        whole = self.entries @ priced
        for run in self.tree.first:
            whole = np.minimum(whole + values[run, 0], far)
        entry = int(whole.argmin())
        assert whole[entry] < far, "what no folding meets was refused"
        picked: dict[Place, Choice] = {}
        for run in self.tree.first:
            self._follow(run, entry, picks, picked)
        return picked, entry

    def _least(self, place: Place, priced: Ints, values: Mapping[Place, Ints], far: int) -> tuple[Ints, Ints]:
        """By width of what enters a layer the least price of it and all behind it, and its choice."""
        step, count = self.steps.get(place), len(self.widths.get(place, []))
        if step is None:
            return np.full(count, far, priced.dtype), np.zeros(count, np.int64)
        least, chosen = step.table.cheapest(priced)
        whole = least.copy()
        for behind, groups, at in step.onward:
            whole[groups] = np.minimum(whole[groups] + values[behind][at], far)
        ranks = step.table.ranks[chosen]
        # Of the groups that begin with the same width the best one.
        best = [start + int(first_least(whole[start:end], ranks[start:end])) for start, end in pairwise([*step.table.firsts, len(whole)])]
        total = step.joins @ priced + whole[best]
        at = first_least(total, ranks[best])
        return np.minimum(np.take_along_axis(total, at[:, None], axis=1)[:, 0], far), chosen[np.array(best)[at]]

    def _follow(self, run: int, at: int, picks: Mapping[Place, Ints], picked: dict[Place, Choice]) -> None:
        place, length = 0, self.tree.lengths[run]
        while place < length:
            choice = self.steps[run, place].table.choices[picks[run, place][at]]
            picked[run, place] = choice
            place += len(choice.folds)
            at = self.widths[run, place].index(choice.out_bits)
        for behind in self.tree.behind[run]:
            self._follow(behind, at, picks, picked)


def _vectors(found: Sequence[Vector]) -> Ints:
    return np.array(found, np.int64).reshape(len(found), VALUES)


def _most(costs: Ints) -> Ints:
    """Of each resource the most."""
    most: Ints = costs.reshape(-1, VALUES).max(axis=0, initial=0)
    return most
