"""Attributes that tell Vivado's IP integrator which ports form an interface: X_INTERFACE_INFO and X_INTERFACE_PARAMETER.

With them on a module's own ports it enters a block design as a module reference, with no wrapper around it (UG994, "List of Supported X_
Attributes"). Every other tool ignores them.
"""

import re
from collections.abc import Collection, Iterable

__all__ = ["interface_attributes"]

STREAM, REGISTERS = re.compile(r"[sm]_axis(_\w+)?"), "s_axilite"


def interface_attributes(ports: Iterable[str], *, clock: str = "ap_clk", reset: str = "ap_rst_n", interrupt: str = "irq",
                         plain: Collection[str] = ()) -> dict[str, dict[str, str]]:
    """The attributes of every port in ``ports``, by port and attribute.

    A port is the ``clock``, the ``reset`` (active low), the ``interrupt``, or belongs to the stream or bus that its name begins with:
    ``s_axis_tdata`` is TDATA of ``s_axis``, ``m_axis_result_tvalid`` TVALID of ``m_axis_result``, ``s_axilite_awaddr`` AWADDR of the
    registers. X_INTERFACE_PARAMETER stands on an interface's first port. FREQ_HZ is left away: the block design's clock decides it. Ports
    in ``plain`` are of no interface and have no attributes. Raises :class:`ValueError` for one that is none of these, since IP integrator
    would leave it open without a word.
    """
    signals = {clock: ("xilinx.com:signal:clock:1.0", "CLK"), reset: ("xilinx.com:signal:reset:1.0", "RST"),
               interrupt: ("xilinx.com:signal:interrupt:1.0", "INTERRUPT")}
    parameters = {reset: "POLARITY ACTIVE_LOW", interrupt: "SENSITIVITY EDGE_RISING", REGISTERS: "PROTOCOL AXI4LITE"}
    found: dict[str, dict[str, str]] = {}
    begun: list[str] = []
    for port in ports:
        if port in plain:
            continue
        if port in signals:
            interface, (kind, logical) = port, signals[port]
        else:
            interface, _, member = port.rpartition("_")
            if interface != REGISTERS and not STREAM.fullmatch(interface):
                raise ValueError(f"port {port!r} belongs to none of s_axis*, m_axis*, {', '.join([REGISTERS, *signals])}")
            kind, logical = f"xilinx.com:interface:{'aximm' if interface == REGISTERS else 'axis'}:1.0", member.upper()
            if interface not in begun:
                begun.append(interface)
                if interface in parameters:
                    found[port] = {"X_INTERFACE_PARAMETER": f"XIL_INTERFACENAME {interface}, {parameters.pop(interface)}"}
        found[port] = {"X_INTERFACE_INFO": f"{kind} {interface} {logical}", **found.get(port, {})}
        if port in (reset, interrupt):
            found[port]["X_INTERFACE_PARAMETER"] = f"XIL_INTERFACENAME {port}, {parameters[port]}"
    if clock in found:
        clocked = [f"ASSOCIATED_BUSIF {':'.join(begun)}"] if begun else []
        found[clock]["X_INTERFACE_PARAMETER"] = ", ".join([f"XIL_INTERFACENAME {clock}", *clocked, f"ASSOCIATED_RESET {reset}"])
    return found
