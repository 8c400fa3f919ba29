"""Delays and setup times of cells, as Yosys reads them from the ``specify`` blocks of a Verilog library, with parameters applied."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from sim.errors import YosysError
from sim.tools.yosys import read_written, run_yosys

__all__ = ["LIBRARY", "CellModel", "CellModelError", "DelayPath", "Pin", "Setup", "read_library", "read_variants"]

LIBRARY = "+/xilinx/cells_sim.v"
"""Yosys' own models of Xilinx cells, by the name that it knows them by."""

Pin = tuple[str, int]
"""A port and the index of its bit, from 0; an index counts from the right, as the port's declaration does."""


class CellModelError(OfframpError):
    """Timing in another form than is known here, or no such cell: the message names the cell and what was found."""


@dataclass(frozen=True)
class DelayPath:
    """From each of ``sources`` to each of ``targets`` it takes ``delay``; ``clocked``: from an edge of ``sources``, the clock."""

    sources: tuple[Pin, ...]
    targets: tuple[Pin, ...]
    delay: int
    clocked: bool


@dataclass(frozen=True)
class Setup:
    """Each of ``pins`` must be steady ``time`` before an edge of the port ``clock``; a negative time is after it."""

    pins: tuple[Pin, ...]
    clock: str
    time: int


@dataclass(frozen=True)
class CellModel:
    """One cell. ``inputs`` and ``outputs`` give the width of each port, ``parameters`` their values as Yosys' ``write_json`` writes them.

    ``paths`` and ``setups`` are those of its ``specify`` blocks, in the library's unit (ps in Yosys'). Conditions on them are not looked
    at, nor which edge they are of; one without a value (a function whose branches do not cover the case) is left out.
    """

    name: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    parameters: Mapping[str, str]
    paths: tuple[DelayPath, ...]
    setups: tuple[Setup, ...]


def read_library(library: str = LIBRARY) -> dict[str, CellModel]:
    """The cells of ``library`` by name, with the defaults of their parameters. Another library is named by its absolute path.

    Raises :class:`CellModelError`, :class:`sim.errors.YosysError` for what Yosys cannot read, :class:`sim.errors.ToolError` without Yosys.
    """
    return {name.lstrip("\\"): _model(name.lstrip("\\"), module) for name, module in _modules(library, []).items()}


def read_variants(cell: str, variants: Mapping[str, Mapping[str, int | str]], library: str = LIBRARY) -> dict[str, CellModel]:
    """The ``cell`` with each of ``variants``, by its name: parameters in place of their defaults. Otherwise as :func:`read_library`."""
    instances = []
    for at, parameters in enumerate(variants.values()):
        given = ", ".join(f".{name}({json.dumps(value)})" for name, value in parameters.items())
        instances.append(f"\\{cell} {f'#({given}) ' if given else ''}v{at} ();")
    modules = _modules(library, instances)
    found = {}
    for at, name in enumerate(variants):
        kind = modules["variants"]["cells"][f"v{at}"]["type"]
        if kind not in modules:
            raise CellModelError(f"{library} has no cell {cell}")
        found[name] = _model(cell, modules[kind])
    return found


def _modules(library: str, instances: Sequence[str]) -> dict[str, Any]:
    """The modules of ``library`` and, with ``instances``, what those are of, under the types that they have in the module ``variants``."""
    # -nowb -lib: timing and ports only, and nothing of what the cells do.
    commands = [f'read_verilog -nowb -specify -lib "{library}"']
    if instances:
        commands += ["read_verilog variants.v", "box_derive -apply_derived_type"]
    with ExitStack() as leave:
        folder = Path(tempfile.mkdtemp(prefix="offramp-cells-"))
        leave.callback(shutil.rmtree, folder)
        (folder / "variants.v").write_text("\n".join(["module variants;", *instances, "endmodule", ""]), encoding="utf-8")
        try:
            run_yosys([*commands, "write_json cells.json"], folder)
        except YosysError:
            leave.pop_all()  # the message names the log in the folder
            raise
        modules: dict[str, Any] = read_written(folder / "cells.json")["modules"]
    return modules


def _model(name: str, module: Mapping[str, Any]) -> CellModel:
    ports = module["ports"]
    pins = {bit: (port, index) for port, found in ports.items() for index, bit in enumerate(found["bits"])}
    paths: list[DelayPath] = []
    setups: list[Setup] = []
    # Yosys numbers them as they stand in the library, and sorts them as words: 10 before 9.
    for _, cell in sorted(module["cells"].items(), key=lambda item: (len(item[0]), item[0])):
        kind, parameters = cell["type"], cell["parameters"]
        if kind not in ("$specify2", "$specify3", "$specrule"):
            continue
        try:
            sources, targets = (tuple(pins[bit] for bit in cell["connections"][end]) for end in ("SRC", "DST"))
            if kind != "$specrule":
                delays = [delay for edge in ("RISE", "FALL") if (delay := _number(parameters[f"T_{edge}_MAX"])) is not None]
                pairs = _bit_by_bit(sources, targets) if parameters["FULL"] == "0" else [(sources, targets)]
                paths += [DelayPath(start, end, max(delays), kind == "$specify3") for start, end in pairs if delays]
            elif parameters["TYPE"] == "$setup" and (time := _number(parameters["T_LIMIT_MAX"])) is not None:
                setups.append(Setup(sources, targets[0][0], time))
        except (KeyError, ValueError) as error:
            raise CellModelError(f"cell {name}: its {kind} is written in a way that is not known here: {error}",
                                 hint="install the version of pyosys that requirements.lock names") from None
    inputs, outputs = ({port: len(found["bits"]) for port, found in ports.items() if found["direction"] in (direction, "inout")}
                       for direction in ("input", "output"))
    return CellModel(name, inputs, outputs, module.get("parameter_default_values", {}), tuple(paths), tuple(setups))


def _bit_by_bit(sources: tuple[Pin, ...], targets: tuple[Pin, ...]) -> list[tuple[tuple[Pin, ...], tuple[Pin, ...]]]:
    """The ends of a path that is parallel (``=>``); a single pin goes to all."""
    if len(sources) != len(targets):
        return [(sources, targets)]
    return [((source,), (target,)) for source, target in zip(sources, targets, strict=True)]


def _number(bits: str) -> int | None:
    """What 32 bits of a signed number are worth; None where any is unknown."""
    if "x" in bits:
        return None
    value = int(bits, 2)
    return value - (1 << len(bits)) if bits[0] == "1" else value
