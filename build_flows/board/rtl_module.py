"""The ports of a Verilog module as Vivado's IP integrator sees them: plain pins, and interfaces by their X_INTERFACE attributes (UG994)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from build_flows.base.errors import OfframpError

__all__ = ["Port", "RtlInterface", "RtlModule", "read_module"]

_ATTRIBUTE = r"\(\* *(X_INTERFACE_\w+) *= *\"([^\"]*)\" *\*\)"
_PORT = re.compile(rf"((?:{_ATTRIBUTE}\s*)*)\b(input|output|inout)\s+(?:\[(\d+):(\d+)\]\s*)?(\w+)\s*;")


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port: its direction (``output`` or not), and width in bits."""

    name: str
    output: bool
    bits: int


@dataclass(frozen=True, kw_only=True)
class RtlInterface:
    """Ports of one interface: its bus definition (``xilinx.com:interface:axis:1.0``), logical names with their ports, and parameters."""

    name: str
    vlnv: str
    ports: dict[str, Port] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RtlModule:
    """``pins`` are ports that belong to no interface."""

    name: str
    interfaces: Mapping[str, RtlInterface]
    pins: Mapping[str, Port]


def read_module(text: str, name: str) -> RtlModule:
    """Module ``name`` of the Verilog ``text``, with ports declared in its body as Yosys writes them (``input [31:0] a;``).

    Raises :class:`OfframpError` when there is no such module, when an attribute is not of the documented form, or two ports are the
    same member of an interface.
    """
    found = re.search(rf"^module {re.escape(name)}\s*\((.*?)\);(.*?)^endmodule", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise OfframpError(f"there is no module {name!r} in the Verilog")
    listed = [item.strip() for item in found[1].split(",") if item.strip()]
    interfaces: dict[str, RtlInterface] = {}
    pins: dict[str, Port] = {}
    seen = []
    for match in _PORT.finditer(found[2]):
        high, low, port_name = match[5], match[6], match[7]
        port = Port(name=port_name, output=match[4] == "output", bits=abs(int(high) - int(low)) + 1 if high else 1)
        seen.append(port_name)
        attributes = dict(re.findall(_ATTRIBUTE, match[1]))
        if "X_INTERFACE_INFO" not in attributes:
            pins[port_name] = port
            continue
        words = attributes["X_INTERFACE_INFO"].split()
        if len(words) != 3 or words[0].count(":") != 3:
            raise OfframpError(f"port {port_name}: X_INTERFACE_INFO must be 'VLNV NAME LOGICAL', not {attributes['X_INTERFACE_INFO']!r}")
        vlnv, interface_name, logical = words
        interface = interfaces.setdefault(interface_name, RtlInterface(name=interface_name, vlnv=vlnv))
        if interface.vlnv != vlnv or logical in interface.ports:
            raise OfframpError(
                f"port {port_name}: interface {interface_name} is a {interface.vlnv} with {', '.join(interface.ports)} already")
        interface.ports[logical] = port
        interface.parameters.update(_parameters(port_name, interface_name, attributes.get("X_INTERFACE_PARAMETER", "")))
    if sorted(seen) != sorted(listed):
        raise OfframpError(f"module {name!r}: ports {', '.join(sorted(set(listed) ^ set(seen)))} are listed or declared, but not both")
    return RtlModule(name=name, interfaces=interfaces, pins=pins)


def _parameters(port: str, interface: str, text: str) -> dict[str, str]:
    found = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = item.partition(" ")
        if not value.strip():
            raise OfframpError(f"port {port}: X_INTERFACE_PARAMETER {key} has no value")
        found[key] = value.strip()
    if found.pop("XIL_INTERFACENAME", interface) != interface:
        raise OfframpError(f"port {port}: X_INTERFACE_PARAMETER is not of interface {interface}: {text!r}")
    return found
