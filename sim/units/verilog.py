"""Exit-decision units as Verilog, all of a sweep in one model, each in a slot that C++ plays."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth import __version__ as amaranth_version
from amaranth.back import verilog
from amaranth.hdl import Instance, Module, Signal, Value
from amaranth.lib import wiring

import hw
from hw.exits.decision import ExitDecision
from sim.accelerator.waivers import waivers
from sim.errors import BuildError
from sim.tools.children import Child, run_children
from sim.tools.verilator import HDL, Design, build, find
from sim.units.unit import Unit

__all__ = ["Place", "build_models", "make", "unit_verilog", "unit_verilogs"]


_FEW = 4
"""Units below which processes of their own would not pay."""
_CALL = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); from sim.units.verilog import {0}; {0}()"
_MANY = 24
"""Units from which on one model would keep a core idle for too long while it is built."""


def make(unit: Unit) -> ExitDecision:
    """The gateware of ``unit``."""
    return ExitDecision(classes=unit.classes, pe=unit.pe, acc_bits=unit.bits, bias=unit.bias or [0] * unit.classes, policy=unit.policy,
                        params=unit.params)


def unit_verilog(unit: Unit) -> str:
    """Verilog of module ``unit.name``: the bare exit decision, each stream as three ports."""
    text: str = verilog.convert(make(unit), name=unit.name, emit_src=False, strip_internal_attrs=True)
    return text


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _gateware() -> str:
    """A digest of all that a unit's Verilog can follow from, beside its own numbers."""
    folder = Path(hw.__file__).parent
    return _digest(amaranth_version, *(file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.py"))))


def _key(unit: Unit, gateware: str) -> str:
    numbers = [unit.name, unit.policy, unit.classes, unit.pe, unit.bits, list(unit.bias), dict(unit.params)]
    return _digest(gateware, json.dumps(numbers, sort_keys=True))


def _keep(file: Path, text: str) -> None:
    """Write ``file`` whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def unit_verilogs(units: Sequence[Unit], cache: Path, *, jobs: int = 2,
                  progress: Callable[[str], None] = lambda name: None) -> dict[str, str]:
    """:func:`unit_verilog` of every unit, by its name, ``jobs`` at a time; kept in ``cache`` and found there again.

    ``progress`` is called with the name of each one that is made, from the caller's thread."""
    gateware = _gateware()
    files = {unit.name: cache / f"{unit.name}-{_key(unit, gateware)}.v" for unit in units}
    missing = [unit for unit in units if not files[unit.name].is_file()]
    if len(missing) < _FEW:
        for unit in missing:
            _keep(files[unit.name], unit_verilog(unit))
            progress(unit.name)
    else:
        _in_processes(missing, files, jobs, progress)
    return {name: file.read_text(encoding="utf-8") for name, file in files.items()}


def _in_processes(units: Sequence[Unit], files: Mapping[str, Path], jobs: int, progress: Callable[[str], None]) -> None:
    # Amaranth keeps one core busy: processes of their own use the others.
    loads: list[list[Unit]] = [[] for _ in range(min(jobs, len(units)))]
    for unit in sorted(units, key=_effort, reverse=True):
        min(loads, key=lambda load: sum(map(_effort, load))).append(unit)
    children = [_child("_write", "".join(json.dumps([vars(unit), str(files[unit.name])]) + "\n" for unit in load)) for load in loads]
    try:
        run_children(children, lambda number, line: progress(line))
    except subprocess.CalledProcessError as error:
        raise BuildError(f"making the units' Verilog failed: {_last(error)}") from None


def _child(function: str, given: str) -> Child:
    """A process that calls a function of this module, and clears up when it is ended."""
    path = os.pathsep.join([str(Path(hw.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return Child(command=[sys.executable, "-W", "ignore", "-c", _CALL.format(function)], given=given, env={"PYTHONPATH": path})


def _last(error: subprocess.CalledProcessError) -> str:
    lines: list[str] = (error.stderr or "").strip().splitlines()
    return lines[-1] if lines else f"exit code {error.returncode}"


def _effort(unit: Unit) -> float:
    return (3.0 if unit.scoring in ("softmax", "entropy") else 1.0) * (unit.pe + 5 + unit.classes / 100)


def _write() -> None:
    """Of a process of its own: writes Verilog of units, one a line of standard input."""
    for line in sys.stdin:
        numbers, file = json.loads(line)
        unit = Unit(**numbers)
        _keep(Path(file), unit_verilog(unit))
        print(unit.name, flush=True)


class _Slots(wiring.Component):
    """Every unit with its slot, each on a clock of its own: bit n of ``clk`` for unit n."""

    def __init__(self, units: Sequence[Unit]) -> None:
        super().__init__({})
        self.units = units
        # At least three words, so that C++ always finds an array of words.
        self.clk = Signal(max(96, -(-len(units) // 32) * 32))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for slot, unit in enumerate(self.units):
            self._slot(m, slot, unit, make(unit))
        return m

    def _slot(self, m: Module, slot: int, unit: Unit, decision: ExitDecision) -> None:
        clock = Signal(name=f"clk{slot}")
        m.d.comb += clock.eq(self.clk[slot])
        ports = decision.score.ports
        inputs: dict[str, tuple[str, Value]] = {"logits": ("logits", decision.logits.payload),
                                                "threshold": ("threshold", decision.threshold)}
        if unit.side:
            inputs["side"] = (unit.side, getattr(decision, unit.side).payload)
        if "class_write" in ports:
            inputs |= {"index": ("class_index", decision.class_index), "value": ("class_value", decision.class_value)}
        outputs = {"result": ("o", decision.o.payload)} | ({"token": ("token_o", decision.token_o.payload)} if unit.gives_tokens else {})
        wires: dict[str, Signal] = {}

        def wire(name: str, bits: int = 1) -> Signal:
            return wires.setdefault(name, Signal(bits, name=f"{name}{slot}"))

        inner: dict[str, Any] = {"i_clk": clock}
        outer: dict[str, Any] = {"i_clk": clock, "p_SLOT": slot}
        for name, bits in (("rst", 1), ("enable", 1), ("mode", 2)):
            inner[f"i_{name}"] = outer[f"o_{name}"] = wire(name, bits)
        for name, (port, value) in inputs.items():
            bits = len(Value.cast(value))
            stream = name in ("logits", "side")
            outer[f"p_{name.upper()}_BITS"] = max(1, bits)
            pin = f"class_{name}" if name in ("index", "value") else name
            outer[f"o_{pin}"] = wire(name, max(1, bits))
            if bits:
                inner[f"i_{port}{'__payload' if stream else ''}"] = wire(name, max(1, bits))
            if stream:
                inner[f"i_{port}__valid"] = outer[f"o_{name}_valid"] = wire(f"{name}_valid")
                inner[f"o_{port}__ready"] = outer[f"i_{name}_ready"] = wire(f"{name}_ready")
        for name, (port, value) in outputs.items():
            bits = len(Value.cast(value))
            outer[f"p_{name.upper()}_BITS"] = bits
            inner[f"o_{port}__payload"] = outer[f"i_{name}"] = wire(name, bits)
            inner[f"o_{port}__valid"] = outer[f"i_{name}_valid"] = wire(f"{name}_valid")
            inner[f"i_{port}__ready"] = outer[f"o_{name}_ready"] = wire(f"{name}_ready")
        if "class_write" in ports:
            inner["i_class_write"] = outer["o_class_write"] = wire("class_write")
        for pin in ("side_ready", "token", "token_valid"):
            outer.setdefault(f"i_{pin}", wire(pin))
        m.submodules[f"unit{slot}"] = Instance(unit.name, **inner)
        m.submodules[f"slot{slot}"] = Instance("unit_slot", **outer)


@dataclass(frozen=True)
class Place:
    """Where a unit is: the executable ``model``, and its slot there."""

    model: Path
    slot: int


def build_models(units: Sequence[Unit], verilogs: Mapping[str, str], cache: Path, *, jobs: int = 2) -> dict[str, Place]:
    """Builds the executable that plays samples through any of ``units``, from ``verilogs`` (by name), and says where each unit is in it.

    A large sweep becomes ``jobs`` executables, built at the same time: Verilator uses one core. They are kept in ``cache``. Raises
    :class:`~sim.errors.BuildError` and :class:`~sim.errors.ToolError`."""
    count = jobs if len(units) >= _MANY else 1
    groups: list[list[Unit]] = [[] for _ in range(count)]
    for unit in sorted(units, key=_effort, reverse=True):
        min(groups, key=lambda group: sum(map(_effort, group))).append(unit)
    sources = [_sources(group, verilogs, cache) for group in groups]
    if count == 1:
        models = {0: build(_design(sources[0]), cache, jobs=jobs)}
    else:
        find()
        models = {}
        try:
            run_children([_child("_build", json.dumps([[str(file) for file in files], str(cache)])) for files in sources],
                         lambda number, line: models.update({number: Path(line)}))
        except subprocess.CalledProcessError as error:
            raise BuildError(f"building the units' model failed: {_last(error)}") from None
    return {unit.name: Place(models[number], slot) for number, group in enumerate(groups) for slot, unit in enumerate(group)}


def _sources(units: Sequence[Unit], verilogs: Mapping[str, str], cache: Path) -> list[Path]:
    slots = _Slots(units)
    top = verilog.convert(slots, name="unit_slots", ports=[slots.clk], emit_src=False, strip_internal_attrs=True)
    sources = []
    for name, text in {"unit_slots": top, **{unit.name: verilogs[unit.name] for unit in units}}.items():
        file = cache / "sources" / f"{name}-{_digest(text)}.v"
        if not file.is_file():
            _keep(file, text)
        sources.append(file)
    return sources


def _design(sources: Sequence[Path]) -> Design:
    # Functions of few statements: the time that a C++ compiler takes grows faster than their length.
    return Design(top="unit_slots", sources=[*sources, HDL / "unit_slot.sv"], waive=waivers(sources), assertions=False, optimise="O1",
                  main=HDL / "unit_main.cpp", warnings=("--output-split-cfuncs", "200"))


def _build() -> None:
    """Of a process of its own: builds one model with one job, and says where it is."""
    sources, cache = json.load(sys.stdin)
    print(build(_design([Path(file) for file in sources]), Path(cache), jobs=1), flush=True)
