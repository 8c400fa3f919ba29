"""Values limited to a range."""

from amaranth.hdl import Const, Mux, Shape, Value

__all__ = ["clamp"]


def clamp(value: Value, limits: range) -> Value:
    """``value``, or the nearest of the consecutive integers ``limits`` when it is none of them.

    Only bounds that ``value``'s shape can exceed take a comparator. The result may be assigned to a signal of shape ``limits``.
    Raises :class:`ValueError` when ``limits`` are empty or not consecutive.
    """
    if not limits or limits.step != 1:
        raise ValueError(f"limits must be a range of consecutive integers, not {limits!r}")
    least, most = limits[0], limits[-1]
    if least == most:
        return Const(least, Shape.cast(limits))
    shape = value.shape()
    low = -(1 << shape.width - 1) if shape.signed else 0
    high = (1 << shape.width - shape.signed) - 1
    limited = value
    if high > most:
        limited = Mux(value > most, most, limited)
    if low < least:
        limited = Mux(value < least, least, limited)
    return limited
