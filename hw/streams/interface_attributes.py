"""Attributes that tell Vivado's IP integrator which ports form an interface: X_INTERFACE_INFO and X_INTERFACE_PARAMETER.

With them on the top's own ports it enters a block design as a module reference, with no wrapper around it (UG994, "List of Supported X_
Attributes"). Every other tool ignores them.
"""

from collections.abc import Iterable

__all__ = ["interface_attributes"]

CLOCK, RESET, IRQ = "ap_clk", "ap_rst_n", "irq"
PROTOCOLS = {
    "s_axis": "xilinx.com:interface:axis:1.0",
    "m_axis": "xilinx.com:interface:axis:1.0",
    "s_axilite": "xilinx.com:interface:aximm:1.0",
}
PARAMETERS = {
    CLOCK: f"ASSOCIATED_BUSIF {':'.join(PROTOCOLS)}, ASSOCIATED_RESET {RESET}",
    RESET: "POLARITY ACTIVE_LOW",
    IRQ: "SENSITIVITY EDGE_RISING",
    "s_axilite": "PROTOCOL AXI4LITE",
}


def interface_attributes(ports: Iterable[str]) -> dict[str, dict[str, str]]:
    """The attributes of every port in ``ports``, by port and attribute.

    A port is ``ap_clk``, ``ap_rst_n``, ``irq``, or belongs to the stream or bus that its name begins with (``s_axis_tdata`` is TDATA of
    ``s_axis``); X_INTERFACE_PARAMETER stands on an interface's first port. FREQ_HZ is left away: the block design's clock decides it.
    Raises :class:`ValueError` for a port that is none of these, since IP integrator would leave it open without a word.
    """
    signals = {CLOCK: ("xilinx.com:signal:clock:1.0", "CLK"), RESET: ("xilinx.com:signal:reset:1.0", "RST"),
               IRQ: ("xilinx.com:signal:interrupt:1.0", "INTERRUPT")}
    found: dict[str, dict[str, str]] = {}
    begun = set()
    for port in ports:
        if port in signals:
            interface, (kind, logical) = port, signals[port]
        else:
            interface, _, member = port.rpartition("_")
            if interface not in PROTOCOLS:
                raise ValueError(f"port {port!r} belongs to none of {', '.join([*PROTOCOLS, *signals])}")
            kind, logical = PROTOCOLS[interface], member.upper()
        found[port] = {"X_INTERFACE_INFO": f"{kind} {interface} {logical}"}
        if interface in PARAMETERS and interface not in begun:
            found[port]["X_INTERFACE_PARAMETER"] = f"XIL_INTERFACENAME {interface}, {PARAMETERS[interface]}"
        begun.add(interface)
    return found
