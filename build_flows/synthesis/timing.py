"""Estimates how fast a mapped netlist can be clocked: the longest path between registers, before placement.

Cell delays are those of :mod:`build_flows.synthesis.cell_delays`; what a connection takes is a model of a few constants, stated here with
their reasons and in :data:`ASSUMPTIONS`. It is an estimate: no placer has seen the design.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from build_flows.artefacts.resources import PathHop, TimingRecord
from build_flows.base.errors import OfframpError
from build_flows.synthesis.cell_delays import SOURCE, CellDelays, cell_delays
from build_flows.synthesis.cell_models import Pin

__all__ = [
    "ASSUMPTIONS", "CLOCK_LIMIT_MHZ", "FANOUT_NS", "NET_NS", "SITE_NS", "Hop", "Timing", "TimingError", "format_path", "longest_path",
]

NET_NS = 0.65
"""A connection to a pin whose delay the models have in part (inputs of look-up tables, addresses of memories made of them).

Routed paths of 7-series at -1 have 0.83 ns a connection on average, to tables that count 0.124 ns (a path through 10 cells of a processor
on an Artix-7, fan-out 1 to 7, 0.30 to 1.28 ns; FloPoCo's Zynq-7000 target lists 0.64 to 0.89 ns after place and route at fan-out 1
and 2). Yosys' mapper puts late signals on fast pins, 0.13 to 0.24 ns in its models, and its flip-flops' 0.303 ns lacks the way out of the
slice, which the vendor's 0.456 ns has. This value meets that routed path, 9.5 ns, to 1 %: no more is claimed for it."""

SITE_NS = 0.10
"""What a connection to any other pin takes on top: the figures of those begin at the pin itself, a table's some way before it."""

FANOUT_NS = 0.12
"""What each doubling of the fan-out adds: FloPoCo's list has 0.88 to 1.66 ns at fan-out 5 to 24 and 2.1 to 2.9 ns at about 100, which is
0.25 ns a doubling; the processor's path shows no effect up to 7. Half of it."""

CLOCK_LIMIT_MHZ = 464.0
"""The fastest clock that a global buffer of the part carries at -1, by its data sheet."""

ASSUMPTIONS = (
    SOURCE,
    f"connections: {NET_NS:g} ns to a look-up table and {NET_NS + SITE_NS:g} ns to any other pin, {FANOUT_NS:g} ns more for each "
    "doubling of the fan-out; nothing inside a slice (carry chain, table to its carry, multiplexer or flip-flop) and along the "
    "cascades of DSP slices, block memories and shift registers",
    "one clock for all, no skew, no jitter; latches begin and end paths; asynchronous resets end paths and begin none",
    f"a global clock buffer carries {CLOCK_LIMIT_MHZ:g} MHz at most",
    "estimated from the netlist before placement: a routed design can be slower where it is crowded, or faster",
)
"""What the estimate rests on, a line each."""

_TABLE = re.compile(r"LUT[1-6](_2)?|INV")
_RAM_OF_TABLES = re.compile(r"RAM\d+(X\d+[SD]|M)(_1)?|SRLC?(16|32)E?")
_FLIP_FLOP = re.compile(r"FD[CPRS]E(_1)?")
_ADDRESS = re.compile(r"(A|ADDR[A-H]|DPRA)\d*")
_CASCADES = {("PCOUT", "PCIN"), ("ACOUT", "ACIN"), ("BCOUT", "BCIN"), ("CARRYCASCOUT", "CARRYCASCIN"), ("MULTSIGNOUT", "MULTSIGNIN"),
             ("CASCADEOUTA", "CASCADEINA"), ("CASCADEOUTB", "CASCADEINB"), ("CO", "CI"), ("Q15", "D"), ("Q31", "D")}
_NEVER = -math.inf


