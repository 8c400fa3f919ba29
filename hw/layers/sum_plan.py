"""How a sum of constant multiples is made of shifts and two-input adders: a plan without hardware, from which its size follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

__all__ = ["ODD", "Digit", "Node", "SumPlan", "plan_sum", "signed_digits", "value_bits"]

ODD = (1, 3, 5, 7)
"""Multiples that a digit can have before it is shifted; each but the first takes one adder, whoever uses it."""

MOST_WEIGHT_BITS = 8


class Digit(NamedTuple):
    """A part of a weight: ``odd << shift``, subtracted where it is ``negative``."""

    odd: int
    shift: int
    negative: bool


def _digit(value: int) -> Digit | None:
    shift = (value & -value).bit_length() - 1
    odd = abs(value) >> shift
    return Digit(odd, shift, value < 0) if odd in ODD else None


def signed_digits(weight: int) -> tuple[Digit, ...]:
    """The fewest digits that add up to ``weight``, none for 0 and two at most; of equally many those with the least sum of odd multiples.

    Raises ValueError for a weight that is not of 8 bits (-128 to 127).
    """
    if not -128 <= weight <= 127:
        raise ValueError(f"a weight must have at most {MOST_WEIGHT_BITS} bits (-128 to 127), not be {weight}")
    if weight == 0:
        return ()
    one = _digit(weight)
    if one is not None:
        return (one,)
    found = []
    for shift in range(8):
        for odd in ODD:
            for negative in (False, True):
                first = Digit(odd, shift, negative)
                rest = _digit(weight - (-1 if negative else 1) * (odd << shift))
                if rest is not None and rest.shift <= first.shift:
                    found.append((first.odd + rest.odd, first.shift, first, rest))
    _, _, first, rest = min(found)
    return (first, rest)


def value_bits(least: int, most: int) -> int:
    """Bits of two's complement (plain bits where nothing is negative) that hold ``least`` to ``most``."""
    return max((~least).bit_length(), most.bit_length()) + 1 if least < 0 else most.bit_length()


@dataclass(frozen=True)
class Node:
    """A part of a sum: a value from ``least`` to ``most``, shifted left by ``shift``, subtracted where it is ``negative``.

    ``parts`` are the nodes of the level before that it is made of: none for a digit, one for a register, two for an adder (the first less
    the second where ``subtracts``; both on top of their own shifts).
    """

    least: int
    most: int
    shift: int = 0
    negative: bool = False
    parts: tuple["Node", ...] = ()
    subtracts: bool = False
    source: tuple[int, int] | None = None
    """Of a digit: number of the input and odd multiple."""

    @property
    def bits(self) -> int:
        """Bits of the value's register."""
        return value_bits(self.least, self.most)

    @property
    def adder_bits(self) -> int:
        """Bits of its adder: those below the higher of two shifts pass by, where the lower one is not subtracted."""
        if len(self.parts) < 2:
            return 0
        first, second = self.parts
        passed = second.shift if self.subtracts else max(first.shift, second.shift)
        return max(0, self.bits - (passed - self.shift))


@dataclass(frozen=True)
class SumPlan:
    """The sum's levels of registers, from the digits (not registered here) to one node, which is positive and not shifted; no level at all
    stands for the constant 0."""

    levels: tuple[tuple[Node, ...], ...]

    @property
    def depth(self) -> int:
        """Levels of registers."""
        return max(0, len(self.levels) - 1)

    @cached_property
    def total(self) -> Node:
        """The sum."""
        return self.levels[-1][0] if self.levels else Node(0, 0)

    @property
    def adder_bits(self) -> int:
        """Bits of all adders."""
        return sum(node.adder_bits for level in self.levels[1:] for node in level)

    @property
    def register_bits(self) -> int:
        """Bits of all registers."""
        return sum(node.bits for level in self.levels[1:] for node in level)

    @property
    def adders(self) -> Mapping[int, int]:
        """How many adders there are of each number of bits."""
        found: dict[int, int] = {}
        for level in self.levels[1:]:
            for node in level:
                if len(node.parts) == 2:
                    found[node.adder_bits] = found.get(node.adder_bits, 0) + 1
        return dict(sorted(found.items()))


