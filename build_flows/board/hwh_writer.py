"""A design as a hardware hand-off file (.hwh), laid out as Vivado lays one out.

The layout is that of the .hwh files PYNQ publishes with its own overlays (Vivado 2022.1), which its parsers read: modules with parameters,
ports and bus interfaces, who is connected to whom, and who sees what at which address. Written by hand from those, for files that stand in
for Vivado's; what nothing reads there (documents, register descriptions, wires to memory chips and MIO) is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from build_flows.base.errors import OfframpError

__all__ = ["AXI_LITE", "AXI_READ", "AXI_WRITE", "STREAM", "Bus", "BusLink", "Module", "Range", "hwh_text"]

AXI_LITE = ("AWADDR", "AWVALID", "AWREADY", "WDATA", "WSTRB", "WVALID", "WREADY", "BRESP", "BVALID", "BREADY", "ARADDR", "ARVALID",
            "ARREADY", "RDATA", "RRESP", "RVALID", "RREADY")
AXI_READ = ("ARADDR", "ARLEN", "ARSIZE", "ARBURST", "ARPROT", "ARCACHE", "ARVALID", "ARREADY", "RDATA", "RRESP", "RLAST", "RVALID",
            "RREADY")
AXI_WRITE = ("AWADDR", "AWLEN", "AWSIZE", "AWBURST", "AWPROT", "AWCACHE", "AWVALID", "AWREADY", "WDATA", "WSTRB", "WLAST", "WVALID",
             "WREADY", "BRESP", "BVALID", "BREADY")
STREAM = ("TDATA", "TVALID", "TREADY", "TLAST")

# What the side that answers drives.
_ANSWERS = {"AWREADY", "WREADY", "ARREADY", "BRESP", "BVALID", "RDATA", "RRESP", "RLAST", "RVALID", "TREADY"}
_WIDTHS = {"LEN": 8, "SIZE": 3, "BURST": 2, "PROT": 3, "CACHE": 4, "RESP": 2}


@dataclass(frozen=True, kw_only=True)
class Bus:
    """A bus interface ``name`` of a module.

    ``signals`` are those it has (``AXI_LITE``, ...), its ports ``prefix`` and their names, in lower case unless ``upper``. ``data`` and
    ``addr`` are widths in bits; ``begins`` says that it is the side that begins: manager, or source of a stream. ``protocol`` is that of
    a memory mapped one.
    """

    name: str
    prefix: str
    signals: tuple[str, ...]
    data: int
    begins: bool
    addr: int = 32
    protocol: str = "AXI4LITE"
    upper: bool = False

    @property
    def stream(self) -> bool:
        return "TDATA" in self.signals

    def port(self, signal: str) -> str:
        """The module's port for ``signal``."""
        return self.prefix + (signal if self.upper else signal.lower())

    def width(self, signal: str) -> int | None:
        """Bits of ``signal``; None when it is a single wire and no vector."""
        if signal.endswith("ADDR"):
            return self.addr
        if signal.endswith("DATA"):
            return self.data
        if signal.endswith("STRB"):
            return self.data // 8
        return next((width for end, width in _WIDTHS.items() if signal.endswith(end)), None)


@dataclass(frozen=True, kw_only=True)
class Range:
    """What bus ``manager`` of a module sees: bus ``subordinate`` of ``instance``, its address block ``block``, from ``base`` on ``size``
    bytes. ``kind`` is ``REGISTER`` or ``MEMORY``."""

    manager: str
    instance: str
    subordinate: str
    base: int
    size: int
    block: str = "Reg"
    kind: str = "REGISTER"


@dataclass(frozen=True, kw_only=True)
class Module:
    """A cell of the block design: ``vlnv`` as the catalogue names it, ``parameters`` in their order, ``ports`` those that belong to no bus,
    as (name, direction ``I`` or ``O``, bits or None, what it is: ``clk``, ``rst``, ``INTERRUPT`` or ``undef``)."""

    instance: str
    vlnv: str
    parameters: Mapping[str, object]
    ports: Sequence[tuple[str, str, int | None, str]] = ()
    buses: Sequence[Bus] = ()
    ranges: Sequence[Range] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BusLink:
    """Bus ``source``, an (instance, bus) pair that begins, joined to ``sink``."""

    source: tuple[str, str]
    sink: tuple[str, str]


Pin = tuple[str, str]


