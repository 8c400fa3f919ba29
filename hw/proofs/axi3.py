"""What is claimed of every manager of an AXI3 channel, and assumed of the memory behind it."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hw.proofs.contract import Harness, keeps_contract

__all__ = ["Asked", "keeps_channel"]


def keeps_channel(h: Harness, axi: Any, channel: str) -> Value:
    """Claims that what is on offer on ``channel`` (``ar``, ``aw`` or ``w``) stays as it is until it is taken; whether something is that was
    not in the cycle before, or was taken in it."""
    names = ("id", "data", "strb", "last") if channel == "w" else ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
    valid, ready = getattr(axi, f"{channel}valid"), getattr(axi, f"{channel}ready")
    payload = Cat(*(Value.cast(getattr(axi, f"{channel}{name}")) for name in names))
    keeps_contract(h, SimpleNamespace(valid=valid, ready=ready, payload=payload), channel)
    waited = Signal(name=f"{channel}_waited")
    h.m.d.sync += waited.eq(valid & ~ready)
    new: Value = valid & ~waited
    return new


class Asked:
    """Bursts in order, and how far the first one is.

    ``enters``: one more, of ``len`` + 1 beats, 4 at most; ``beat``: a beat of the first, or of the one that enters if there is none.
    ``some``: there is one, or one enters; ``last``: the next beat is the first one's last; ``left``: beats that are not done, before this
    cycle; ``ends``: the first one's last beat is this cycle's. There are ``most`` at most.
    """

    def __init__(self, h: Harness, most: int, enters: Value, len: Value, beat: Value) -> None:
        m: Module = h.m
        self.some, self.last, self.ends = (Signal(name=f"asked_{name}") for name in ("some", "last", "ends"))
        self.bursts, done = Signal(range(most + 1), name="asked_bursts"), Signal(2, name="asked_done")
        lens = [Signal(2, name=f"asked_len{n}") for n in range(most)]
        # Not a register: that it fits the others would be one more thing to find out.
        self.left: Value = sum(((self.bursts > n) * (row + 1) for n, row in enumerate(lens)), Const(0)) - done
        m.d.comb += [
            self.some.eq((self.bursts != 0) | enters),
            self.last.eq(done == Mux(self.bursts != 0, lens[0], len)),
            self.ends.eq(beat & self.last),
        ]
        with m.If(self.ends):
            m.d.sync += [row.eq(later) for row, later in pairwise(lens)]
        with m.If(enters):
            for n, row in enumerate(lens):
                with m.If(self.bursts - self.ends == n):
                    m.d.sync += row.eq(len)
        with m.If(beat):
            m.d.sync += done.eq(Mux(self.last, 0, done + 1))
        m.d.sync += self.bursts.eq(self.bursts + enters - self.ends)