def plan_sum(weights: Sequence[int], least: int, most: int) -> SumPlan:
    """The plan of ``sum(weight * input)`` for inputs from ``least`` to ``most``: digits, a level of adders at a time, the same for the same
    weights. Neighbours of equal sign and shift are added, so that few bits carry a sign or wait for a higher shift."""
    reach = _Reach(least, most)
    level = [_Part(reach.node({at: digit.odd}, digit.shift, digit.negative, source=(at, digit.odd)), {at: digit.odd})
             for at, weight in enumerate(weights) for digit in signed_digits(weight)]
    if not level:
        return SumPlan(())
    levels = [tuple(part.node for part in level)]
    while len(level) > 1 or level[0].node.negative or level[0].node.shift:
        level = _next_level(reach, level)
        levels.append(tuple(part.node for part in level))
    return SumPlan(tuple(levels))


class _Part(NamedTuple):
    """A node, and how often its value counts each input."""

    node: Node
    counts: dict[int, int]


class _Reach(NamedTuple):
    """Makes nodes for inputs from ``least`` to ``most``: two digits of one weight cannot be extreme against each other."""

    least: int
    most: int

    def node(self, counts: Mapping[int, int], shift: int = 0, negative: bool = False, parts: tuple[Node, ...] = (), *,
             subtracts: bool = False, source: tuple[int, int] | None = None) -> Node:
        ends = [sorted((count * self.least, count * self.most)) for count in counts.values()]
        return Node(sum(low for low, _ in ends), sum(high for _, high in ends), shift, negative, parts, subtracts, source)


def _next_level(reach: _Reach, level: Sequence[_Part]) -> list[_Part]:
    if len(level) == 1:
        return [_alone(reach, level[0])]
    pairs, spare = sorted(level, key=lambda part: (part.node.negative, part.node.shift, part.node.bits)), []
    if len(pairs) % 2:
        # The widest waits: it costs registers only, and an adder later.
        widest = pairs.pop(max(range(len(pairs)), key=lambda at: (pairs[at].node.shift + pairs[at].node.bits, at)))
        spare = [_Part(replace(widest.node, parts=(widest.node,), subtracts=False, source=None), widest.counts)]
    last = len(level) == 2
    return [_add(reach, *pairs[at:at + 2], positive=last) for at in range(0, len(pairs), 2)] + spare


def _alone(reach: _Reach, part: _Part) -> _Part:
    """A sum that is only shifted or negative as a value of its own."""
    node = part.node
    counts = {at: (-count if node.negative else count) << node.shift for at, count in part.counts.items()}
    parts = (Node(0, 0), node) if node.negative else (node,)
    return _Part(reach.node(counts, parts=parts, subtracts=node.negative), counts)


def _add(reach: _Reach, one: _Part, other: _Part, *, positive: bool) -> _Part:
    """The sum of two nodes; with ``positive`` not shifted, and not negative unless both are."""
    if one.node.shift > other.node.shift:
        one, other = other, one
    shift = 0 if positive else one.node.shift
    # The one with the lower shift is not subtracted, so that its low bits pass by: the result is as negative as that one.
    if positive and one.node.negative and not other.node.negative:
        one, other = other, one
    subtracts = one.node.negative != other.node.negative
    counts = {at: count << (one.node.shift - shift) for at, count in one.counts.items()}
    for at, count in other.counts.items():
        counts[at] = counts.get(at, 0) + ((-count if subtracts else count) << (other.node.shift - shift))
    return _Part(reach.node(counts, shift, one.node.negative, (one.node, other.node), subtracts=subtracts), counts)