class TimingError(OfframpError):
    """The netlist has no longest path that can be told: a combinational loop (its cells are named), or registers on both clock edges."""


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One cell of a path. Delays are in ns.

    ``name`` is the signal that the cell drives, in the source's words where Yosys kept them (of a memory or DSP slice its own name), else
    the instance and the place in the source that it comes from, or nothing. ``into`` and ``out`` are the pins (empty at the ends).
    ``net_ns`` is the connection that leads to the cell, ``cell_ns`` the cell: clock to output for the first of a path between registers,
    setup for the last. ``fanout`` is the pins that the connection leads to, 0 where none is taken: at the start of a path, and inside
    a cell from one of its registers to another.
    """

    cell: str
    name: str
    into: str
    out: str
    net_ns: float
    cell_ns: float
    fanout: int


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a netlist takes, in ns.

    ``path_ns`` is the longest way from a register to a register, with clock to output and setup, and ``path`` its cells; ``period_ns`` and
    ``fmax_mhz`` are those of the fastest clock, which the clock buffer limits too. All four are None (``path`` empty) without such a way.
    ``in_ns``: from an input port to a register, with the connection from the port and setup. ``out_ns``: from a register to what drives an
    output port; ``through_ns``: from an input to an output port. These two are without the connection behind the port, which the
    ``in_ns`` or ``through_ns`` of the neighbour has, so that sums over neighbours hold. None where there is no such way.
    """

    path_ns: float | None
    period_ns: float | None
    fmax_mhz: float | None
    in_ns: float | None
    out_ns: float | None
    through_ns: float | None
    path: tuple[Hop, ...]
    assumptions: tuple[str, ...] = ASSUMPTIONS

    def record(self) -> TimingRecord:
        """The same, rounded to a picosecond (frequencies to 0.1 MHz)."""
        def rounded(value: float | None, digits: int = 3) -> float | None:
            return None if value is None else round(value, digits)

        return TimingRecord(
            path_ns=rounded(self.path_ns), period_ns=rounded(self.period_ns), fmax_mhz=rounded(self.fmax_mhz, 1), in_ns=rounded(self.in_ns),
            out_ns=rounded(self.out_ns), through_ns=rounded(self.through_ns), assumptions=list(self.assumptions),
            path=[
                PathHop(name=hop.name, cell=hop.cell, into=hop.into, out=hop.out, net_ns=round(hop.net_ns, 3),
                        cell_ns=round(hop.cell_ns, 3), fanout=hop.fanout)
                for hop in self.path
            ],
        )

    def describe(self) -> str:
        """One line: estimated frequency, and from which register, through what, to which."""
        if self.fmax_mhz is None or self.path_ns is None:
            ways = [f"{words} {ns:.2f} ns" for words, ns in (("input to register", self.in_ns), ("register to output", self.out_ns),
                                                             ("input to output", self.through_ns)) if ns is not None]
            return f"no path between registers; {', '.join(ways)}" if ways else "no paths"
        limit = " (the clock buffer's limit)" if self.period_ns != self.path_ns else ""
        start, end = self.path[0], self.path[-1]
        way = (f"inside {start.cell} {start.name}, {start.out} to {end.into}" if not end.fanout else
               f"from {start.name} ({start.cell}) through {_through(self.path)} to {end.name} ({end.cell})")
        return f"about {self.fmax_mhz:.0f} MHz{limit}: {self.path_ns:.2f} ns {way}"


def format_path(timing: Timing) -> str:
    """The longest path for people, a cell a line, with a heading and the time of arrival; one line when there is none."""
    lines = [timing.describe()]
    arrival = 0.0
    for hop in timing.path:
        arrival += hop.net_ns
        if hop.fanout:
            lines.append(f"  {arrival:8.3f}  {hop.net_ns:+7.3f}  connection, fan-out {hop.fanout}")
        arrival += hop.cell_ns
        pins = f"{hop.into} to {hop.out}" if hop.into and hop.out else f"clock to {hop.out}" if hop.out else f"setup of {hop.into}"
        lines.append(f"  {arrival:8.3f}  {hop.cell_ns:+7.3f}  {hop.cell} {pins}{f': {hop.name}' if hop.name else ''}")
    return "\n".join(lines)


