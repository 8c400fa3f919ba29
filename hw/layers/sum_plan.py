"""How a sum of constant multiples is made of shifts and adders of two or three: a plan without hardware, from which its size follows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

__all__ = ["ODD", "Digit", "Node", "SumPlan", "Term", "plan_sum", "plan_sums", "registers", "signed_digits", "value_bits"]

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


class Term(NamedTuple):
    """A node's value in a sum: shifted left by ``shift``, and subtracted where it is ``negative``."""

    node: "Node"
    shift: int
    negative: bool


@dataclass(frozen=True)
class Node:
    """A value from ``least`` to ``most``.

    It is a multiple of an input (``source``: number of the input and odd multiple), or the register of the sum of its ``parts``: three or
    two, of which the first is not negative, or one. A node that several sums read is the same object in each of them.
    """

    least: int
    most: int
    parts: tuple[Term, ...] = ()
    source: tuple[int, int] | None = None

    @property
    def bits(self) -> int:
        """Bits of the value's register."""
        return value_bits(self.least, self.most)

    @property
    def adder_bits(self) -> int:
        """Bits of its adder (:attr:`start`)."""
        return max(0, self.bits - self.start) if len(self.parts) > 1 else 0

    @property
    def start(self) -> int:
        """The lowest bit that its adder makes: where the part with the lowest shift is not subtracted, its bits below the next one's shift
        pass by."""
        low, following = sorted((part.shift, part.negative) for part in self.parts)[:2]
        return low[0] if low[1] else following[0]


@dataclass(frozen=True)
class SumPlan:
    """A sum's levels of registers, from the digits (not registered here) to one term, which is neither negative nor shifted; no level at
    all stands for the constant 0."""

    levels: tuple[tuple[Term, ...], ...]

    @property
    def depth(self) -> int:
        """Levels of registers."""
        return max(0, len(self.levels) - 1)

    @property
    def total(self) -> Node:
        """The sum."""
        return self.levels[-1][0].node if self.levels else Node(0, 0)


def registers(plans: Sequence[SumPlan]) -> list[Node]:
    """The nodes of all plans that are registers, each once."""
    return list({id(term.node): term.node for plan in plans for level in plan.levels[1:] for term in level}.values())


def plan_sums(weights: Sequence[Sequence[int]], least: int, most: int) -> list[SumPlan]:
    """Plans of ``sum(weight * input)`` for each row of ``weights``, all of the same inputs, from ``least`` to ``most``.

    Digits, a level of adders at a time, the same for the same weights. Where the weights of three sums or more have pairs of digits that
    are the same but for a shift and a sign, those are added once. Other neighbours of equal sign and shift are added, so that few bits
    carry a sign or wait for a higher shift.
    """
    reach = _Reach(least, most)
    leaves: dict[tuple[int, int], Node] = {}
    sums: list[list[_Part]] = []
    for row in weights:
        level = []
        for at, weight in enumerate(row):
            for digit in signed_digits(weight):
                source = at, digit.odd
                if source not in leaves:
                    leaves[source] = Node(*reach.ends({at: digit.odd}), source=source)
                level.append(_Part(Term(leaves[source], digit.shift, digit.negative), {at: digit.odd}))
        sums.append(level)
    plans = []
    for level, pairs in zip(sums, _shared_pairs(reach, sums), strict=True):
        added = {at for places in pairs for at in places}
        rest = [part for at, part in enumerate(level) if at not in added]
        plans.append(_plan(reach, tuple(part.term for part in level), rest, list(pairs.values())))
    return plans


def plan_sum(weights: Sequence[int], least: int, most: int) -> SumPlan:
    """The plan of one sum, as :func:`plan_sums`."""
    return plan_sums([weights], least, most)[0]


class _Part(NamedTuple):
    """A term, and how often its node's value counts each input."""

    term: Term
    counts: dict[int, int]


class _Reach(NamedTuple):
    """Makes nodes for inputs from ``least`` to ``most``: two digits of one weight cannot be extreme against each other."""

    least: int
    most: int

    def ends(self, counts: Mapping[int, int]) -> tuple[int, int]:
        ends = [sorted((count * self.least, count * self.most)) for count in counts.values()]
        return sum(low for low, _ in ends), sum(high for _, high in ends)

    def add(self, *given: _Part, last: bool = False) -> _Part:
        """The sum of two or three parts; the ``last`` of all is not shifted, and not negative unless all are."""
        summed = sorted(given, key=lambda part: part.term.shift)
        shift = 0 if last else summed[0].term.shift
        # The one with the lowest shift is not subtracted, so that its low bits pass by: the result is as negative as that one.
        if last:
            summed.sort(key=lambda part: part.term.negative)
        negative = summed[0].term.negative
        parts = tuple(Term(part.term.node, part.term.shift - shift, part.term.negative != negative) for part in summed)
        counts: dict[int, int] = {}
        for part, term in zip(summed, parts, strict=True):
            for at, count in part.counts.items():
                counts[at] = counts.get(at, 0) + ((-count if term.negative else count) << term.shift)
        return _Part(Term(Node(*self.ends(counts), parts), shift, negative), counts)

    def alone(self, part: _Part) -> _Part:
        """A sum of one part, neither shifted nor negative."""
        _, shift, negative = part.term
        counts = {at: (-count if negative else count) << shift for at, count in part.counts.items()}
        parts = (Term(Node(0, 0), 0, False), part.term) if negative else (part.term,)
        return _Part(Term(Node(*self.ends(counts), parts), 0, False), counts)


