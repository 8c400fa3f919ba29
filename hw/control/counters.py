"""Counters and highest levels that are cleared together."""

from amaranth.hdl import Const, Module, Mux, Signal, Value

__all__ = ["Counters"]


class Counters:
    """Makes registers of module ``m`` count. All of them are 0 after a cycle in which ``clear`` is high, whatever else happens in it."""

    def __init__(self, m: Module, clear: Value) -> None:
        self._m = m
        self._clear = clear

    def count(self, register: Signal, event: Value) -> None:
        """``register`` counts the cycles in which ``event`` is high, and wraps. An event is in it after two cycles, after one where
        ``event`` is constant."""
        # Events are often the last word of a handshake, and a register of 32 bits is wide: each has a cycle of its own.
        happened: Value = event
        if not isinstance(event, Const):
            happened = Signal(name=f"{register.name}_event")
            self._m.d.sync += happened.eq(event & ~self._clear)
        with self._m.If(self._clear):
            self._m.d.sync += register.eq(0)
        with self._m.Elif(happened):
            self._m.d.sync += register.eq(register + 1)

    def tally(self, register: Signal, amount: Value) -> None:
        """``register`` counts up by ``amount``, of less bits than itself, in every cycle, and stays at its greatest value."""
        most = (1 << len(register)) - 1
        total = register + amount
        with self._m.If(self._clear):
            self._m.d.sync += register.eq(0)
        with self._m.Else():
            self._m.d.sync += register.eq(Mux(total > most, most, total))

    def highest(self, register: Signal, level: Value) -> None:
        """``register`` keeps the highest ``level`` so far; it is to be as wide as that."""
        with self._m.If(self._clear):
            self._m.d.sync += register.eq(0)
        with self._m.Elif(level > register):
            self._m.d.sync += register.eq(level)