def _through(path: tuple[Hop, ...]) -> str:
    kinds = Counter("LUT" if _TABLE.fullmatch(hop.cell) else "carry" if hop.cell == "CARRY4" else hop.cell for hop in path[1:-1])
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"


def longest_path(netlist: Mapping[str, Any], top: str) -> Timing:
    """The timing of module ``top`` of ``netlist``, what Yosys' ``write_json`` wrote of a design mapped to 7-series and flattened.

    Registers are flip-flops, latches, shift registers, memories (written on the clock; those of look-up tables are read through), and
    those inside a DSP slice. Raises KeyError without such a module, :class:`TimingError` for a combinational loop or for registers on
    both edges of the clock, :class:`build_flows.synthesis.cell_delays.UnknownCellError` for a cell that has no delays.
    """
    return _Graph(netlist["modules"][top]).timing()


@dataclass(frozen=True)
class _Cell:
    name: str
    kind: str
    bits: Mapping[str, list[Any]]
    source: str
    delays: CellDelays


class _Edge(NamedTuple):
    """From node ``start`` to node ``end``; the cell's pins are known where the node is a net's bit."""

    start: int
    end: int
    cell: int
    into: Pin | None
    out: Pin | None
    net_ns: float
    cell_ns: float


class _Graph:
    """Nodes are the bits of nets, numbered as Yosys does, and one in between for each arc of a cell that has many ends."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self._module = module
        self._cells = [_Cell(name, cell["type"], cell["connections"], cell.get("attributes", {}).get("src", ""),
                             cell_delays(cell["type"], cell.get("parameters", {}))) for name, cell in module["cells"].items()]
        self._check_edges()
        # Which cell and pin drives a bit; how many pins it leads to, and how many of those are where only one fits into the slice.
        self._driver: dict[int, tuple[int, Pin]] = {}
        self._fanout: Counter[int] = Counter()
        self._beside: Counter[tuple[int, str]] = Counter()
        for at, cell in enumerate(self._cells):
            arcs = cell.delays.arcs
            outputs = {pin[0] for pin in cell.delays.launches} | {pin[0] for arc in arcs for pin in arc.targets}
            for port, bits in cell.bits.items():
                for index, bit in enumerate(bits):
                    if not isinstance(bit, int):
                        continue
                    if port in outputs:
                        self._driver[bit] = (at, (port, index))
                    else:
                        self._fanout[bit] += 1
                        self._beside[bit, _seat(cell.kind, port)] += 1
        for port in module["ports"].values():
            if port["direction"] != "input":
                self._fanout.update(bit for bit in port["bits"] if isinstance(bit, int))
        self._nodes = 1 + max([bit for bits in self._all_bits() for bit in bits if isinstance(bit, int)], default=0)
        self._edges: list[_Edge] = []
        self._leaving: dict[int, list[int]] = {}
        for at, cell in enumerate(self._cells):
            self._add(at, cell)
        self._order = self._sorted()

    def _all_bits(self) -> Iterator[list[Any]]:
        for cell in self._cells:
            yield from cell.bits.values()
        for port in self._module["ports"].values():
            yield port["bits"]

    def _check_edges(self) -> None:
        first: dict[bool, _Cell] = {}
        for cell in self._cells:
            if cell.delays.falling is not None:
                first.setdefault(cell.delays.falling, cell)
        if len(first) == 2:
            raise TimingError(f"registers work on both edges of the clock ({first[False].name} on the rising, {first[True].name} on the "
                              "falling edge), and paths between them are not estimated", hint="clock all registers on one edge")

    def _add(self, at: int, cell: _Cell) -> None:
        for arc in cell.delays.arcs:
            starts = [(pin, bit) for pin in arc.sources if (bit := _bit(cell, pin)) is not None]
            ends = [(pin, bit) for pin in arc.targets if (bit := _bit(cell, pin)) is not None]
            if len(starts) * len(ends) <= len(starts) + len(ends):
                for into, start in starts:
                    for out, end in ends:
                        self._connect(_Edge(start, end, at, into, out, self._net(start, cell.kind, into[0]), arc.ns))
                continue
            middle = self._nodes
            self._nodes += 1
            for into, start in starts:
                self._connect(_Edge(start, middle, at, into, None, self._net(start, cell.kind, into[0]), 0.0))
            for out, end in ends:
                self._connect(_Edge(middle, end, at, None, out, 0.0, arc.ns))

    def _connect(self, edge: _Edge) -> None:
        self._leaving.setdefault(edge.start, []).append(len(self._edges))
        self._edges.append(edge)

    def _net(self, bit: int, kind: str, port: str) -> float:
        """What the connection from the driver of ``bit`` to a pin of a cell of ``kind`` takes."""
        driver = self._driver.get(bit)
        if driver is not None:
            from_kind, from_port = self._cells[driver[0]].kind, driver[1][0]
            if (from_port, port) in _CASCADES and (from_kind == kind or {from_kind[:4], kind[:4]} in ({"SRLC"}, {"RAMB"})):
                return 0.0
            if self._beside[bit, _seat(kind, port)] == 1 and _fits(from_kind, from_port, kind, port):
                return 0.0
        spread = FANOUT_NS * math.log2(max(1, self._fanout[bit]))
        return NET_NS + spread + (0.0 if _reaches_table(kind, port) else SITE_NS)

    def _sorted(self) -> list[int]:
        """Nodes with every edge going forward; a loop is an error."""
        waiting = Counter(edge.end for edge in self._edges)
        ready = [node for node in self._leaving if not waiting[node]]
        order: list[int] = []
        while ready:
            node = ready.pop()
            order.append(node)
            for index in self._leaving.get(node, ()):
                end = self._edges[index].end
                waiting[end] -= 1
                if not waiting[end]:
                    ready.append(end)
        left = {node for node, count in waiting.items() if count > 0}
        if left:
            raise TimingError(f"combinational loop through {self._loop(left)}", hint="a register must break every loop")
        return order

    def _loop(self, left: set[int]) -> str:
        # Every node left has one before it that is left too: walking back must come round.
        before = {edge.end: edge for edge in reversed(self._edges) if edge.end in left and edge.start in left}
        seen: dict[int, int] = {}
        walk: list[_Edge] = []
        node = min(before)
        while node not in seen:
            seen[node] = len(walk)
            walk.append(before[node])
            node = before[node].start
        names: dict[str, None] = {}
        for edge in reversed(walk[seen[node]:]):
            cell = self._cells[edge.cell]
            names[f"{self._cell_name(edge.cell) or cell.name} ({cell.kind})"] = None
        some = list(names)[:12]
        return ", ".join(some) + (f" and {len(names) - len(some)} more cells" if len(names) > len(some) else "")

    def _arrivals(self, start: Mapping[int, float]) -> tuple[list[float], dict[int, int]]:
        """The longest time from any of ``start`` to each node, and the last edge on that way."""
        times = [_NEVER] * self._nodes
        last: dict[int, int] = {}
        for node, time in start.items():
            times[node] = time
        for node in self._order:
            time = times[node]
            if time == _NEVER:
                continue
            for index in self._leaving.get(node, ()):
                edge = self._edges[index]
                arrival = time + edge.net_ns + edge.cell_ns
                if arrival > times[edge.end]:
                    times[edge.end] = arrival
                    last[edge.end] = index
        return times, last

    def timing(self) -> Timing:
        launched: dict[int, float] = {}
        for cell in self._cells:
            for pin, ns in cell.delays.launches.items():
                bit = _bit(cell, pin)
                if bit is not None:
                    launched[bit] = ns
        entering = {bit: 0.0 for port in self._module["ports"].values() if port["direction"] != "output"
                    for bit in port["bits"] if isinstance(bit, int)}
        leaving = [bit for port in self._module["ports"].values() if port["direction"] != "input"
                   for bit in port["bits"] if isinstance(bit, int)]
        times, last = self._arrivals(launched)
        from_ports, _ = self._arrivals(entering)
        longest, captured, in_ns = _NEVER, None, _NEVER
        for at, cell in enumerate(self._cells):
            for pin, setup in cell.delays.setups.items():
                bit = _bit(cell, pin)
                if bit is None or (times[bit] == _NEVER and from_ports[bit] == _NEVER):
                    continue
                after = self._net(bit, cell.kind, pin[0]) + setup
                in_ns = max(in_ns, from_ports[bit] + after)
                if times[bit] + after > longest:
                    longest, captured = times[bit] + after, (at, pin, bit)
        path = self._path(last, captured) if captured is not None else ()
        for at, cell in enumerate(self._cells):
            if cell.delays.internal is not None and cell.delays.internal > longest:
                longest, path = cell.delays.internal, self._inside(at)
        outgoing = max((times[bit] for bit in leaving), default=_NEVER)
        through = max((from_ports[bit] for bit in leaving if bit not in entering or bit in self._driver), default=_NEVER)
        period = None if longest == _NEVER else max(longest, 1000 / CLOCK_LIMIT_MHZ)
        return Timing(path_ns=_known(longest), period_ns=period, fmax_mhz=None if period is None else 1000 / period, in_ns=_known(in_ns),
                      out_ns=_known(outgoing), through_ns=_known(through), path=path)

    def _path(self, last: Mapping[int, int], captured: tuple[int, Pin, int]) -> tuple[Hop, ...]:
        at, pin, bit = captured
        cell = self._cells[at]
        hops = [Hop(cell=cell.kind, name=self._cell_name(at), into=self._pin(cell, pin), out="", net_ns=self._net(bit, cell.kind, pin[0]),
                    cell_ns=cell.delays.setups[pin], fanout=self._fanout[bit])]
        node = bit
        while node in last:
            out = into = self._edges[last[node]]
            if into.into is None:
                into = self._edges[last[into.start]]
            cell = self._cells[out.cell]
            assert into.into is not None
            assert out.out is not None
            hops.append(Hop(cell=cell.kind, name=self._cell_name(out.cell, node), into=self._pin(cell, into.into),
                            out=self._pin(cell, out.out), net_ns=into.net_ns, cell_ns=out.cell_ns, fanout=self._fanout[into.start]))
            node = into.start
        at, pin = self._driver[node]
        cell = self._cells[at]
        hops.append(Hop(cell=cell.kind, name=self._cell_name(at, node), into="", out=self._pin(cell, pin), net_ns=0.0,
                        cell_ns=cell.delays.launches[pin], fanout=0))
        return tuple(reversed(hops))

    def _inside(self, at: int) -> tuple[Hop, ...]:
        cell, name = self._cells[at], self._cell_name(at)
        start, _, end = (cell.delays.internal_name or "").partition(" to ")
        return (Hop(cell=cell.kind, name=name, into="", out=start, net_ns=0.0, cell_ns=cell.delays.internal or 0.0, fanout=0),
                Hop(cell=cell.kind, name=name, into=end, out="", net_ns=0.0, cell_ns=0.0, fanout=0))

    def _pin(self, cell: _Cell, pin: Pin) -> str:
        return f"{pin[0]}[{pin[1]}]" if len(cell.bits[pin[0]]) > 1 else pin[0]

    def _cell_name(self, at: int, bit: int | None = None) -> str:
        """The cell's own name where its author gave one (a memory, a DSP slice), else that of the signal it drives."""
        cell = self._cells[at]
        if "$" not in cell.name and cell.kind.startswith(("RAM", "DSP")):
            return cell.name.replace("\\", "")
        if bit is None:
            bits = [found for pin in _outputs(cell) if (found := _bit(cell, pin)) is not None]
            if not bits:
                return _place(cell)
            bit = bits[0]
        return self._bit_name(bit, at)

    def _bit_name(self, bit: int, at: int) -> str:
        cell = self._cells[at]
        names = self._names.get(bit)
        if names:
            return min(names, key=lambda named: _rank(named, cell.source)).text
        before = self._names.get(_bit(cell, ("D", 0)) or -1) if cell.kind.startswith("SRL") else None
        return f"{min(before, key=lambda named: _rank(named, cell.source)).text} delayed" if before else _place(cell)

    @cached_property
    def _names(self) -> "dict[int, list[_Named]]":
        named: dict[int, list[_Named]] = {}
        for name, net in self._module.get("netnames", {}).items():
            if net.get("hide_name"):
                continue
            bits, offset, plain = net["bits"], int(net.get("offset", 0)), name.replace("\\", "")
            for index, bit in enumerate(bits):
                if isinstance(bit, int):
                    text = f"{plain}[{index + offset}]" if len(bits) > 1 else plain
                    named.setdefault(bit, []).append(_Named(text, net.get("attributes", {}).get("src", "")))
        return named


