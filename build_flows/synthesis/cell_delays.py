"""How long 7-series cells take, at speed grade -1: from the timing in Yosys' own Xilinx models, mended where they say otherwise or nothing.

The models (``xilinx/cells_sim.v`` in the ``pyosys`` wheel) quote Project X-Ray's Artix-7 figures, which Vivado gave for a part of
speed grade -1, slow corner: carry chains, flip-flops and block memories are those of Project X-Ray's xc7z010clg400-1 to the picosecond,
so they hold for the xc7z020 at -1. Four things are mended here, each with its reason beside it: the DSP48E1 (figures of speed grade -3),
the clock-to-output time of block memories (a condition that is never true), latches and single-port memories (no timing), and single
pins that the models leave out.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.synthesis.cell_models import CellModel, Pin, read_library, read_variants

__all__ = ["SOURCE", "Arc", "CellDelays", "UnknownCellError", "cell_delays"]

SOURCE = ("cell delays: Yosys' models of Xilinx cells (Project X-Ray's figures of Artix-7, speed grade -1, slow corner); "
          "DSP48E1 scaled from the models' speed grade -3 to -1")
"""One line for reports on where the delays come from."""

# Yosys' DSP48E1 has the figures of speed grade -3. Project X-Ray's DSP_L.sdf for xc7z010clg400-1 has, for the same paths: A to P through
# the multiplier 3841 ps (Yosys 2823), B to P 3656 (2690), C to P 1820 (1325), PCIN to P 1518 (1107), M register to P 2305 (1671), setup of
# A at the M register 1928 (1416), at the P register 3722 (2739). The ratio is 1.36 to 1.38; the short ones (P register to P 434 for 329,
# setup at the A register 362 for 254) are 1.32 to 1.43, P register to PCOUT 478 for 435: a scaled one is off by less than 0.12 ns.
_DSP_SCALE = 1.37

_DSP_REGISTERS = ("AREG", "BREG", "CREG", "DREG", "ADREG", "MREG", "PREG")

# From the same file, already at speed grade -1, the pins that Yosys leaves out. Setup in ps at the register named, where it is there.
_DSP_ENABLES = {
    "CEA1": 497, "CEA2": 497, "CEB1": 514, "CEB2": 514, "CEC": 414, "CED": 513, "CEAD": 426, "CEM": 266, "CEP": 524, "CEALUMODE": 411,
    "CECTRL": 421, "CEINMODE": 603, "CECARRYIN": 665, "RSTA": 507, "RSTB": 543, "RSTC": 84, "RSTD": 589, "RSTM": 270, "RSTP": 347,
    "RSTCTRL": 469, "RSTALUMODE": 411, "RSTINMODE": 686, "RSTALLCARRYIN": 287,
}
# Pin: the parameter of its register, setup at that register, setup at the P register without it, delay to P without either.
_DSP_CONTROL = {
    "OPMODE": ("OPMODEREG", 449, 2209, 2326), "ALUMODE": ("ALUMODEREG", 246, 1978, 2098), "CARRYIN": ("CARRYINREG", 299, 1298, 1416),
    "CARRYINSEL": ("CARRYINSELREG", 208, 1793, 1910), "CARRYCASCIN": ("", 0, 1028, 1147), "MULTSIGNIN": ("", 0, 1400, 1518),
}
# INMODE acts before the multiplier, so it can meet the M register on its way.
_DSP_INMODE = {"INMODEREG": 449, "MREG": 2012, "PREG": 3805, "P": 3923}
# What carries and pattern detection come after P (CARRYCASCOUT 330 without the P register, PATTERNDETECT 566).
_DSP_LATE = 566
_DSP_CASCADE_CLOCKED = {"ACOUT": 864, "BCOUT": 833}
_DSP_CASCADE_THROUGH = {"ACOUT": 723, "BCOUT": 735}

# RAMBFIFO36E1 in Project X-Ray's BRAM tile, the same in Artix-7 and Spartan-7; Yosys leaves these pins out.
_RAMB_SETUP = {"ENARDEN": 443, "ENBWREN": 443, "RSTRAMARSTRAM": 359, "RSTRAMB": 359}
# Each output has two clock-to-output times, but the condition on the first, `&DOA_REG`, is miswritten: the file quoted has 2454 ps for
# DOA_REG 0 and 882 for 1. So the longer one is that without the output's register.
_RAMB_REGISTER = {"DOADO": "DOA_REG", "DOPADOP": "DOA_REG", "DOBDO": "DOB_REG", "DOPBDOP": "DOB_REG"}

# A latch is the flip-flop's storage element (REG_INIT_LAT in Project X-Ray's CLBLM_R.sdf): gate to Q 443; D's setup is negative, as a
# flip-flop's. GE and the asynchronous inputs are taken as a flip-flop's CE and R.
_LATCH = re.compile(r"LD[CP]E")
_LATCH_PS = {"launch": 443, "D": 0, "GE": 109, "CLR": 404, "PRE": 404}

# One bit wide memories without timing of their own take the slowest figures of RAM128X1D: write enable's setup, clock and first address bit
# to output through MUXF7. Those of 256 words go through MUXF8 too.
_SMALL_RAM = re.compile(r"RAM(16|32|64|128|256)X1[SD](_1)?")
_RAM_PS = {"setup": 654, "launch": 1550, "address": 1039, "muxf8": 296}

_NOTHING = {"VCC", "GND", "$scopeinfo", "$print", "$check"}
_CLOCKS = {"C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK", "G"}
_ASYNCHRONOUS = {"CLR", "PRE"}


class UnknownCellError(OfframpError):
    """A cell that has no delays here: it is not of 7-series, or the netlist is not mapped to cells, or not flattened."""


@dataclass(frozen=True)
class Arc:
    """A way through the cell without a register: from each of ``sources`` to each of ``targets``, ``ns`` nanoseconds."""

    sources: tuple[Pin, ...]
    targets: tuple[Pin, ...]
    ns: float


@dataclass(frozen=True)
class CellDelays:
    """Delays of one kind of cell, in nanoseconds. Asynchronous set and reset are not followed to the output.

    ``launches``: from the clock's edge to each output pin that a register drives; ``setups``: how long before the edge an input must be
    steady. A negative setup counts as none. ``falling`` is whether it works on the falling edge (None without a clock). ``internal`` is
    the longest way between two registers inside the cell, and ``internal_name`` says which; None without.
    """

    arcs: tuple[Arc, ...] = ()
    launches: Mapping[Pin, float] = field(default_factory=dict)
    setups: Mapping[Pin, float] = field(default_factory=dict)
    falling: bool | None = None
    internal: float | None = None
    internal_name: str | None = None


def cell_delays(kind: str, parameters: Mapping[str, Any]) -> CellDelays:
    """The delays of a cell of ``kind`` (``LUT6``) with ``parameters`` as Yosys' ``write_json`` gives them (bits or text; or numbers).

    Pins of a clocked cell that nothing is known of take its longest setup, or clock-to-output time. What has no timing by its nature
    (constants, Yosys' notes on hierarchy) has no arcs. Raises :class:`UnknownCellError` for a cell without data,
    :class:`sim.errors.ToolError` without Yosys. Results are kept for the life of the process: the first one runs Yosys, a fraction of a
    second, and so does the first DSP48E1 of each kind (with its multiplier or not, its pre-adder or not, pattern detection or not).
    """
    relevant = tuple((name, _decode(value)) for name, value in sorted(parameters.items()) if _RELEVANT.search(name))
    return _delays(kind, relevant)


_RELEVANT = re.compile(r"REG$|_INPUT$|^USE_|^IS_\w*C(LK)?\w*_INVERTED$")


def _decode(value: Any) -> int | str:
    if isinstance(value, int):
        return value
    text = str(value)
    if text and not set(text) - set("01xz"):
        return int(text.replace("x", "0").replace("z", "0"), 2)
    return text.rstrip()


_models = functools.cache(read_library)


@functools.cache
def _delays(kind: str, parameters: tuple[tuple[str, int | str], ...]) -> CellDelays:
    if kind in _NOTHING:
        return CellDelays()
    model = _models().get(kind)
    if model is None:
        raise UnknownCellError(f"no delays are known of cell {kind}", hint="map the netlist to 7-series cells, flatten it, and try again")
    given = {**{name: _decode(value) for name, value in model.parameters.items()}, **dict(parameters)}
    timed = model.paths or model.setups
    if kind == "DSP48E1":
        found = _dsp(model, given)
    elif kind == "LUT6_2":
        found = _lut6_2()
    elif _LATCH.fullmatch(kind):
        setups = {(port, 0): _LATCH_PS[port] / 1000 for port in model.inputs if port in _LATCH_PS}
        found = CellDelays(launches={("Q", 0): _LATCH_PS["launch"] / 1000}, setups=setups)
    elif _SMALL_RAM.fullmatch(kind) and not timed:
        found = _small_ram(model, deep=kind.startswith("RAM256"))
    elif timed:
        found = _plain(model, given)
    else:
        raise UnknownCellError(f"Yosys' models have no delays of cell {kind}", hint="use a cell of 7-series that they have delays of")
    return _complete(model, given, found)


def _plain(model: CellModel, parameters: Mapping[str, int | str]) -> CellDelays:
    arcs = [Arc(path.sources, path.targets, path.delay / 1000) for path in model.paths
            if not path.clocked and not _ASYNCHRONOUS.intersection(port for port, _ in path.sources)]
    launches = _worst((pin, path.delay) for path in model.paths if path.clocked for pin in path.targets)
    due = _worst((pin, setup.time) for setup in model.setups for pin in setup.pins)
    if model.name == "RAM64M":
        arcs += [Arc(((f"ADDR{port}", 5),), ((f"DO{port}", 0),), 0.127) for port in "ABCD"]  # the sixth address bit, as RAM64X1D's
    if model.name == "SRL16E":
        due.setdefault(("CE", 0), 0.109)  # as SRLC16E's
    if model.name.startswith("RAMB"):
        for port, ps in _RAMB_SETUP.items():
            due.setdefault((port, 0), ps / 1000)
        for path in model.paths:
            if path.clocked and parameters.get(_RAMB_REGISTER.get(path.targets[0][0], "")):
                launches |= {pin: min(launches[pin], path.delay / 1000) for pin in path.targets}
    return CellDelays(arcs=tuple(arcs), launches=launches, setups=due)


def _worst(times: Iterable[tuple[Pin, float]]) -> dict[Pin, float]:
    found: dict[Pin, float] = {}
    for pin, ps in times:
        found[pin] = max(found.get(pin, 0.0), ps / 1000)
    return found


def _pins(ports: Mapping[str, int], *names: str) -> tuple[Pin, ...]:
    return tuple((name, bit) for name in names for bit in range(ports[name]))


def _lut6_2() -> CellDelays:
    """O6 as LUT6 has it, O5 as LUT5."""
    arcs = [Arc(arc.sources, ((output, 0),), arc.ns) for kind, output in (("LUT6", "O6"), ("LUT5", "O5"))
            for arc in _delays(kind, ()).arcs]
    return CellDelays(arcs=tuple(arcs))


def _small_ram(model: CellModel, *, deep: bool) -> CellDelays:
    extra = _RAM_PS["muxf8"] if deep else 0
    arcs = []
    for port in model.inputs:
        if port.startswith(("A", "DPRA")):
            target = "DPO" if port.startswith("DPRA") else "SPO" if "SPO" in model.outputs else "O"
            arcs.append(Arc(_pins(model.inputs, port), _pins(model.outputs, target), (_RAM_PS["address"] + extra) / 1000))
    written = [port for port in model.inputs if port not in _CLOCKS and not port.startswith("DPRA")]
    return CellDelays(arcs=tuple(arcs), launches={pin: (_RAM_PS["launch"] + extra) / 1000 for pin in _pins(model.outputs, *model.outputs)},
                      setups={pin: _RAM_PS["setup"] / 1000 for pin in _pins(model.inputs, *written)})


def _complete(model: CellModel, parameters: Mapping[str, int | str], found: CellDelays) -> CellDelays:
    """``found`` with the pins that it leaves out, and the edge."""
    clocks = _CLOCKS.intersection(model.inputs) if found.launches or found.setups else set()
    known = set(found.setups).union(*(arc.sources for arc in found.arcs))
    driven = set(found.launches).union(*(arc.targets for arc in found.arcs))
    silent = [pin for pin in _pins(model.outputs, *model.outputs) if pin not in driven]
    if silent and not found.launches:
        raise UnknownCellError(f"Yosys' models have no delay to output {silent[0][0]} of cell {model.name}")
    setups, launches = dict(found.setups), dict(found.launches)
    if setups:
        slowest = max(setups.values())
        setups |= {pin: slowest for pin in _pins(model.inputs, *model.inputs) if pin not in known and pin[0] not in clocks}
    launches |= {pin: max(found.launches.values()) for pin in silent}
    inverted = any(bool(parameters.get(f"IS_{clock}_INVERTED")) for clock in clocks)
    return CellDelays(found.arcs, launches, setups, (model.name.endswith("_1") or inverted) if clocks else None,
                      found.internal, found.internal_name)


@functools.cache
def _dsp_models(multiplier: str, adder: str, pattern: str) -> dict[str, CellModel]:
    """DSP slices that have one register each, by its name, and one without any, by an empty name.

    Figures are taken from these, path by path: in a slice with all its registers the models let some hide slower ones.
    """
    mode = {"USE_MULT": multiplier, "USE_DPORT": adder, "USE_PATTERN_DETECT": pattern}
    return read_variants("DSP48E1", {register: {**mode, **{name: int(name == register) for name in _DSP_REGISTERS}}
                                     for register in ("", *_DSP_REGISTERS)})


def _dsp(model: CellModel, given: Mapping[str, int | str]) -> CellDelays:
    multiplier = "MULTIPLY" if given["USE_MULT"] == "DYNAMIC" else str(given["USE_MULT"])
    multiplies, adds = multiplier == "MULTIPLY", given["USE_DPORT"] == "TRUE" and multiplier == "MULTIPLY"
    pattern = "NO_PATDET" if given["USE_PATTERN_DETECT"] == "NO_PATDET" else "PATDET"
    unused = [*([] if adds else ["ADREG", "DREG"]), *([] if multiplies else ["MREG"])]
    has = {name: bool(given[name]) and name not in unused for name in _DSP_REGISTERS}

    def ask(start: str, end: str, register: str = "", *, adder: bool = adds) -> float:
        """The way from port to port, at speed grade -1 and in ns, in a slice with that ``register`` only; to ``CLK`` is a setup time."""
        only = _dsp_models(multiplier, "TRUE" if adder else "FALSE", pattern)[register]
        times = [path.delay for path in only.paths if (path.sources[0][0], path.targets[0][0]) == (start, end)]
        times += [check.time for check in only.setups if (check.pins[0][0], check.clock) == (start, end)]
        if not times:
            raise UnknownCellError(f"Yosys' models have no figure {start} to {end} of a DSP48E1 with {register or 'no register'}")
        return max(times) * _DSP_SCALE / 1000

    def setup(port: str, own: str, between: Iterable[str]) -> float | None:
        """Setup of ``port`` at the first register that is there on its way to P."""
        first = next((name for name in (own, *between, "PREG") if has[name]), None)
        return None if first is None else ask(port, "CLK", first)

    before_multiplier = ("ADREG", "MREG") if adds else ("MREG",)
    ways = {"A": ("AREG", before_multiplier), "B": ("BREG", ("MREG",)), "C": ("CREG", ())}
    if adds:
        ways["D"] = ("DREG", before_multiplier)
    sides = {"A": "ACIN" if given["A_INPUT"] == "CASCADE" else "A", "B": "BCIN" if given["B_INPUT"] == "CASCADE" else "B"}
    late = [port for port in ("CARRYCASCOUT", "CARRYOUT", "MULTSIGNOUT", "PATTERNBDETECT", "PATTERNDETECT", "OVERFLOW", "UNDERFLOW")]
    arcs: list[Arc] = []
    setups: dict[Pin, float] = {}
    launches: dict[Pin, float] = {}

    def through(sources: tuple[Pin, ...], p: float, pcout: float) -> None:
        arcs.extend([Arc(sources, _pins(model.outputs, "P"), p), Arc(sources, _pins(model.outputs, "PCOUT"), pcout),
                     Arc(sources, _pins(model.outputs, *late), p + _DSP_LATE / 1000)])

    for port, (own, between) in ways.items():
        pins = _pins(model.inputs, sides.get(port, port))
        time = setup(port, own, between)
        if time is None:
            through(pins, ask(port, "P"), ask(port, "PCOUT"))
        else:
            setups |= {pin: time for pin in pins}
    cascade = _pins(model.inputs, "PCIN")
    if has["PREG"]:
        setups |= dict.fromkeys(cascade, ask("PCIN", "CLK", "PREG"))
    else:
        arcs += [Arc(cascade, _pins(model.outputs, port), ask("PCIN", port)) for port in ("P", "PCOUT")]

    for port, (register, own_ps, p_ps, through_ps) in _DSP_CONTROL.items():
        pins = _pins(model.inputs, port)
        if (register and given[register]) or has["PREG"]:
            setups |= {pin: (own_ps if register and given[register] else p_ps) / 1000 for pin in pins}
        else:
            through(pins, through_ps / 1000, through_ps / 1000)
    stop = "INMODEREG" if given["INMODEREG"] else next((name for name in ("MREG", "PREG") if has[name]), "P")
    if stop == "P":
        through(_pins(model.inputs, "INMODE"), _DSP_INMODE["P"] / 1000, _DSP_INMODE["P"] / 1000)
    else:
        setups |= {pin: _DSP_INMODE[stop] / 1000 for pin in _pins(model.inputs, "INMODE")}
    setups |= {(port, 0): ps / 1000 for port, ps in _DSP_ENABLES.items()}

    for side, output, register in (("A", "ACOUT", "AREG"), ("B", "BCOUT", "BREG")):
        if has[register]:
            launches |= {pin: _DSP_CASCADE_CLOCKED[output] / 1000 for pin in _pins(model.outputs, output)}
        else:
            arcs.append(Arc(_pins(model.inputs, sides[side]), _pins(model.outputs, output), _DSP_CASCADE_THROUGH[output] / 1000))

    # The registers that P can be reached from, through no other.
    last = [name for name in ("CREG", "MREG") if has[name]]
    if not has["MREG"]:
        first = ["ADREG"] if has["ADREG"] else [name for name in ("AREG", "DREG") if has[name]]
        last += [*first, *(["BREG"] if has["BREG"] else [])]
    sources = ["PREG"] if has["PREG"] else last
    if sources:
        arrival = max(ask("CLK", "P", name) for name in sources)
        launches |= {pin: arrival for pin in _pins(model.outputs, "P")}
        launches |= {pin: max(ask("CLK", "PCOUT", name) for name in sources) for pin in _pins(model.outputs, "PCOUT")}
        launches |= {pin: arrival + _DSP_LATE / 1000 for pin in _pins(model.outputs, *late)}

    inside: list[tuple[float, str]] = []
    if has["PREG"]:
        # A register before P is as far from the P register as from P, and C tells by how much the register is nearer.
        nearer = ask("C", "P") - ask("C", "CLK", "PREG")
        inside += [(ask("CLK", "P", name) - nearer, f"{name} to PREG") for name in last]
    leaves = ask("CLK", "P", "AREG", adder=False) - ask("A", "P", adder=False)
    if has["MREG"]:
        if has["ADREG"] or has["BREG"] or (has["AREG"] and not adds):
            name = "ADREG" if has["ADREG"] else "AREG" if has["AREG"] and not adds else "BREG"
            inside.append((leaves + ask("A", "CLK", "MREG", adder=False), f"{name} to MREG"))
        if adds and not has["ADREG"] and (has["AREG"] or has["DREG"]):
            inside.append((leaves + ask("A", "CLK", "MREG"), f"{'AREG' if has['AREG'] else 'DREG'} to MREG"))
    if has["ADREG"] and (has["AREG"] or has["DREG"]):
        inside.append((leaves + ask("A", "CLK", "ADREG"), f"{'AREG' if has['AREG'] else 'DREG'} to ADREG"))
    longest = max(inside, default=(None, None), key=lambda item: item[0] or 0.0)
    return CellDelays(tuple(arcs), launches, setups, None, *longest)
