"""Pipelined sums of a few terms."""

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Module, Signal, Value

__all__ = ["Term", "add_tree", "tree_levels"]


class Term(NamedTuple):
    """A value with the least and the greatest number it can be; a ``negative`` one is subtracted."""

    value: Value
    least: int
    most: int
    negative: bool = False


def tree_levels(terms: int, radix: int) -> int:
    """Register levels of :func:`add_tree` for that many terms."""
    levels = 0
    while terms > 1:
        terms = -(-terms // radix)
        levels += 1
    return levels


def add_tree(m: Module, terms: Sequence[Term], radix: int) -> Term:
    """The sum of the terms, ``radix`` of them added at each register level, every register just as wide as its sum can get."""
    while len(terms) > 1:
        # Every group begins with a term to be added, as long as there are any.
        count = -(-len(terms) // radix)
        ordered = sorted(terms, key=lambda term: term.negative)
        terms = [_add(m, ordered[at::count]) for at in range(count)]
    return terms[0]


def _add(m: Module, group: Sequence[Term]) -> Term:
    """The registered sum of a few terms, itself negative when all of them are."""
    negative = group[0].negative
    total, least, most = group[0].value, group[0].least, group[0].most
    for term in group[1:]:
        if term.negative == negative:
            total, least, most = total + term.value, least + term.least, most + term.most
        else:
            total, least, most = total - term.value, least - term.most, most - term.least
    register = Signal(range(least, most + 1), reset_less=True)
    m.d.sync += register.eq(total)
    return Term(register, least, most, negative)