@dataclass(frozen=True)
class _Named:
    text: str
    source: str


def _rank(named: _Named, source: str) -> tuple[bool, float, int, int, str]:
    """A signal goes under several names as it passes through ports: the one declared nearest above the cell's own source comes first."""
    file, line = _where(source)
    named_file, named_line = _where(named.source)
    near = file == named_file and 0 <= named_line <= line
    return (file != named_file, line - named_line if near else math.inf, named.text.count("."), len(named.text), named.text)


def _where(source: str) -> tuple[str, int]:
    """File and line of the first place in ``source`` that is the user's, not one of Yosys' own maps; none: ("", -1)."""
    for place in source.split("|"):
        match = re.match(r"(.*?):(\d+)", place)
        if match and "/share/" not in match[1]:
            return match[1], int(match[2])
    return "", -1


def _place(cell: _Cell) -> str:
    """Where a cell comes from whose signal lost its name: the instance that it is in, and the place in the source."""
    file, line = _where(cell.source)
    instance = re.match(r"\$flatten(.*)\.\$", cell.name)
    words = [instance[1].replace("\\", "")] if instance else []
    if file:
        words.append(f"{file.rpartition('/')[2]}:{line}")
    return " at ".join(words)


def _outputs(cell: _Cell) -> Iterator[Pin]:
    yield from cell.delays.launches
    for arc in cell.delays.arcs:
        yield from arc.targets


