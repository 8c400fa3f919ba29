"""Planned sums as registered adders."""

from collections.abc import Callable, Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hw.layers.sum_plan import Node, SumPlan

__all__ = ["adder_trees"]


def adder_trees(m: Module, plans: Sequence[SumPlan], value: Callable[[int, int], Value]) -> list[Value]:
    """The sums that ``plans`` (of one call of :func:`hw.layers.sum_plan.plan_sums`) describe, each its ``plan.depth`` cycles behind its
    inputs: a register behind each adder, none of them reset, each as wide as its values need. ``value(number, odd)`` gives an odd
    multiple of an input. The constant 0 for an empty plan."""
    done: dict[int, Value] = {}
    for plan in plans:
        for node in (term.node for term in (plan.levels or ((),))[0]):
            if node.source is not None and id(node) not in done:
                done[id(node)] = value(*node.source)
        for depth, level in enumerate(plan.levels[1:], start=1):
            for node in (term.node for term in level):
                if id(node) not in done:
                    done[id(node)] = register = Signal(range(node.least, node.most + 1), name=f"level{depth}", reset_less=True)
                    m.d.sync += register.eq(_combined(node, done))
    return [done.get(id(plan.total), Const(0)) for plan in plans]


def _combined(node: Node, done: dict[int, Value]) -> Value:
    parts = [(done.get(id(part.node), Const(0)), part.shift) for part in node.parts]
    if len(parts) == 1:
        value, shift = parts[0]
        return value << shift
    subtracts = node.parts[1].negative
    if not subtracts and parts[0][1] > parts[1][1]:
        parts.reverse()
    (first, shift), (second, apart) = parts
    # Below the second one's shift nothing is added: those bits pass by.
    first = first << shift
    low, high = first[:apart], first.shift_right(apart)
    if len(low) < apart:
        low = Cat(low, (first[-1] if first.shape().signed else Const(0)).replicate(apart - len(low)))
    total = high - second if subtracts else high + second
    return Cat(low, total) if apart else total
