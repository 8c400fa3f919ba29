"""All foldings of a network that meet its targets, and of them the one with the least sum of resources, each times what it weighs.

A layer sees its neighbours only through the width of the stream between them, so dynamic programming over that width along the tree of
stages and heads finds the true optimum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from build_flows.planning.fold_choices import Choice, Key, Vector, add, cheapest, choices, dot, resources, undominated, vector
from build_flows.planning.gate_costs import frame_bits, gate_cost, planned_frames
from build_flows.planning.layer_costs import Fold, converter, divisors, pool_behind
from build_flows.planning.network import Network

__all__ = ["Place", "Solution", "Space"]

Place = tuple[str, int, int]
"""A layer: ``stage``, ``head`` or ``gate``, which one, and where in its chain."""


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

    Attributes: ``chains`` of layers, ``choices`` for each layer.
    """

    def __init__(self, network: Network, targets: Sequence[int], narrow: bool, reach: Sequence[float] | None) -> None:
        self.network = network
        frames = planned_frames(tuple(targets), tuple(reach)) if reach else ()
        self.gates = {stage: (count, frame_bits(network, stage)) for stage, count in enumerate(frames)}
        self.chains = {(part, k): chain
                       for part, chains in (("stage", network.stages), ("head", network.heads), ("gate", network.gates))
                       for k, chain in enumerate(chains)}
        self.choices = {
            (part, k, place): undominated(choices(layer, targets[k], narrow, pool_behind(chain, place)))
            for (part, k), chain in self.chains.items() for place, layer in enumerate(chain)
        }
        source = network.source
        whole = [choice.in_bits // network.in_bits for choice in self.choices["stage", 0, 0] if choice.folds[0].fused]
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

    def gate(self, part: str, stage: int, width: int) -> Vector:
        """What the memory of the gate behind a stage takes; nothing where there is none."""
        if part != "stage" or stage not in self.gates:
            return 0, 0, 0, 0, 0, 0
        return resources(gate_cost(*self.gates[stage], width))

    def behind(self, part: str, stage: int) -> list[tuple[str, int]]:
        """The chains that what a stage gives goes into."""
        branches = [("head", stage), ("gate", stage), ("stage", stage + 1)] if part == "stage" else []
        return [branch for branch in branches if branch in self.chains]

    def solution(self, picked: Mapping[Place, Choice], input_pe: int) -> Solution:
        """The folding with what is ``picked``, which covers every layer once."""
        cost: Vector = (0, 0, 0, 0, 0, 0)

        def follow(part: str, stage: int, width: int) -> None:
            nonlocal cost
            place, chain = 0, self.chains[part, stage]
            while place < len(chain):
                choice = picked[part, stage, place]
                cost = add(add(cost, choice.cost), self._joined((part, stage, place), width, choice.in_bits))
                place, width = place + len(choice.folds), choice.out_bits
            cost = add(cost, self.gate(part, stage, width))
            for branch in self.behind(part, stage):
                follow(*branch, width)

        follow("stage", 0, input_pe * self.network.in_bits)
        return Solution(dict(picked), input_pe, cost)

    def around(self, solution: Solution, place: Place, choice: Choice) -> Vector:
        """What ``choice``, of as many layers as what is picked there, would take with the converters around it and a gate behind it."""
        part, stage, at = place
        before = [other for other in solution.picked if other[:2] == (part, stage) and other[2] < at]
        width = solution.picked[max(before)].out_bits if before else self._given(solution, stage - 1 if part == "stage" else stage)
        return add(add(choice.cost, self._joined(place, width, choice.in_bits)),
                   self._behind(solution, (part, stage, at + len(choice.folds)), choice.out_bits))

    def _given(self, solution: Solution, stage: int) -> int:
        """The width of what a stage gives, -1: the images."""
        while stage >= 0:
            its = [place for place in solution.picked if place[:2] == ("stage", stage)]
            if its:
                return solution.picked[max(its)].out_bits
            stage -= 1
        return solution.input_pe * self.network.in_bits

    def _behind(self, solution: Solution, place: Place, width: int) -> Vector:
        """What converters and gates take that get a stream of ``width`` which goes into ``place``, or out of its chain where that ends."""
        if place in solution.picked:
            return self._joined(place, width, solution.picked[place].in_bits)
        cost = self.gate(*place[:2], width)
        for branch in self.behind(*place[:2]):
            cost = add(cost, self._behind(solution, (*branch, 0), width))
        return cost

    def _joined(self, place: Place, width: int, in_bits: int) -> Vector:
        layer = self.chains[place[0], place[1]][place[2]]
        return self.between(width, in_bits, layer.source.values * layer.in_bits)

    def folds(self, solution: Solution) -> dict[str, Fold]:
        """How every layer is folded."""
        return {layer.name: fold for (part, stage, at), choice in solution.picked.items()
                for layer, fold in zip(self.chains[part, stage][at:], choice.folds, strict=False)}

    def cheapest(self, weights: Vector) -> Solution:
        """The folding with the least sum of resources, each times its weight."""
        priced = {key: cheapest(found, weights) for key, found in self.choices.items()}

        @cache
        def joined(width: int, in_bits: int, frame_bits: int) -> int:
            return dot(self.between(width, in_bits, frame_bits), weights)

        @cache
        def entered(part: str, stage: int, place: int) -> tuple[tuple[int, Key, Choice], ...]:
            """For each width that a layer can take, the least price of it and everything downstream of it, and how it is folded."""
            found: dict[int, tuple[int, Key, Choice]] = {}
            for price, choice in priced[part, stage, place]:
                behind_it = least(part, stage, place + len(choice.folds), choice.out_bits)[0]
                if behind_it is None:
                    continue
                best, total = found.get(choice.in_bits), price + behind_it
                if best is None or (total, choice.key) < best[:2]:
                    found[choice.in_bits] = total, choice.key, choice
            return tuple(found.values())

        @cache
        def least(part: str, stage: int, place: int, width: int) -> tuple[int | None, Choice | None]:
            """The least price of everything downstream of a stream ``width`` wide that enters a layer, and how the layer is folded; None
            where it can be in no way: a pool is too slow by itself, and has to be part of the unit before it."""
            chain = self.chains[part, stage]
            if place == len(chain):
                prices = [least(*branch, 0, width)[0] for branch in self.behind(part, stage)]
                held = dot(self.gate(part, stage, width), weights)
                return None if None in prices else held + sum(price for price in prices if price is not None), None
            frame_bits = chain[place].source.values * chain[place].in_bits
            found = [(price + joined(width, choice.in_bits, frame_bits), key, choice) for price, key, choice in entered(part, stage, place)]
            if not found:
                return None, None
            price, _, choice = min(found, key=lambda item: item[:2])
            return price, choice

        def entry(pe: int) -> tuple[int, int]:
            price = least("stage", 0, 0, pe * self.network.in_bits)[0]
            assert price is not None, "what no folding meets was refused"
            return price, pe

        input_pe = min(self.entries, key=entry)
        picked: dict[Place, Choice] = {}

        def follow(part: str, stage: int, width: int) -> None:
            place, chain = 0, self.chains[part, stage]
            while place < len(chain):
                choice = least(part, stage, place, width)[1]
                assert choice is not None, "what no folding meets was refused"
                picked[part, stage, place] = choice
                place, width = place + len(choice.folds), choice.out_bits
            for branch in self.behind(part, stage):
                follow(*branch, width)

        follow("stage", 0, input_pe * self.network.in_bits)
        return self.solution(picked, input_pe)
