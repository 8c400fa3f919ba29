"""All foldings of a network that meet its targets, and of them the one with the least sum of resources, each times what it weighs.

A layer sees its neighbours only through the width of the stream between them, so dynamic programming over that width along the tree of
runs (:class:`build_flows.planning.network.Run`) finds the true optimum. Where paths join, the converters of all but the first of them are
left out of that: they are small, and counted when the folding is evaluated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from build_flows.planning.fold_choices import Choice, Key, Vector, add, cheapest, dot, kept, resources, vector
from build_flows.planning.gate_costs import frame_bits, gate_cost, planned_frames
from build_flows.planning.layer_costs import Fold, converter, divisors, pool_behind
from build_flows.planning.network import IMAGE, Layer, Network

__all__ = ["Place", "Solution", "Space"]

Place = tuple[int, int]
"""A layer: its run, and where in that."""


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
        frames = planned_frames(tuple(targets), tuple(reach)) if reach else ()
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

    def around(self, solution: Solution, place: Place, choice: Choice) -> Vector:
        """What ``choice``, of as many layers as what is picked there, would take with the converters around it and a gate behind it."""
        run, at = place
        before = [other for other in solution.picked if other[0] == run and other[1] < at]
        width = solution.picked[max(before)].out_bits if before else self._given(solution, run)
        return add(add(choice.cost, self._joined(place, width, choice.in_bits)),
                   self._behind(solution, (run, at + len(choice.folds)), choice.out_bits))

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

    def cheapest(self, weights: Vector) -> Solution:
        """The folding with the least sum of resources, each times its weight."""
        priced = {key: cheapest(found, weights) for key, found in self.choices.items()}

        @cache
        def joined(width: int, in_bits: int, frame_bits: int) -> int:
            return dot(self.between(width, in_bits, frame_bits), weights)

        @cache
        def entered(run: int, at: int) -> tuple[tuple[int, Key, Choice], ...]:
            """For each width that a layer can take, the least price of it and everything downstream of it, and how it is folded."""
            found: dict[int, tuple[int, Key, Choice]] = {}
            for price, choice in priced[run, at]:
                behind_it = least(run, at + len(choice.folds), choice.out_bits)[0]
                if behind_it is None:
                    continue
                best, total = found.get(choice.in_bits), price + behind_it
                if best is None or (total, choice.key) < best[:2]:
                    found[choice.in_bits] = total, choice.key, choice
            return tuple(found.values())

        @cache
        def least(run: int, at: int, width: int) -> tuple[int | None, Choice | None]:
            """The least price of everything downstream of a stream ``width`` wide that enters a layer, and how the layer is folded; None
            where it can be in no way: a pool is too slow by itself, and has to be part of the unit before it."""
            layers = self.runs[run].layers
            if at == len(layers):
                prices = [least(behind, 0, width)[0] for behind in self.runs[run].behind]
                held = dot(self.gate(run, width), weights)
                return None if None in prices else held + sum(price for price in prices if price is not None), None
            frame_bits = layers[at].source.values * layers[at].in_bits
            found = [(price + joined(width, choice.in_bits, frame_bits), key, choice) for price, key, choice in entered(run, at)]
            if not found:
                return None, None
            price, _, choice = min(found, key=lambda item: item[:2])
            return price, choice

        def entry(pe: int) -> tuple[int, int]:
            prices = [least(run, 0, pe * self.network.in_bits)[0] for run in self.first]
            assert None not in prices, "what no folding meets was refused"
            return dot(self.entry(pe), weights) + sum(price for price in prices if price is not None), pe

        input_pe = min(self.entries, key=entry)
        picked: dict[Place, Choice] = {}

        def follow(run: int, width: int) -> None:
            at, layers = 0, self.runs[run].layers
            while at < len(layers):
                choice = least(run, at, width)[1]
                assert choice is not None, "what no folding meets was refused"
                picked[run, at] = choice
                at, width = at + len(choice.folds), choice.out_bits
            for behind in self.runs[run].behind:
                follow(behind, width)

        for run in self.first:
            follow(run, input_pe * self.network.in_bits)
        return self.solution(picked, input_pe)


def _unplaced(pool: Layer | None) -> Layer | None:
    return None if pool is None else pool.unplaced
