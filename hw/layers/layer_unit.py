"""A layer of the netlist as an Amaranth component with typed streams."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.netlist import Layer, NetlistError, Port

__all__ = ["LayerUnit"]


class LayerUnit(wiring.Component):
    """The Verilog modules of one layer, wired among themselves, behind streams of the layers' real widths.

    Data ports wider than the stream are filled with zeros on the way in and cut on the way out. Latency, throughput and reset are those
    of the modules.

    Parameters
    ----------
    layer : the layer to place; its instances keep their names
    hollow : links inside the layer (weights) carry zeros, for a harness that looks at the timing only

    Members
    -------
    rst_n : active-low reset of all its modules
    i0, i1, ... : the layer's input streams, in the order of ``layer.inputs``
    o0, o1, ... : the layer's output streams, in the order of ``layer.outputs``
    """

    def __init__(self, layer: Layer, *, hollow: bool = False) -> None:
        self.layer = layer
        self.hollow = hollow
        self._instances = {instance.name: instance for instance in layer.instances}
        ins = [self._port(name, port, "inputs") for name, port in layer.inputs]
        outs = [self._port(name, port, "outputs") for name, port in layer.outputs]
        super().__init__(
            {"rst_n": In(1)}
            | {f"i{n}": In(stream.Signature(port.bits)) for n, port in enumerate(ins)}
            | {f"o{n}": Out(stream.Signature(port.bits)) for n, port in enumerate(outs)}
        )

    def _port(self, instance: str, port: str, side: str) -> Port:
        if instance not in self._instances:
            raise NetlistError(f"layer {self.layer.name!r} has no instance {instance!r}")
        ports: dict[str, Port] = getattr(self._instances[instance], side)
        if port not in ports:
            raise NetlistError(f"instance {instance!r} of layer {self.layer.name!r} has no port {port!r} among its {side}")
        return ports[port]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ports: dict[str, dict[str, Value]] = {name: {} for name in self._instances}
        data: dict[tuple[str, str], tuple[Signal, Signal, Signal]] = {}
        for name, instance in self._instances.items():
            pins = ports[name]
            pins |= {f"i_{clock}": ClockSignal() for clock in instance.clocks}
            pins |= {f"i_{reset}": self.rst_n for reset in instance.resets_n}
            pins |= {f"i_{tie}": Const(value, width) for tie, (value, width) in instance.ties.items()}
            for side, prefix, back in ((instance.inputs, "i", "o"), (instance.outputs, "o", "i")):
                for key, port in side.items():
                    if port.tdata < port.bits:
                        raise NetlistError(f"port {key!r} of {name!r} has tdata={port.tdata} for bits={port.bits}")
                    wires = (Signal(port.tdata, name=f"{name}_{key}_data"), Signal(name=f"{name}_{key}_valid"),
                             Signal(name=f"{name}_{key}_ready"))
                    data[name, key] = wires
                    pins |= {f"{prefix}_{port.data}": wires[0], f"{prefix}_{port.valid}": wires[1], f"{back}_{port.ready}": wires[2]}

        for n, place in enumerate(self.layer.inputs):
            payload, valid, ready = data[place]
            unit = getattr(self, f"i{n}")
            m.d.comb += [payload.eq(unit.payload), valid.eq(unit.valid), unit.ready.eq(ready)]
        for n, place in enumerate(self.layer.outputs):
            payload, valid, ready = data[place]
            unit = getattr(self, f"o{n}")
            m.d.comb += [unit.payload.eq(payload), unit.valid.eq(valid), ready.eq(unit.ready)]
        for link in self.layer.links:
            self._port(*link.src, "outputs")
            self._port(*link.dst, "inputs")
            (from_data, from_valid, from_ready), (to_data, to_valid, to_ready) = data[link.src], data[link.dst]
            m.d.comb += [to_data.eq(0 if self.hollow else from_data), to_valid.eq(from_valid), from_ready.eq(to_ready)]
        for name, instance in self._instances.items():
            m.submodules[name] = Instance(instance.module, **ports[name])
        return m
