"""Makes Amaranth's simulator faster, and nothing else: what it simulates comes out the same. And runs several tests on one simulator.

Amaranth's computes all of a module's combinational signals again whenever one of their inputs changes, which in a core of a thousand wires
is most of the time of a test. Here they are computed in parts that do not depend on each other's statements.
And it asks every operator for its shape again and again, down to the leaves of each expression. Here they remember it.
"""

from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from functools import lru_cache
from typing import Any

from amaranth.hdl._ast import Concat, Operator, Statement, _StatementList
from amaranth.hdl._ir import Fragment
from amaranth.sim import Simulator, _pyrtl, pysim

__all__ = ["SIZE", "install", "parts", "simulate"]

SIZE = 16
"""Statements of a part at least: each part costs a little in every step, whether it is computed or not."""


def parts(statements: Sequence[Statement], size: int) -> list[list[Statement]]:
    """The statements in parts of at least ``size`` (the last may have fewer); those that drive a signal together stay so, in order."""
    root: dict[int, int] = {}

    def find(n: int) -> int:
        while root[n] != n:
            n = root[n]
        return n

    driver: dict[Any, int] = {}
    for n, statement in enumerate(statements):
        root[n] = n
        # Without a signal it is a check or a print: these stay together too.
        for signal in [id(item) for item in statement._lhs_signals()] or [None]:
            first = find(driver.setdefault(signal, n))
            root[find(n)] = first
    groups: dict[int, list[Statement]] = {}
    for n, statement in enumerate(statements):
        groups.setdefault(find(n), []).append(statement)
    found: list[list[Statement]] = [[]]
    for group in groups.values():
        if len(found[-1]) >= size:
            found.append([])
        found[-1] += group
    return found


def simulate(design: Any, bench: Callable[[Any], Awaitable[None]]) -> None:
    """Run ``bench``, a testbench, on ``design`` with a clock, from a reset on. What ``design`` was compiled to is used again when it comes
    next."""
    rig = _rig(design)
    rig.bench = bench
    if rig.used:
        rig.simulator.reset()
    rig.used = True
    try:
        rig.simulator.run()
    except BaseException:
        # It stands in the middle of something.
        _rig.cache_clear()
        raise


class _Rig:
    """A simulator whose testbench can be exchanged, which Amaranth's cannot."""

    def __init__(self, design: Any) -> None:
        self.bench: Callable[[Any], Awaitable[None]]
        self.used = False
        self.simulator = Simulator(design)
        self.simulator.add_clock(1e-6)
        self.simulator.add_testbench(self._run)

    async def _run(self, context: Any) -> None:
        await self.bench(context)


_rig = lru_cache(maxsize=4)(_Rig)


def install(size: int = SIZE) -> None:
    """From now on, in this process, every simulator."""
    _pyrtl._FragmentCompiler.__call__ = lambda self, fragment: _compile(self, fragment, size)
    pysim._PySignalState.update = _update
    Operator.shape, Concat.shape = _remembered(_shape_of_operator), _remembered(_shape_of_concat)


_whole, _changed = _pyrtl._FragmentCompiler.__call__, pysim._PySignalState.update
_shape_of_operator, _shape_of_concat = Operator.shape, Concat.shape


def _remembered(shape: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def remembered(value: Any) -> Any:
        known = value.__dict__.get("_shape_known")
        if known is None:
            known = value._shape_known = shape(value)
        return known

    return remembered


def _compile(compiler: Any, fragment: Any, size: int) -> set[Any]:
    combinational = fragment.statements.get("comb", ())
    if type(fragment) is not Fragment or len(combinational) <= size:
        return _whole(compiler, fragment)
    rest = copy(fragment)
    rest.statements = {domain: found for domain, found in fragment.statements.items() if domain != "comb"}
    processes = _whole(compiler, rest)
    for some in parts(combinational, size):
        part = Fragment()
        part.statements = {"comb": _StatementList(some)}
        processes |= _whole(compiler, part)
    return processes


def _update(state: Any, value: int, mask: int = ~0) -> None:
    # Mostly nothing changes, and this looks first.
    if value != state.next:
        value = (state.next & ~mask) | (value & mask)
        if value != state.next:
            state.next = value
            state.pending.add(state)
