"""Planned sums as registered adders."""

from collections.abc import Callable, Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hw.add3 import add3
from hw.layers.sum_plan import Node, SumPlan

__all__ = ["adder_trees"]


def adder_trees(m: Module, plans: Sequence[SumPlan], value: Callable[[int, int], Value], *, behavioural: bool = False) -> list[Value]:
    """The sums that ``plans`` (of one call of :func:`hw.layers.sum_plan.plan_sums`) describe, each its ``plan.depth`` cycles behind its
    inputs: a register behind each adder, none of them reset, each as wide as its values need. ``value(number, odd)`` gives an odd
    multiple of an input. The constant 0 for an empty plan. ``behavioural``: as in :func:`hw.add3.add3`."""
    done: dict[int, Value] = {}
    for plan in plans:
        for node in (term.node for term in (plan.levels or ((),))[0]):
            if node.source is not None and id(node) not in done:
                done[id(node)] = value(*node.source)
        for depth, level in enumerate(plan.levels[1:], start=1):
            for node in (term.node for term in level):
                if id(node) not in done:
                    done[id(node)] = register = Signal(range(node.least, node.most + 1), name=f"level{depth}", reset_less=True)
                    m.d.sync += register.eq(_combined(m, node, done, behavioural))
    return [done.get(id(plan.total), Const(0)) for plan in plans]


def _combined(m: Module, node: Node, done: dict[int, Value], behavioural: bool) -> Value:
    parts = [(done.get(id(part.node), Const(0)), part.shift, part.negative) for part in node.parts]
    if len(parts) == 1:
        value, shift, _ = parts[0]
        return value << shift
    # Below the start nothing is added: those bits, of the part with the lowest shift, pass by.
    start, lowest = node.start, min(shift for _, shift, _ in parts)
    low = next(value << shift for value, shift, _ in parts if shift == lowest)[:start]
    if len(low) < start:
        low = Cat(low, _above(parts, lowest).replicate(start - len(low)))
    first, *others = [((value << shift).shift_right(start), negative) for value, shift, negative in parts]
    if len(others) == 1:
        (second, subtracts), = others
        total = first[0] - second if subtracts else first[0] + second
    else:
        (second, minus_second), (third, minus_third) = others
        total = add3(m, first[0], second, third, minus_b=minus_second, minus_c=minus_third, bits=node.adder_bits, behavioural=behavioural)
    return Cat(low, total) if start else total


def _above(parts: Sequence[tuple[Value, int, bool]], lowest: int) -> Value:
    """What is above the bits of the part with the lowest shift."""
    value = next(value for value, shift, _ in parts if shift == lowest)
    return value[-1] if value.shape().signed else Const(0)