def hwh_text(
    *, name: str, device: str, package: str, speed: str, version: str, timestamp: str, comment: str, clock_hz: int,
    modules: Sequence[Module], nets: Mapping[Pin, Iterable[Pin]], links: Iterable[BusLink],
) -> str:
    """The file's text. ``nets`` go from a pin that drives to those it drives, all as (instance, port); ``clock_hz`` is the clock's rate.

    Raises :class:`OfframpError` for a net or link whose end does not exist.
    """
    joined = _joined(modules, nets, links)
    root = Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP=timestamp, VIVADOVERSION=version)
    root.append(ElementTree.Comment(f" {comment} "))
    SubElement(root, "SYSTEMINFO", ARCH="zynq", DEVICE=device, NAME=name, PACKAGE=package, SPEEDGRADE=speed)
    SubElement(root, "EXTERNALPORTS")
    SubElement(root, "EXTERNALINTERFACES")
    cells = SubElement(root, "MODULES")
    names = {end: f"{link.source[0]}_{link.source[1]}" for link in links for end in (link.source, link.sink)}
    for module in sorted(modules, key=lambda item: item.instance):
        _module(cells, module, joined, names, clock_hz)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _joined(modules: Sequence[Module], nets: Mapping[Pin, Iterable[Pin]], links: Iterable[BusLink]) -> dict[Pin, tuple[str, list[Pin]]]:
    """Of every connected pin the net's name and the pins at its other ends."""
    known = {(module.instance, name) for module in modules for name, *_ in module.ports}
    buses = {(module.instance, bus.name): bus for module in modules for bus in module.buses}
    pairs = {driver: list(loads) for driver, loads in nets.items()}
    missing = [pin for driver, loads in pairs.items() for pin in (driver, *loads) if pin not in known]
    for link in links:
        missing += [end for end in (link.source, link.sink) if end not in buses]
        if missing:
            continue
        source, sink = buses[link.source], buses[link.sink]
        for signal in source.signals:
            if signal in sink.signals:
                ends = (link.source[0], source.port(signal)), (link.sink[0], sink.port(signal))
                driver, load = reversed(ends) if signal in _ANSWERS else ends
                pairs[driver] = [load]
    if missing:
        raise OfframpError(f"there is no pin {'/'.join(missing[0])} in the design")
    found: dict[Pin, tuple[str, list[Pin]]] = {}
    for driver, loads in pairs.items():
        net = "_".join(driver)
        found[driver] = net, sorted(loads)
        found |= {load: (net, [driver]) for load in loads}
    return found


def _module(cells: Element, module: Module, joined: Mapping[Pin, tuple[str, list[Pin]]], names: Mapping[Pin, str], clock_hz: int) -> None:
    _, _, kind, revision = module.vlnv.split(":")
    cell = SubElement(cells, "MODULE", {
        "COREREVISION": "1", "FULLNAME": f"/{module.instance}", "HWVERSION": revision, "INSTANCE": module.instance, "IPTYPE": "PERIPHERAL",
        "IS_ENABLE": "1", "MODCLASS": "PERIPHERAL", "MODTYPE": kind, "VLNV": module.vlnv, **module.attributes})
    SubElement(cell, "DOCUMENTS")
    _parameters(SubElement(cell, "PARAMETERS"), module.parameters)
    ports = SubElement(cell, "PORTS")
    plain = list(module.ports)
    for bus in module.buses:
        plain += [(bus.port(signal), "O" if bus.begins != (signal in _ANSWERS) else "I", bus.width(signal), "undef")
                  for signal in bus.signals]
    for name, direction, bits, what in plain:
        shape = {} if bits is None else {"LEFT": str(bits - 1), "RIGHT": "0"}
        rate = {"CLKFREQUENCY": str(clock_hz)} if what == "clk" else {}
        net, ends = joined.get((module.instance, name), ("", []))
        wire = {"SIGNAME": net} if net else {}
        port = SubElement(ports, "PORT", {**rate, "DIR": direction, "NAME": name, "SIGIS": what, **shape, **wire})
        if ends:
            connections = SubElement(port, "CONNECTIONS")
            for instance, end in ends:
                SubElement(connections, "CONNECTION", INSTANCE=instance, PORT=end)
    interfaces = SubElement(cell, "BUSINTERFACES")
    for bus in module.buses:
        _interface(interfaces, module.instance, bus, names, clock_hz)
    if module.ranges:
        memory, seen = SubElement(cell, "MEMORYMAP"), SubElement(cell, "PERIPHERALS")
        for item in module.ranges:
            SubElement(memory, "MEMRANGE", {
                "ADDRESSBLOCK": item.block, "BASENAME": "C_BASEADDR", "BASEVALUE": f"0x{item.base:08X}", "HIGHNAME": "C_HIGHADDR",
                "HIGHVALUE": f"0x{item.base + item.size - 1:08X}", "INSTANCE": item.instance, "IS_DATA": "TRUE", "IS_INSTRUCTION": "TRUE",
                "MASTERBUSINTERFACE": item.manager, "MEMTYPE": item.kind, "SLAVEBUSINTERFACE": item.subordinate})
        for instance in dict.fromkeys(item.instance for item in module.ranges):
            SubElement(seen, "PERIPHERAL", INSTANCE=instance)


def _interface(parent: Element, instance: str, bus: Bus, names: Mapping[Pin, str], clock_hz: int) -> None:
    common = {"BUSNAME": names.get((instance, bus.name), "__NOC__"), "NAME": bus.name}
    if bus.stream:
        interface = SubElement(parent, "BUSINTERFACE", {
            **common, "TYPE": "INITIATOR" if bus.begins else "TARGET", "VLNV": "xilinx.com:interface:axis:1.0"})
        _parameters(interface, {"TDATA_NUM_BYTES": bus.data // 8, "HAS_TREADY": 1, "HAS_TLAST": 1, "FREQ_HZ": clock_hz})
    else:
        interface = SubElement(parent, "BUSINTERFACE", {
            **common, "DATAWIDTH": str(bus.data), "TYPE": "MASTER" if bus.begins else "SLAVE", "VLNV": "xilinx.com:interface:aximm:1.0"})
        _parameters(interface, {"DATA_WIDTH": bus.data, "PROTOCOL": bus.protocol, "FREQ_HZ": clock_hz, "ADDR_WIDTH": bus.addr})
    maps = SubElement(interface, "PORTMAPS")
    for signal in bus.signals:
        SubElement(maps, "PORTMAP", LOGICAL=signal, PHYSICAL=bus.port(signal))


def _parameters(parent: Element, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        SubElement(parent, "PARAMETER", NAME=name, VALUE=str(value))
