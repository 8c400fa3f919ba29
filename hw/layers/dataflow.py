"""Places a netlist's layers in a module and wires the streams between them."""

from collections.abc import Callable, Iterable
from typing import Any

from amaranth.hdl import Module, Value
from amaranth.lib import wiring

from hw.layers.layer_unit import LayerUnit
from hw.netlist import Layer, Netlist, NetlistError, Stream, handed_on
from hw.placing import place
from hw.streams.join import check_width, join_stream

__all__ = ["Dataflow", "attach_layers"]


class Dataflow:
    """The layers of a netlist, or of a part of it, inside module ``m``.

    Every layer becomes a submodule of its own name, made by ``unit``: a component with the members of
    :class:`hw.layers.layer_unit.LayerUnit`.
    """

    def __init__(self, m: Module, layers: Iterable[Layer], *, rst_n: Value, unit: Callable[[Layer], wiring.Component] = LayerUnit) -> None:
        self._units: dict[str, Any] = {}
        for layer in layers:
            self._units[layer.name] = ports = place(m, layer.name, unit(layer))
            m.d.comb += ports.rst_n.eq(rst_n)

    def source(self, where: tuple[str, int]) -> Any:
        """The output stream of layer ``where[0]`` with index ``where[1]``."""
        return self._end(where, "o")

    def sink(self, where: tuple[str, int]) -> Any:
        """The input stream of layer ``where[0]`` with index ``where[1]``."""
        return self._end(where, "i")

    def _end(self, where: tuple[str, int], side: str) -> Any:
        name, index = where
        if name not in self._units:
            raise NetlistError(f"no layer is called {name!r}")
        end = getattr(self._units[name], f"{side}{index}", None)
        if end is None:
            raise NetlistError(f"layer {name!r} has no {'output' if side == 'o' else 'input'} {index}")
        return end

    @staticmethod
    def inner(netlist: Netlist) -> list[Stream]:
        """The streams from one layer to another: all but the image's and the logits'."""
        return [item for item in netlist.streams if item.src[0] != "input" and not item.dst[0].startswith("exit")]


def attach_layers(m: Module, netlist: Netlist, core: Any, wrap: Callable[[Any], Any],
                  unit: Callable[[Layer], wiring.Component] = LayerUnit) -> None:
    """Places all layers of ``netlist`` in ``m`` and joins them to each other and to the streams of ``core``, a
    :class:`hw.core.AcceleratorCore`, whose ``core_reset`` resets them.

    ``wrap`` gives that reset to the FIFOs between layers; ``unit`` is that of :class:`Dataflow`. Raises :class:`NetlistError` for a stream
    or gate that does not fit the layers at its ends.
    """
    flow = Dataflow(m, netlist.layers, rst_n=~core.core_reset, unit=unit)
    for item in Dataflow.inner(netlist):
        join_stream(m, item, flow.source(item.src), flow.sink(item.dst), wrap)

    def attach(name: str, bits: int, src: Any, dst: Any) -> None:
        check_width(name, bits, src, dst)
        wiring.connect(m, src, dst)

    for item in netlist.streams:
        if item.src[0] == "input":
            attach(f"stream {item.name!r}", item.bits, core.to_stage0, flow.sink(item.dst))
        elif item.dst[0].startswith("exit"):
            end = f"to_{item.dst[0]}{'_gate' if item.dst[1] else ''}"
            attach(f"stream {item.name!r}", item.bits, flow.source(item.src), getattr(core, end))
    for k, cut in enumerate(netlist.cuts):
        for n, gate in enumerate(cut):
            end = f"_{n}" if n else ""
            if handed_on(gate.src) is None:
                attach(f"gate {k}", gate.bits, flow.source(gate.src), getattr(core, f"to_gate{k}{end}"))
            if handed_on(gate.dst) is None:
                attach(f"gate {k}", gate.bits, getattr(core, f"to_stage{k + 1}{end}"), flow.sink(gate.dst))
