"""Policy ``never``: an exit that was switched off when the accelerator was built."""

from typing import Any

from amaranth.hdl import Module

from hw.exits.scores.base import Score

__all__ = ["Never"]


class Never(Score, policy="never"):
    """No sample leaves. ``label`` and ``confidence`` are 0: nobody reads them, so no comparator is spent on them.

    Latency 0.
    """

    latency = 0

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        done = self.i.valid & self.i.last
        m.d.comb += [self.take.eq(done), self.valid.eq(done)]
        return m
