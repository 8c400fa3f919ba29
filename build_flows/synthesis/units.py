"""A compiled project as units to synthesise: every layer, FIFO, decision and gate with the RTL that is simulated, and the whole top."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.synthesis.synthesise import Source, Unit
from hw.netlist import Layer, Netlist

__all__ = ["ALIAS", "KINDS", "TOP", "ProjectUnit", "project_units", "whole_unit"]

TOP = "accelerator"
ALIAS = "this_unit"
"""What a unit is called while it is synthesised: equal units of other names, in this project or another, are then the same."""

KINDS = ("layer", "stream", "fork", "gate", "decision", "router", "merge", "control")
"""``layer``: what FINN or a pool computes; ``stream``: FIFO; ``gate`` with its verdicts; ``decision``; ``router`` with its tokens;
``merge`` with the results that wait for it; ``control``: registers, counters, admission, image input."""

_MODULE = re.compile(r"^module (?:\\(?P<escaped>\S+)|(?P<plain>\w+)) ?\(.*?^endmodule\n", re.DOTALL | re.MULTILINE)
_PORT = re.compile(r"^\s*(?:input|output)\b[^;]*;", re.MULTILINE)
_COUNTED = re.compile(r"(?P<base>\\(?:\$auto\$[^\s$]+|[^\s$]+))\$(?P<number>\d+) ")
_NUMBERED = re.compile(r"(?P<what>[a-z]+)(?P<index>\d+)")
_OWN = {
    "decision": "decision", "decided": "decision", "runs": "decision", "router": "router", "tokens": "router", "gate": "gate",
    "verdicts": "gate", "results": "merge", "merge": "merge", "lengths": "merge",
}


@dataclass(frozen=True, kw_only=True)
class ProjectUnit:
    """One unit of a project: ``name`` in the top, ``kind`` (:data:`KINDS`), ``stage`` (None: of no stage), ``head``: in that stage's head,
    ``exit_cost``: there for early exits (their heads, forks, decisions, gates, tokens, and the merge). ``layer``: the netlist's layer."""

    name: str
    kind: str
    stage: int | None
    head: bool
    exit_cost: bool
    unit: Unit
    layer: Layer | None = None


def project_units(netlist: Netlist, rtl: Path) -> tuple[ProjectUnit, ...]:
    """The units that ``rtl/`` consists of, by name; the last one, ``top``, is what stands between them.

    Each is a module of the top with all its constants, so that what the design ties off is optimised away as in the whole. Raises
    :class:`OfframpError` when ``rtl/`` is not the netlist's.
    """
    modules = _modules(rtl)
    children = {name.split(".")[1] for name in modules if name.startswith(f"{TOP}.")}
    layers = {layer.name: layer for layer in netlist.layers}
    missing = sorted(set(layers) - children)
    if missing:
        raise OfframpError(f"{rtl / 'accelerator.v'} has no layer {missing[0]}", hint="compile again: rtl/ is not of this netlist.json")
    found = [_child(netlist, modules, name, layers.get(name), rtl) for name in sorted(children)]
    stubs = "".join(_stub(modules[f"{TOP}.{name}"]) for name in sorted(children))
    glue = Unit(top=TOP, verilog=modules[TOP] + stubs, data=tuple(_data(rtl, f"{TOP}_")))
    return (*found, ProjectUnit(name="top", kind="control", stage=None, head=False, exit_cost=False, unit=glue))


def whole_unit(netlist: Netlist, rtl: Path) -> Unit:
    """The complete top as one unit."""
    text = _read(rtl / "accelerator.v")
    files = list(dict.fromkeys(name for layer in netlist.layers for name in layer.files))
    roots = tuple(instance.module for layer in netlist.layers for instance in layer.instances)
    return Unit(
        top=TOP, verilog=text, system=tuple(Source(name=name, text=_read(rtl / name), origin=str(rtl / name)) for name in files),
        roots=tuple(dict.fromkeys(roots)), data=tuple(_data(rtl, "")),
    )


