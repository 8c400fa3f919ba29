"""A planned sum as registered adders."""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hw.layers.sum_plan import Node, SumPlan

__all__ = ["adder_tree"]


def adder_tree(m: Module, plan: SumPlan, value: Callable[[int, int], Value]) -> Value:
    """The sum that ``plan`` describes, ``plan.depth`` cycles behind its inputs: a register behind each adder, none of them reset, each as
    wide as its values need. ``value(number, odd)`` gives an odd multiple of an input. The constant 0 for an empty plan."""
    if not plan.levels:
        return Const(0)
    done: dict[int, Value] = {id(node): value(*node.source) for node in plan.levels[0] if node.source is not None}
    for depth, level in enumerate(plan.levels[1:], start=1):
        for number, node in enumerate(level):
            register = Signal(range(node.least, node.most + 1), name=f"level{depth}_{number}", reset_less=True)
            m.d.sync += register.eq(_combined(node, [done.get(id(part), Const(0)) for part in node.parts]))
            done[id(node)] = register
    return done[id(plan.total)]


def _combined(node: Node, values: list[Value]) -> Value:
    shifts = [part.shift - node.shift for part in node.parts]
    if len(values) == 1:
        return values[0] << shifts[0]
    if not node.subtracts and shifts[0] > shifts[1]:
        values.reverse()
        shifts.reverse()
    first, second = values[0] << shifts[0], values[1]
    apart = shifts[1]
    low, high = first[:min(apart, len(first))], first.shift_right(apart)
    if len(low) < apart:
        low = Cat(low, (first[-1] if first.shape().signed else Const(0)).replicate(apart - len(low)))
    total = high - second if node.subtracts else high + second
    return Cat(low, total) if apart else total
