"""Pipelined sums of a few terms."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value

__all__ = ["Term", "add_tree", "tree_levels"]

Term = tuple[Value, int, int]
"""A value with the least and the greatest number it can be."""


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
        sums: list[Term] = []
        for at in range(0, len(terms), radix):
            group = terms[at:at + radix]
            least, most = sum(term[1] for term in group), sum(term[2] for term in group)
            register = Signal(range(least, most + 1), reset_less=True)
            total = group[0][0]
            for value, _, _ in group[1:]:
                total = total + value
            m.d.sync += register.eq(total)
            sums.append((register, least, most))
        terms = sums
    return terms[0]
