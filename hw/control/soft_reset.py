"""A request of one cycle made into a reset that lasts."""

from amaranth.hdl import Module, Signal, Value

__all__ = ["stretch_reset"]


def stretch_reset(m: Module, request: Value, reset: Signal, cycles: int) -> None:
    """Drives ``reset`` in module ``m``: high from the cycle after ``request`` on, for ``cycles`` cycles after the last cycle of it, and
    as long after a reset of the module itself. It is registered, for it fans out to every unit, so its ``init`` must be 1.

    Raises :class:`ValueError` when ``cycles`` is less than 1 or ``reset`` does not begin high.
    """
    if cycles < 1:
        raise ValueError(f"cycles must be at least 1, not {cycles}")
    if reset.init != 1:
        raise ValueError(f"reset must have init=1, not {reset.init}")
    remaining = Signal(range(max(2, cycles)), init=cycles - 1, name=f"{reset.name}_remaining")
    with m.If(request):
        m.d.sync += [remaining.eq(cycles - 1), reset.eq(1)]
    with m.Elif(remaining != 0):
        m.d.sync += remaining.eq(remaining - 1)
    with m.Else():
        m.d.sync += reset.eq(0)
