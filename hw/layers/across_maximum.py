"""The maximum of neighbouring sums, before their thresholds."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value

from hw.layers.pipeline import later_flag

__all__ = ["across_cycles", "across_maximum"]


def _tree_cycles(values: int) -> int:
    return (values - 1).bit_length()


def across_cycles(lanes: int, pool: int) -> int:
    """Cycles that the maximum over ``pool`` neighbours takes, ``lanes`` of which come together."""
    return _tree_cycles(min(lanes, pool)) + (pool > lanes)


def across_maximum(m: Module, valid: Value, sums: Sequence[Sequence[Value]], shapes: Sequence[Shape],
                   pool: int) -> tuple[Value, list[list[Value]]]:
    """A flag, and by lane and channel the maxima over ``pool`` neighbours, :func:`across_cycles` later: of the lanes of ``sums`` (by lane
    and channel, of ``shapes`` by channel) that stand side by side, or over several beats with ``valid`` where there are fewer lanes than
    that. One is a multiple of the other. No two stand in each other's way: a beat may come in every cycle. Reset: the next beat is the
    first of ``pool`` neighbours."""
    lanes = len(sums)
    together = min(lanes, pool)
    found = [[_greatest(m, [sums[lane + at][channel] for at in range(together)], shape) for channel, shape in enumerate(shapes)]
             for lane in range(0, lanes, together)]
    valid = later_flag(m, valid, _tree_cycles(together))
    if pool <= lanes:
        return valid, found
    beats = pool // lanes
    beat, is_last = Signal(range(beats)), Signal()
    with m.If(valid):
        m.d.sync += beat.eq(Mux(beat == beats - 1, 0, beat + 1))
    m.d.sync += is_last.eq(valid & (beat == beats - 1))
    greatest: list[Value] = []
    for value, shape in zip(found[0], shapes, strict=True):
        if isinstance(value, Const):
            greatest.append(value)
            continue
        register = Signal(shape, name="greatest", reset_less=True)
        with m.If(valid & ((beat == 0) | (value > register))):
            m.d.sync += register.eq(value)
        greatest.append(register)
    return is_last, [greatest]


def _greatest(m: Module, values: Sequence[Value], shape: Shape) -> Value:
    if isinstance(values[0], Const):
        return values[0]
    while len(values) > 1:
        rest = []
        for at in range(0, len(values), 2):
            register = Signal(shape, name="greater", reset_less=True)
            pair = values[at:at + 2]
            m.d.sync += register.eq(Mux(pair[0] > pair[-1], pair[0], pair[-1]) if len(pair) == 2 else pair[0])
            rest.append(register)
        values = rest
    return values[0]
