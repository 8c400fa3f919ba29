"""A block design as it grows: cells, nets, interfaces and addresses, every one checked when it is made, and what is left open at the end.

What Vivado's own validation would refuse is refused, and some of what it only warns of. Names are Vivado's: ``/axi_dma_0/s_axi_lite_aclk``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from build_flows.board.ip_block import Interface, Ip, Pin, Segment

__all__ = ["BlockDesign", "BlockError", "Cell"]


class BlockError(ValueError):
    """Something that does not exist, does not fit, or is taken; the message names it."""


@dataclass
class Cell:
    """An instance of ``ip`` (full name or module ``kind``) with its parameters' values."""

    name: str
    kind: str
    ip: Ip
    values: dict[str, str] = field(default_factory=dict)

    def pins(self) -> dict[str, Pin]:
        return {pin.name: pin for pin in self.ip.pins(self.values)}

    def interfaces(self) -> dict[str, Interface]:
        return {item.name: item for item in self.ip.interfaces(self.values)}


class BlockDesign:
    """An empty block design. ``nets`` are loads by driver; ``joined`` is the other end of each joined interface; ``ports`` are external
    interfaces by their definition; ``assigned`` are (offset, range) by address space and segment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells: dict[str, Cell] = {}
        self.nets: dict[str, list[str]] = {}
        self.joined: dict[str, str] = {}
        self.ports: dict[str, str] = {}
        self.assigned: dict[str, dict[str, tuple[int, int]]] = {}

    def add_cell(self, name: str, kind: str, ip: Ip) -> str:
        """Add an instance with its parameters' defaults."""
        if name in self.cells:
            raise BlockError(f"cell {name} exists already")
        self.cells[name] = Cell(name, kind, ip, {key: default for key, (default, _) in ip.parameters.items()})
        return f"/{name}"

    def add_port(self, name: str, vlnv: str) -> str:
        """Add an external interface port."""
        if name in self.ports:
            raise BlockError(f"port {name} exists already")
        self.ports[name] = vlnv
        return f"/{name}"

    def configure(self, name: str, values: Mapping[str, str]) -> None:
        """Set parameters of cell ``name``."""
        cell = self.cell(name)
        for key, value in values.items():
            if key not in cell.ip.parameters:
                raise BlockError(f"{cell.kind} has no parameter {key}")
            allowed = cell.ip.parameters[key][1]
            if not allowed.allow(value):
                raise BlockError(f"{cell.name}: {key} must be {allowed}, not {value!r}")
        cell.values.update(values)
        conflicts = cell.ip.conflicts(cell.values)
        if conflicts:
            raise BlockError(f"{cell.name}: {'; '.join(conflicts)}")

    def cell(self, name: str) -> Cell:
        """The cell called ``name``, with or without slash."""
        found = self.cells.get(name.removeprefix("/"))
        if found is None:
            raise BlockError(f"no cell is called {name}; there are {', '.join(self.cells)}")
        return found

    def pin(self, path: str) -> Pin:
        """Pin ``path`` (``cell/pin``)."""
        cell, _, name = path.removeprefix("/").partition("/")
        pins = self.cell(cell).pins()
        if name not in pins:
            raise BlockError(f"{cell} has no pin {name}; it has {', '.join(pins)}")
        return pins[name]

    def interface(self, path: str) -> Interface:
        """Interface pin ``path`` (``cell/interface``)."""
        cell, _, name = path.removeprefix("/").partition("/")
        found = self.cell(cell).interfaces()
        if name not in found:
            raise BlockError(f"{cell} has no interface {name}; it has {', '.join(found) or 'none'}")
        return found[name]

    def connect(self, paths: list[str]) -> None:
        """Join pins to one net with exactly one driver."""
        drivers = [path for path in paths if self.pin(path).output]
        loads = [path for path in paths if not self.pin(path).output]
        known = [driver for driver, fed in self.nets.items() if any(load in fed for load in loads)]
        drivers = list(dict.fromkeys([*drivers, *known]))
        if len(drivers) != 1:
            raise BlockError(f"a net needs one driver, not {len(drivers)} ({', '.join(drivers) or 'none'}), to {', '.join(loads)}")
        (driver,) = drivers
        source = self.pin(driver)
        for load in loads:
            sink = self.pin(load)
            if "clock" in (source.kind, sink.kind) and source.kind != sink.kind:
                raise BlockError(f"{driver} is a {source.kind}, but {load} a {sink.kind}")
            if "reset" in (source.kind, sink.kind) and (source.kind != sink.kind or source.active_low != sink.active_low):
                raise BlockError(f"{driver} is a {_kind(source)}, but {load} a {_kind(sink)}")
            if source.bits is not None and sink.bits is not None and source.bits != sink.bits:
                raise BlockError(f"{driver} has {source.bits} bits, but {load} {sink.bits}")
            if load not in self.nets.setdefault(driver, []):
                self.nets[driver].append(load)

    def join(self, first: str, second: str) -> None:
        """Join two interface pins, one master and one slave, or a pin and an external port."""
        for path in (first, second):
            if path in self.joined:
                raise BlockError(f"{path} is joined to {self.joined[path]} already")
        ports = [path for path in (first, second) if path.removeprefix("/") in self.ports]
        if ports:
            (port,), (path,) = ports, [path for path in (first, second) if path not in ports]
            if self.interface(path).protocol != self.ports[port.removeprefix("/")]:
                raise BlockError(f"{path} is a {self.interface(path).protocol}, but port {port} a {self.ports[port.removeprefix('/')]}")
        else:
            ends = sorted(((self.interface(path), path) for path in (first, second)), key=lambda item: not item[0].master)
            self._fit(*ends)
        self.joined[first], self.joined[second] = second, first

    def _fit(self, one: tuple[Interface, str], other: tuple[Interface, str]) -> None:
        (master, first), (slave, second) = one, other
        if not master.master or slave.master:
            raise BlockError(f"{first} and {second} are both {'masters' if master.master else 'slaves'}")
        families = {"axi3": "axi", "axi4": "axi", "axi4lite": "axi", "any": "axi"}
        if families.get(master.protocol, master.protocol) != families.get(slave.protocol, slave.protocol):
            raise BlockError(f"{first} is {master.protocol}, but {second} {slave.protocol}")
        if "any" in (master.protocol, slave.protocol):
            return
        if master.protocol != slave.protocol:
            raise BlockError(f"{first} is {master.protocol}, but {second} {slave.protocol}, with no interconnect between")
        if master.bits != slave.bits:
            raise BlockError(f"{first} has {master.bits} bits, but {second} {slave.bits}")
        if slave.signals - {"TREADY", "TKEEP"} - master.signals:
            raise BlockError(f"{second} needs {', '.join(sorted(slave.signals - master.signals))} of {first}")

    def segment(self, path: str) -> Segment:
        """Address segment ``path`` (``cell/interface/block``)."""
        cell, _, name = path.removeprefix("/").partition("/")
        for item in self.cell(cell).ip.segments:
            if item.name == name:
                return item
        raise BlockError(f"{cell} has no address segment {name}; it has {', '.join(item.name for item in self.cell(cell).ip.segments)}")

    def space(self, path: str) -> tuple[str, int, int]:
        """Address space ``path``: its master interface, and the first and last but one address of its window."""
        cell, _, name = path.removeprefix("/").partition("/")
        found = self.cell(cell).ip.spaces.get(name)
        if found is None:
            raise BlockError(f"{cell} has no address space {name}; it has {', '.join(self.cell(cell).ip.spaces)}")
        return found

    def assign(self, space: str, segment: str, offset: int, size: int) -> None:
        """Let ``space`` see ``segment`` at ``offset`` for ``size`` bytes."""
        _, low, high = self.space(space)
        found = self.segment(segment)
        where = f"{segment} in {space} at {offset:#x} for {size:#x}"
        if size < found.least or size & (size - 1):
            raise BlockError(f"{where}: the range must be a power of two of at least {found.least:#x}")
        if offset % size:
            raise BlockError(f"{where}: the offset must be a multiple of the range")
        if offset < max(low, found.low) or offset + size > min(high, found.high):
            raise BlockError(f"{where}: it must lie from {max(low, found.low):#x} to {min(high, found.high):#x}")
        if segment not in self.reachable(space):
            raise BlockError(f"{where}: it cannot be reached from there")
        for other, (start, length) in self.assigned.get(space, {}).items():
            if other != segment and offset < start + length and start < offset + size:
                raise BlockError(f"{where}: it overlaps {other} at {start:#x}")
        self.assigned.setdefault(space, {})[segment] = (offset, size)

    def reachable(self, space: str) -> list[str]:
        """The segments that ``space`` reaches through joined interfaces and interconnects."""
        cell = space.removeprefix("/").partition("/")[0]
        waiting, seen, found = [f"/{cell}/{self.space(space)[0]}"], set(), []
        while waiting:
            end = self.joined.get(waiting.pop())
            if end is None or end in seen:
                continue
            seen.add(end)
            name, _, interface = end.removeprefix("/").partition("/")
            other = self.cell(name)
            found += [f"/{name}/{item.name}" for item in other.ip.segments if item.interface == interface]
            if other.ip.passes:
                waiting += [f"/{name}/{item.name}" for item in other.interfaces().values() if item.master]
        return found

    def faults(self) -> list[str]:
        """All that is open or does not belong together, one line each; empty for a design that is whole."""
        return [*self._open_pins(), *self._open_interfaces(), *self._clocks(), *self._addresses()]

    def left_open(self) -> list[str]:
        """Pins and interfaces that nothing is connected to and need not be."""
        fed = {path for driver, loads in self.nets.items() for path in (driver, *loads)}
        pins = [path for path, _ in self._pins() if path not in fed]
        return [*pins, *(path for path, _ in self._interfaces() if path not in self.joined)]

    def _pins(self) -> Iterator[tuple[str, Pin]]:
        yield from ((f"/{cell.name}/{pin.name}", pin) for cell in self.cells.values() for pin in cell.pins().values())

    def _interfaces(self) -> Iterator[tuple[str, Interface]]:
        yield from ((f"/{cell.name}/{item.name}", item) for cell in self.cells.values() for item in cell.interfaces().values())

    def _open_pins(self) -> Iterator[str]:
        fed = {path for driver, loads in self.nets.items() for path in (driver, *loads)}
        yield from (f"{_kind(pin)} pin {path} is not connected" for path, pin in self._pins() if pin.needed and path not in fed)

    def _open_interfaces(self) -> Iterator[str]:
        yield from (f"interface {path} is not connected" for path, item in self._interfaces() if item.needed and path not in self.joined)
        yield from (f"port {port} is not connected" for port in self.ports if f"/{port}" not in self.joined)

    def _clocks(self) -> Iterator[str]:
        """Both ends of an interface must run on one clock: nothing here crosses from one to another but an interconnect's inside."""
        drivers = {load: driver for driver, loads in self.nets.items() for load in loads}

        def clock(path: str) -> str | None:
            cell, _, _ = path.removeprefix("/").partition("/")
            name = self.interface(path).clock
            pin = f"/{cell}/{name}"
            return (pin if self.pin(pin).output else drivers.get(pin)) if name else None

        for first, second in self.joined.items():
            if first < second and not {first.removeprefix("/"), second.removeprefix("/")} & self.ports.keys():
                one, other = clock(first), clock(second)
                if one != other:
                    yield f"{first} runs on {one}, but {second} on {other}"

    def _addresses(self) -> Iterator[str]:
        for cell in self.cells.values():
            for name in cell.ip.spaces:
                space = f"/{cell.name}/{name}"
                for segment in self.reachable(space):
                    if segment not in self.assigned.get(space, {}):
                        yield f"{segment} has no address in {space}"


def _kind(pin: Pin) -> str:
    return f"active-{'low' if pin.active_low else 'high'} reset" if pin.kind == "reset" else pin.kind
