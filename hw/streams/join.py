"""Joins the ends of streams inside a module."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import stream, wiring

from hw.netlist import NetlistError, Stream
from hw.placing import name_signals, place
from hw.streams.fifo import Fifo

__all__ = ["check_width", "join_bits", "join_stream", "queue"]


def join_bits(m: Module, src: Any, dst: Any) -> None:
    """Joins two streams whose payloads have as many bits, whatever their shapes; else raises :class:`hw.netlist.NetlistError`."""
    here, there = Value.cast(src.payload), Value.cast(dst.payload)
    if len(here) != len(there):
        raise NetlistError(f"stream widths differ: {len(here)} into {len(there)}")
    m.d.comb += [there.eq(Cat(here)), dst.valid.eq(src.valid), src.ready.eq(dst.ready)]


def queue(m: Module, name: str, src: Any, depth: int, wrap: Callable[[Any], Any]) -> Any:
    """Places a FIFO of ``depth`` beats called ``name`` behind the stream ``src``, whatever the shape of its payload; the FIFO's ports."""
    fifo = place(m, name, Fifo(len(Value.cast(src.payload)), depth), wrap)
    join_bits(m, src, fifo.i)
    return fifo


def check_width(name: str, bits: int, *ends: Any) -> None:
    """Raises :class:`hw.netlist.NetlistError` when an end of what is called ``name`` is not ``bits`` wide."""
    for end in ends:
        if len(Value.cast(end.payload)) != bits:
            raise NetlistError(f"{name} has bits={bits}, but one end of it is {len(Value.cast(end.payload))} wide")


def join_stream(m: Module, item: Stream, src: Any, dst: Any, wrap: Callable[[Any], Any]) -> Any | None:
    """Joins ``src`` and ``dst`` by the netlist's stream ``item``: through its FIFO, whose ports are given, or by wires of its name when
    its depth is 0. Raises :class:`hw.netlist.NetlistError` when an end is not as wide as the stream."""
    check_width(f"stream {item.name!r}", item.bits, src, dst)
    if item.depth == 0:
        signature = stream.Signature(item.bits)
        wires = signature.create()
        name_signals(item.name, signature, wires)
        wiring.connect(m, src, wiring.flipped(wires))
        wiring.connect(m, wires, dst)
        return None
    fifo = place(m, item.name, Fifo(item.bits, item.depth), wrap)
    wiring.connect(m, src, fifo.i)
    wiring.connect(m, fifo.o, dst)
    return fifo