def _plan(reach: _Reach, digits: tuple[Term, ...], level: Sequence[_Part], pairs: Sequence[_Part]) -> SumPlan:
    """The plan of the sum of ``digits``: those of ``level`` and others that are added already, in ``pairs``."""
    if not digits:
        return SumPlan(())
    levels = [digits]
    while pairs or len(level) > 1 or level[0].term.negative or level[0].term.shift:
        level, pairs = _next_level(reach, level, pairs), ()
        levels.append(tuple(part.term for part in level))
    return SumPlan(tuple(levels))


def _next_level(reach: _Reach, level: Sequence[_Part], pairs: Sequence[_Part]) -> list[_Part]:
    if len(level) == 1 and not pairs:
        return [reach.alone(level[0])]
    rest, spare = sorted(level, key=lambda part: (part.term.negative, part.term.shift, part.term.node.bits)), []
    # An adder of three takes no more than one of two, which is needed but once, where the number of parts is even.
    two = len(rest) % 3 == 2 and (len(rest) + len(pairs)) % 2 == 0
    while len(rest) % 3 != (2 if two else 0):
        # The widest wait: they cost registers only, and an adder later.
        widest = rest.pop(max(range(len(rest)), key=lambda at: (rest[at].term.shift + rest[at].term.node.bits, at)))
        node, shift, negative = widest.term
        spare.append(_Part(Term(Node(node.least, node.most, (Term(node, 0, False),)), shift, negative), widest.counts))
    last = len(level) <= 3 and not pairs and not spare
    return [*pairs, *(reach.add(*rest[at:at + 3], last=last) for at in range(0, len(rest), 3)), *spare]


LEAST_USERS = 3
"""Sums that a pair of parts must be in to be added once for all: it takes an adder of its own, and each part half of one of three."""

_NEAR = 128
"""Pairs are looked for among so many digits of a sum: all pairs of many would take long, and there are enough among these."""


def _contested(users: Sequence[tuple[int, int, int]], wanted: Mapping[tuple[int, int], int]) -> int:
    """How many other pairs want the parts of this one: what few others want is taken first, so that more find partners."""
    return sum(wanted[number, at] for number, *places in users for at in places)


def _shared_pairs(reach: _Reach, sums: Sequence[Sequence[_Part]]) -> list[dict[tuple[int, int], _Part]]:
    """For each sum pairs of its parts, by their places in it, that others have too: the most common ones first, no part in two pairs."""
    # A pair by its sources, the second one's shift less the first one's, and whether their signs differ; sum and places that have it.
    having: dict[tuple[tuple[int, int], tuple[int, int], int, bool], list[tuple[int, int, int]]] = {}
    for number, level in enumerate(sums):
        for start in range(0, len(level), _NEAR):
            for at, to in combinations(range(start, min(start + _NEAR, len(level))), 2):
                one, other = level[at].term, level[to].term
                key = (one.node.source or (0, 0), other.node.source or (0, 0), other.shift - one.shift, one.negative != other.negative)
                having.setdefault(key, []).append((number, at, to))
    having = {key: users for key, users in having.items() if len(users) > LEAST_USERS - 1}
    wanted = Counter((number, at) for users in having.values() for number, *places in users for at in places)
    found: list[dict[tuple[int, int], _Part]] = [{} for _ in sums]
    taken: set[tuple[int, int]] = set()
    waiting: dict[int, list[Any]] = {}
    for key, users in having.items():
        waiting.setdefault(len(users), []).append(key)
    for count in range(max(waiting, default=0), LEAST_USERS - 1, -1):
        for key in sorted(waiting.get(count, ()), key=lambda key: (_contested(having[key], wanted), key)):
            users = [user for user in having[key] if not {(user[0], user[1]), (user[0], user[2])} & taken]
            if len(users) < count:
                waiting.setdefault(len(users), []).append(key)
                continue
            first = sums[users[0][0]][users[0][1]]
            node, _, negative = (pair := reach.add(first, sums[users[0][0]][users[0][2]])).term
            for number, at, to in users:
                one, other = sums[number][at].term, sums[number][to].term
                flipped = negative != (one.negative != first.term.negative)
                found[number][at, to] = _Part(Term(node, min(one.shift, other.shift), flipped), pair.counts)
                taken |= {(number, at), (number, to)}
    return found
