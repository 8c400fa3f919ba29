"""How many of two rows of bits agree: their dot product as numbers of -1 and 1, in look-up tables of six inputs."""

from collections.abc import Sequence
from functools import lru_cache

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hw.layers.adder_tree import adder_trees
from hw.layers.sum_plan import SumPlan, plan_sum
from hw.table6 import table6

__all__ = ["agreeing_bits", "count_cycles", "count_plan", "count_tables"]

INPUTS = 6
"""Of a table."""

_PAIRS = tuple(sum((index >> at & 1) == (index >> at + 1 & 1) for at in range(0, INPUTS, 2)) for index in range(1 << INPUTS))
_ONES = tuple(index.bit_count() for index in range(1 << INPUTS))


@lru_cache(maxsize=4096)
def count_plan(pairs: int) -> SumPlan:
    """How the ones among the lower and the upper bits of all counts of three pairs, six of them in each number, are added up."""
    numbers = -(-_threes(pairs) // INPUTS)
    return plan_sum([1] * numbers + [2] * numbers, 0, INPUTS)


def count_cycles(pairs: int) -> int:
    """Cycles from so many pairs to their count."""
    return 2 + count_plan(pairs).depth


def count_tables(pairs: int) -> int:
    """Tables of six inputs that so many pairs take, those of the adders not among them."""
    threes = _threes(pairs)
    whole, rest = divmod(threes, INPUTS)
    return 2 * threes + 2 * (3 * whole + rest.bit_length())


def _threes(pairs: int) -> int:
    return -(-pairs * 2 // INPUTS)


def agreeing_bits(m: Module, a: Value, b: Value, *, behavioural: bool = False) -> Value:
    """The number of places, from 0 to ``len(a)``, at which ``a`` and ``b``, of equally many bits, are the same, :func:`count_cycles` cycles
    later.

    Three pairs become a number of two bits, in a table each; six lower bits of these a number of three bits, six upper bits another; and
    those are added three at a time (:mod:`hw.layers.sum_plan`): a register behind each, none of them reset. So a table takes one bit off,
    as an adder's does, and those of the pairs compare them too. ``behavioural``: as in :func:`hw.table6.table6`.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(f"a and b must have equally many bits, at least 1, not {len(a)} and {len(b)}")
    pairs = [bit for at in range(len(a)) for bit in (a[at], b[at])]
    pairs += [Const(at % 2, 1) for at in range(-len(pairs) % INPUTS)]   # missing ones do not agree
    counts = [_counted(m, pairs[at:at + INPUTS], _PAIRS, behavioural) for at in range(0, len(pairs), INPUTS)]
    numbers = [_counted(m, [count[bit] for count in counts[at:at + INPUTS]], _ONES, behavioural)
               for bit in range(2) for at in range(0, len(counts), INPUTS)]
    (total,) = adder_trees(m, [count_plan(len(a))], lambda number, odd: numbers[number], behavioural=behavioural)
    return total[:len(a).bit_length()]


def _counted(m: Module, bits: Sequence[Value], table: Sequence[int], behavioural: bool) -> Signal:
    """A register of ``table`` at ``bits``; those that are missing are 0."""
    most = max(table[:1 << len(bits)])
    found = Signal(range(most + 1), name="count", reset_less=True)
    at = Cat(*bits, Const(0, INPUTS - len(bits)))
    # What is constant among the inputs is synthesis' to leave out.
    kept = not behavioural and not any(isinstance(bit, Const) for bit in (*bits, *([Const(0)] if len(bits) < INPUTS else [])))
    m.d.sync += found.eq(Cat(table6(m, at, sum((value >> bit & 1) << index for index, value in enumerate(table)), behavioural=not kept)
                             for bit in range(len(found))))
    return found