def _child(netlist: Netlist, modules: dict[str, str], name: str, layer: Layer | None, rtl: Path) -> ProjectUnit:
    texts = [text for key, text in modules.items() if key == f"{TOP}.{name}" or key.startswith(f"{TOP}.{name}.")]
    verilog = _renumbered(_renamed("".join(texts), name))
    top = f"{TOP}.{ALIAS}"
    kind, stage, head = _place(netlist, name, layer)
    last = len(netlist.exits) - 1
    early = stage is not None and head and stage < last
    costs = kind in ("fork", "gate", "merge") or (kind in ("layer", "stream", "decision", "router") and early)
    if last == 0:
        costs = False
    data = tuple(Source(name=_renamed(item.name, name), text=item.text, origin=item.origin) for item in _data(rtl, f"{name}_"))
    if layer is None:
        unit = Unit(top=top, verilog=verilog, data=data)
    else:
        system = tuple(_source(rtl, file, name) for file in layer.files)
        roots = tuple(dict.fromkeys(_renamed(instance.module, name) for instance in layer.instances))
        unit = Unit(top=top, verilog=verilog, system=system, roots=roots, data=data)
    return ProjectUnit(name=name, kind=kind, stage=stage, head=head, exit_cost=costs, unit=unit, layer=layer)


def _place(netlist: Netlist, name: str, layer: Layer | None) -> tuple[str, int | None, bool]:
    """Kind, stage, and whether it is in that stage's head."""
    if layer is not None:
        return ("fork" if layer.op.startswith("StreamFork") else "layer"), layer.stage, layer.head
    layers = {item.name: item for item in netlist.layers}
    for stream in netlist.streams:
        if stream.name == name:
            target = stream.dst[0]
            if target.startswith("exit"):
                return "stream", int(target.removeprefix("exit")), True
            return "stream", layers[target].stage, layers[target].head
    match = _NUMBERED.fullmatch(name)
    what = match["what"] if match else name
    kind = _OWN.get(what, "control")
    if match is None or kind == "control":
        return kind, None, False
    index = int(match["index"])
    if what == "tokens":
        # Those of stage 0 are there without early exits too.
        return kind, (index - 1 if index else None), bool(index)
    return kind, index, kind != "gate"


def _modules(rtl: Path) -> dict[str, str]:
    text = _read(rtl / "accelerator.v")
    found = {match["escaped"] or match["plain"]: match[0] for match in _MODULE.finditer(text)}
    if TOP not in found:
        raise OfframpError(f"{rtl / 'accelerator.v'} has no module {TOP}", hint="compile again")
    return found


def _renamed(text: str, name: str) -> str:
    return re.sub(rf"(?<![\w$]){re.escape(name)}", ALIAS, text)


def _renumbered(text: str) -> str:
    """Names that the Verilog writer numbers through the whole design, numbered through the unit."""
    seen: dict[tuple[str, str], str] = {}
    count: dict[str, int] = {}

    def name(match: re.Match[str]) -> str:
        base, number = match["base"], match["number"]
        if (base, number) not in seen:
            seen[base, number] = str(count.get(base, 0))
            count[base] = count.get(base, 0) + 1
        return f"{base}${seen[base, number]} "

    return _COUNTED.sub(name, text)


def _source(rtl: Path, file: str, name: str) -> Source:
    text, own = _read(rtl / file), Path(file).name.startswith(name)
    return Source(name=_renamed(file, name) if own else file, text=_renamed(text, name) if own else text, origin=str(rtl / file))


def _data(rtl: Path, prefix: str) -> Iterator[Source]:
    folder = rtl / "memories"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.name.startswith(prefix):
            yield Source(name=f"memories/{file.name}", text=_read(file), origin=str(file))


def _stub(text: str) -> str:
    """A module of the same ports with nothing inside."""
    header = text.split(";", 1)[0]
    return "(* blackbox *)\n" + header + ";\n" + "\n".join(_PORT.findall(text)) + "\nendmodule\n"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OfframpError(f"{path} is missing", hint="compile again: `offramp compile` makes rtl/") from None
