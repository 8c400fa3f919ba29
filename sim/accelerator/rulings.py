"""Which exits let an image leave, by any rule that was in force while it was inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hw.netlist import Netlist
from sim import golden
from sim.accelerator.in_force import Rules
from sim.golden.decision import scores
from sim.golden.policies import POLICIES, Side

__all__ = ["Found", "Pool", "wrong_decisions"]

Integers = npt.NDArray[np.int64]
AT_ONCE = 1 << 18
"""Pairs of image and rule that are looked at together."""


class Pool:
    """What the golden model makes of a pool of images, whatever the thresholds: ``labels`` and ``confidence`` int64 ``[exits, n]``, from
    the ``logits`` int64 ``[n, classes]`` of every exit and those of the ``gates``, int64 ``[n]``, by exit."""

    def __init__(self, netlist: Netlist, logits: Sequence[Integers], gates: Mapping[int, Integers]) -> None:
        self.exits = netlist.exits
        self.logits, self.gates = logits, gates
        plain = [golden.Exit(index=item.index, policy=item.policy, threshold=item.threshold, params=item.params) for item in netlist.exits]
        found = list(scores(logits, plain, dict(gates)))
        self.labels = np.stack([values.argmax(axis=1).astype(np.int64) for values in logits])
        self.confidence = np.stack([score.confidence for score in found])
        self._runs = [score.run for score in found]

    def fires(self, exit_: int, who: Integers, thresholds: Integers) -> npt.NDArray[np.bool_]:
        """Whether the policy of an exit lets images of the pool leave, each with its row of ``thresholds`` int64 ``[n, 1 or classes]``."""
        item = self.exits[exit_]
        name, params = item.policy, item.params
        limit = thresholds[:, 0]
        if name == "class_threshold":
            name, limit = item.params["score"], thresholds[np.arange(len(who)), self.labels[exit_][who]]
            params = item.params.get("score_params", {})
        run = self._runs[exit_ - 1] if exit_ else None
        side = Side(gate=self.gates[exit_][who] if exit_ in self.gates else None,
                    label=None if run is None else self.labels[exit_ - 1][who], run=None if run is None else run[who])
        leaves: npt.NDArray[np.bool_] = POLICIES[name](self.logits[exit_][who], limit, params, side).leaves
        return leaves


@dataclass
class Found:
    """``wrong``: image (its place among those given) and exit of each decision that no rule in force gives. ``exact``: of so many
    ``decisions`` one rule alone was in force."""

    decisions: int = 0
    exact: int = 0
    wrong: list[tuple[int, int]] = field(default_factory=list)


def wrong_decisions(pool: Pool, rules: Sequence[Rules], who: Integers, exits: Integers, first: Integers, last: Integers) -> Found:
    """Looks at all decisions of images that left at ``exits``, in the order in which they entered.

    ``who`` are their numbers in ``pool``; each was inside from cycle ``first`` to cycle ``last``; int64 ``[n]`` all.
    """
    found = Found()
    for index in range(len(rules) - 1):
        reach = np.flatnonzero(exits >= index)
        low, high = rules[index].windows(first[reach], last[reach])
        found.decisions += len(reach)
        found.exact += int((low == high).sum())
        starts = np.concatenate([[0], np.cumsum(high - low + 1)])
        owner = np.repeat(np.arange(len(reach)), high - low + 1)
        version = low[owner] + np.arange(starts[-1]) - starts[:-1][owner]
        by_class = pool.exits[index].policy == "class_threshold"
        fires = _fires(pool, index, who[reach[owner]], rules[index], version)
        modes = np.array(rules[index].modes, np.int64)[version]
        leaves = exits[reach] == index
        fits = np.where(modes == 1, True, np.where(modes == 2, False, fires)) == leaves[owner]
        if by_class:
            ranges = [slice(starts[at], starts[at + 1]) for at in range(len(reach))]
            bad = [at for at, its in enumerate(ranges) if not _fits(modes[its].tolist(), fires[its].tolist(), bool(leaves[at]))]
        else:
            bad = _in_turn(fits, low, starts)
        found.wrong += [(int(reach[at]), index) for at in bad]
    return found


def _fires(pool: Pool, exit_: int, who: Integers, rules: Rules, version: Integers) -> npt.NDArray[np.bool_]:
    table = np.array(rules.thresholds, np.int64)
    parts = [pool.fires(exit_, who[at:at + AT_ONCE], table[version[at:at + AT_ONCE]]) for at in range(0, len(who), AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(0, np.bool_)


def _fits(modes: list[int], fires: list[bool], leaves: bool) -> bool:
    """Of a policy with thresholds by class: the mode is that of some version, and the threshold that of the same or a later one."""
    return any((mode == 1 or (mode == 0 and fired)) == leaves for at, mode in enumerate(modes) for fired in fires[at:])


def _in_turn(fits: npt.NDArray[np.bool_], low: Integers, starts: Integers) -> list[int]:
    """Decisions for which there is no version that fits, or only older ones than some decision before had."""
    bad, now = [], 0
    fitting, begin, lowest = fits.tolist(), starts.tolist(), low.tolist()
    for at, least in enumerate(lowest):
        now = max(now, least)
        place = begin[at] + now - least
        while place < begin[at + 1] and not fitting[place]:
            place += 1
        if place >= begin[at + 1]:
            bad.append(at)
        else:
            now = least + place - begin[at]
    return bad
