"""How many of a channel's thresholds a sum reaches, by binary search."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value

from hw.layers.lookup import look_up
from hw.layers.pipeline import later

__all__ = ["search_cycles", "steps_ahead", "threshold_search"]

_DIRECT = 4
"""A step whose table has more address bits than this looks its threshold up a cycle ahead."""

_NARROW = 3
"""From this step on a table takes few bits of the value beside its constants' address."""


def search_cycles(thresholds: int) -> int:
    """Cycles that a search among so many thresholds takes."""
    steps = thresholds.bit_length()
    return steps + steps_ahead(steps)


def steps_ahead(steps: int) -> int:
    """Of a search of so many steps, how many look their threshold up a cycle ahead."""
    return max(0, steps - 1 - _DIRECT)


def threshold_search(m: Module, value: Value, least: int, most: int, thresholds: Sequence[int]) -> Value:
    """The number of ``thresholds``, which do not descend, that are at most ``value``, :func:`search_cycles` cycles later.

    ``value`` is from ``least`` to ``most``; a constant gives a constant. One step of the search, which halves what is left, is a pipeline
    stage: a comparator with the step's constants inside. Registers are not reset.
    """
    steps = len(thresholds).bit_length()
    if isinstance(value, Const):
        return Const(sum(threshold <= value.value for threshold in thresholds), steps)
    # A threshold that no sum reaches stands for the missing ones too.
    limited = [min(max(threshold, least), most + 1) for threshold in thresholds]
    limited += [most + 1] * ((1 << steps) - 1 - len(thresholds))
    wide = Shape.cast(range(least, max(most, *limited) + 1))
    found: Value = Const(0, 0)
    for step in range(steps):
        half = 1 << (steps - 1 - step)
        row = [limited[half - 1 + 2 * half * at] for at in range(1 << step)]
        limit = look_up(row, found, wide)
        if step > _DIRECT:
            ahead = Signal(wide.width, name=f"limit{step}", reset_less=True)
            m.d.sync += ahead.eq(limit)
            limit, value, found = ahead, later(m, value, 1), later(m, found, 1)
        reached = Signal(step + 1, name=f"found{step}", reset_less=True)
        m.d.sync += reached.eq(Cat(_reaches(value, limit, wide, step), found))
        value, found = (later(m, value, 1) if step < steps - 1 else value), reached
    return found


def _reaches(value: Value, limit: Value, wide: Shape, step: int) -> Value:
    """``value >= limit``, written out bit by bit: a comparator would take a table and a carry for each bit, and a table has room for
    several bits of a value that is compared with constants. Of late steps, where few bits go into a table, both halves are compared at
    once, so that there are fewer tables in a row."""
    bits = Cat(value, value[-1].replicate(wide.width - len(value)) if wide.signed else Const(0, wide.width - len(value)))
    pairs = [(bits[at], limit[at]) for at in range(wide.width)]
    if wide.signed:
        pairs[-1] = (~pairs[-1][0], ~pairs[-1][1])
    middle = (wide.width + 1) // 2 if step >= _NARROW and wide.width > 2 * step else 0
    low, high = pairs[:middle], pairs[middle:]
    if not low:
        return _ripple(high, Const(1))
    return _ripple(high, Const(0)) | (_ripple(high, Const(1)) & _ripple(low, Const(1)))


def _ripple(pairs: Sequence[tuple[Value, Value]], reached: Value) -> Value:
    for bit, limit in pairs:
        reached = (bit & ~limit) | ((bit | ~limit) & reached)
    return reached
