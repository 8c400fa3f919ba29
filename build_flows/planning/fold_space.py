"""All foldings of a network that meet its targets, and of them the one with the least sum of resources, each times what it weighs.

A layer sees its neighbours only through the width of the stream between them, so dynamic programming over that width along the tree of
runs (:class:`build_flows.planning.network.Run`) finds the true optimum. Where paths join, the converters of all but the first of them are
left out of that: they are small, and counted when the folding is evaluated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from build_flows.planning.fold_choices import Choice, Vector, add, kept, resources, vector
from build_flows.planning.fold_program import Place, Program, Tree
from build_flows.planning.gate_costs import frame_bits, gate_cost, planned_frames
from build_flows.planning.layer_costs import Fold, converter, divisors, pool_behind
from build_flows.planning.network import IMAGE, Layer, Network

__all__ = ["Place", "Solution", "Space"]


@dataclass(frozen=True)
class Solution:
    """A folding: what is ``picked`` for each layer that is not part of the unit before it, in the order of the streams, channels a beat of
    the images, and what all takes, converters and gates included."""

    picked: dict[Place, Choice]
    input_pe: int
    cost: Vector


class Space:
    """All foldings of ``network`` that meet its ``targets``, less those that are no better than another of the same widths in anything;
    parameters as of :func:`build_flows.planning.folding_search.search`.

    Attributes: the network's ``runs``, ``choices`` for each layer.
    """

    def __init__(self, network: Network, targets: Sequence[int], narrow: bool, reach: Sequence[float] | None) -> None:
        self.network = network
        frames = planned_frames(targets, reach) if reach else ()
        self.frames = dict(enumerate(frames))
        self.runs = network.runs
        self.before = {behind: place for place, run in enumerate(self.runs) for behind in run.behind}
        self.first = [place for place in range(len(self.runs)) if place not in self.before]
        """The runs that read the images."""
        self.choices = {
            (place, at): kept(layer.unplaced, targets[run.index], narrow, _unplaced(pool_behind(run.layers, at)))
            for place, run in enumerate(self.runs) for at, layer in enumerate(run.layers)
        }
        source = network.source
        whole = [choice.in_bits // network.in_bits for choice in self.choices[0, 0] if choice.folds[0].fused]
        sizes = {*divisors(source.channels), *whole}
        self.entries = [pe for pe in sorted(sizes) if source.values // pe <= targets[0]]
        self.converters: dict[tuple[int, int, int], Vector] = {}

    def between(self, width: int, in_bits: int, frame_bits: int) -> Vector:
        """What the converter between two widths takes; nothing when they are equal."""
        key = (width, in_bits, frame_bits)
        if key not in self.converters:
            unit = converter(*key)
            self.converters[key] = vector([unit] if unit else [])
        return self.converters[key]

    def gate(self, run: int, width: int) -> Vector:
        """What the memories of the gates that hold what a run gives take; nothing where there is none."""
        return self._gates(self.runs[run].layers[-1].name, width)

    def entry(self, input_pe: int) -> Vector:
        """What those take that hold the images, ``input_pe`` channels a beat."""
        return self._gates(IMAGE, input_pe * self.network.in_bits)

    def _gates(self, name: str, width: int) -> Vector:
        cost: Vector = (0, 0, 0, 0, 0, 0)
        for stage in self.network.held(name):
            if stage in self.frames:
                cost = add(cost, resources(gate_cost(self.frames[stage], frame_bits(self.network, name), width)))
        return cost

    def solution(self, picked: Mapping[Place, Choice], input_pe: int) -> Solution:
        """The folding with what is ``picked``, which covers every layer once."""
        cost = self.entry(input_pe)

        def follow(run: int, width: int) -> None:
            nonlocal cost
            at, layers = 0, self.runs[run].layers
            while at < len(layers):
                choice = picked[run, at]
                cost = add(add(cost, choice.cost), self._joined((run, at), width, choice.in_bits))
                at, width = at + len(choice.folds), choice.out_bits
            cost = add(cost, self.gate(run, width))
            for behind in self.runs[run].behind:
                follow(behind, width)

        for run in self.first:
            follow(run, input_pe * self.network.in_bits)
        return Solution(dict(picked), input_pe, cost)

    def around(self, solution: Solution, place: Place, choices: Sequence[Choice]) -> list[Vector]:
        """What each of ``choices``, of as many layers as what is picked there, would take with the converters around it and a gate behind
        it."""
        run, at = place
        before = [other for other in solution.picked if other[0] == run and other[1] < at]
        width = solution.picked[max(before)].out_bits if before else self._given(solution, run)
        joined = {bits: self._joined(place, width, bits) for bits in {choice.in_bits for choice in choices}}
        layers = len(choices[0].folds)
        behind = {bits: self._behind(solution, (run, at + layers), bits) for bits in {choice.out_bits for choice in choices}}
        return [add(add(choice.cost, joined[choice.in_bits]), behind[choice.out_bits]) for choice in choices]

    def _given(self, solution: Solution, run: int) -> int:
        """The width of what goes into a run."""
        while run in self.before:
            run = self.before[run]
            its = [place for place in solution.picked if place[0] == run]
            if its:
                return solution.picked[max(its)].out_bits
        return solution.input_pe * self.network.in_bits

    def _behind(self, solution: Solution, place: Place, width: int) -> Vector:
        """What converters and gates take that get a stream of ``width`` which goes into ``place``, or out of its run where that ends."""
        if place in solution.picked:
            return self._joined(place, width, solution.picked[place].in_bits)
        cost = self.gate(place[0], width)
        for behind in self.runs[place[0]].behind:
            cost = add(cost, self._behind(solution, (behind, 0), width))
        return cost

    def _joined(self, place: Place, width: int, in_bits: int) -> Vector:
        layer = self.runs[place[0]].layers[place[1]]
        return self.between(width, in_bits, layer.source.values * layer.in_bits)

    def folds(self, solution: Solution) -> dict[str, Fold]:
        """How every layer is folded."""
        return {layer.name: fold for (run, at), choice in solution.picked.items()
                for layer, fold in zip(self.runs[run].layers[at:], choice.folds, strict=False)}

    @cached_property
    def program(self) -> Program:
        """What finds the cheapest."""
        return Program(Tree(
            lengths=[len(run.layers) for run in self.runs], behind=[run.behind for run in self.runs], first=self.first,
            choices=self.choices, entries=[pe * self.network.in_bits for pe in self.entries], joined=self._joined, ended=self.gate,
            entered=lambda width: self._gates(IMAGE, width),
        ))

    def cheapest(self, weights: Vector) -> Solution:
        """The folding with the least sum of resources, each times its weight."""
        picked, entry = self.program.cheapest(weights)
        return self.solution(picked, self.entries[entry])


def _unplaced(pool: Layer | None) -> Layer | None:
    return None if pool is None else pool.unplaced