def _bit(cell: _Cell, pin: Pin) -> int | None:
    bits = cell.bits.get(pin[0], ())
    bit = bits[pin[1]] if pin[1] < len(bits) else None
    return bit if isinstance(bit, int) else None


@cache
def _seat(kind: str, port: str) -> str:
    """Pins of which a slice has one beside a given table; elsewhere any number may share a connection."""
    if _FLIP_FLOP.fullmatch(kind) and port == "D":
        return "flip-flop"
    return f"{kind}.{port}" if kind in ("CARRY4", "MUXF7", "MUXF8") and port not in ("CI", "CYINIT") else ""


@cache
def _fits(from_kind: str, from_port: str, kind: str, port: str) -> bool:
    """Whether a slice has a wire of its own from an output of one cell to an input of another."""
    table = _TABLE.fullmatch(from_kind) is not None
    stored = _RAM_OF_TABLES.fullmatch(from_kind) is not None
    if _FLIP_FLOP.fullmatch(kind) and port == "D":
        return table or stored or from_kind in ("CARRY4", "MUXF7", "MUXF8")
    if kind == "CARRY4":
        return (table and port == "S") or (from_port == "O5" and port == "DI")
    if kind == "MUXF7":
        return (table or stored) and port in ("I0", "I1")
    return kind == "MUXF8" and from_kind == "MUXF7" and port in ("I0", "I1")


@cache
def _reaches_table(kind: str, port: str) -> bool:
    return bool(_TABLE.fullmatch(kind) or (_RAM_OF_TABLES.fullmatch(kind) and _ADDRESS.fullmatch(port)))


def _known(time: float) -> float | None:
    return None if time == _NEVER else time
