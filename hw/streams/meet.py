"""Several streams whose beats belong together, one of each."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value

__all__ = ["meet"]


def meet(m: Module, inputs: Sequence[Any], output: Any, payload: Value) -> None:
    """Takes the beats of ``inputs`` together, one of each, and holds ``payload``, which is made of them, for ``output`` in a register.

    Latency: 1 cycle. Throughput: one beat a cycle. Reset: what is held is lost. The ready of an input depends combinationally on the valid
    of all inputs and on ``output.ready``; ``output.valid`` on no ready.
    """
    free, every = Signal(), Signal()
    m.d.comb += [free.eq(~output.valid | output.ready), every.eq(Cat(item.valid for item in inputs).all())]
    m.d.comb += [item.ready.eq(free & every) for item in inputs]
    with m.If(free):
        m.d.sync += output.valid.eq(every)
    with m.If(free & every):
        m.d.sync += output.payload.eq(payload)
