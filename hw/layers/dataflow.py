"""Places a netlist's layers in a module and wires the streams between them."""

from collections.abc import Callable, Iterable
from typing import Any

from amaranth.hdl import Module, Value
from amaranth.lib import wiring

from hw.layers.layer_unit import LayerUnit
from hw.netlist import Layer, Netlist, NetlistError, Stream
from hw.streams.fifo import Fifo

__all__ = ["Dataflow"]


class Dataflow:
    """The layers and inner streams of a netlist, or of a part of it, inside module ``m``.

    Every layer becomes a submodule of its own name and every stream with a FIFO another one. ``wrap`` is applied to our own units (to give
    them a reset, say). ``hollow`` layers do not compute (:class:`hw.layers.layer_unit.LayerUnit`).
    """

    def __init__(self, m: Module, layers: Iterable[Layer], *, rst_n: Value, wrap: Callable[[Any], Any] = lambda unit: unit,
                 hollow: bool = False) -> None:
        self._m = m
        self._wrap = wrap
        self._units: dict[str, LayerUnit] = {}
        self.fifos: dict[str, Fifo] = {}
        for layer in layers:
            self._units[layer.name] = m.submodules[layer.name] = unit = LayerUnit(layer, hollow=hollow)
            m.d.comb += unit.rst_n.eq(rst_n)

    def source(self, place: tuple[str, int]) -> Any:
        """The output stream of layer ``place[0]`` with index ``place[1]``."""
        return self._end(place, "o")

    def sink(self, place: tuple[str, int]) -> Any:
        """The input stream of layer ``place[0]`` with index ``place[1]``."""
        return self._end(place, "i")

    def _end(self, place: tuple[str, int], side: str) -> Any:
        name, index = place
        if name not in self._units:
            raise NetlistError(f"no layer is called {name!r}")
        end = getattr(self._units[name], f"{side}{index}", None)
        if end is None:
            raise NetlistError(f"layer {name!r} has no {'output' if side == 'o' else 'input'} {index}")
        return end

    def connect(self, item: Stream, src: Any, dst: Any) -> Fifo | None:
        """Wire ``src`` to ``dst`` through the stream's FIFO, whose level is then to be read; a plain wire when the depth is 0."""
        for end in (src, dst):
            if len(Value.cast(end.payload)) != item.bits:
                raise NetlistError(f"stream {item.name!r} has bits={item.bits}, but one end of it is {len(Value.cast(end.payload))} wide")
        if item.depth == 0:
            wiring.connect(self._m, src, dst)
            return None
        fifo = Fifo(item.bits, item.depth)
        self._m.submodules[item.name] = self._wrap(fifo)
        wiring.connect(self._m, src, fifo.i)
        wiring.connect(self._m, fifo.o, dst)
        self.fifos[item.name] = fifo
        return fifo

    @staticmethod
    def inner(netlist: Netlist) -> list[Stream]:
        """The streams from one layer to another: all but the image's and the logits'."""
        return [item for item in netlist.streams if item.src[0] != "input" and not item.dst[0].startswith("exit")]
