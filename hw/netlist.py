"""The accelerator's netlist as typed data: what ``netlist.json`` holds and what the top is built from.

Compile writes it, ``hw.accelerator`` builds the top from it, ``sim`` and the board's driver read it. The dataclasses below are
the definition of the file; :func:`load` and :func:`dump` are exact inverses.
"""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Exit", "Gate", "Input", "Instance", "Layer", "Link", "Netlist", "NetlistError", "Port", "Result",
    "ResultField", "Stage", "Stream", "dump", "handed_on", "load",
]

VERSION = 1


class NetlistError(ValueError):
    """The netlist does not describe an accelerator: the message names the item and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """One AXI-Stream port of a Verilog module.

    ``bits`` is the payload's real width, ``tdata`` the width of the data port (whole bytes, so ``tdata >= bits``).
    """

    data: str
    valid: str
    ready: str
    bits: int
    tdata: int


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One Verilog module of a layer.

    ``clocks`` all get the accelerator's clock, ``resets_n`` the active-low reset. ``ties`` are further *input* ports with the constant
    they are held at, as ``{port: [value, width]}``. Outputs that are not listed stay open.
    """

    name: str
    module: str
    clocks: tuple[str, ...]
    resets_n: tuple[str, ...]
    inputs: dict[str, Port] = field(default_factory=dict)
    outputs: dict[str, Port] = field(default_factory=dict)
    ties: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A stream inside a layer (weights into their MVU): from an instance's output to an instance's input."""

    src: tuple[str, str]
    dst: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One hardware layer: a FINN layer or one of ours.

    ``inputs`` and ``outputs`` are ``(instance, port)`` in the order of the graph's tensors. ``files`` are paths
    relative to the ``rtl/`` folder. ``cycles`` is the frame interval at full rate that the folding search planned;
    ``in_beats`` and ``out_beats`` are beats a frame. ``cost`` is our own model's estimate and ``finn`` FINN's
    (keys ``lut``, ``ff``, ``bram18``, ``dsp``, ``cycles``; absent where it has none).
    """

    name: str
    op: str
    stage: int
    head: bool
    instances: tuple[Instance, ...]
    links: tuple[Link, ...] = ()
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    files: tuple[str, ...] = ()
    folding: dict[str, int] = field(default_factory=dict)
    cycles: int
    in_beats: int
    out_beats: int
    cost: dict[str, float] = field(default_factory=dict)
    finn: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream between two layers, with a FIFO of ``depth`` beats in it (0: a plain wire).

    ``src`` is ``(layer, output index)`` or ``("input", 0)``; ``dst`` is ``(layer, input index)``, ``("exit<k>", 0)``
    for an exit's logits, or ``("exit<k>", 1)`` for those of its gate head.
    """

    name: str
    src: tuple[str, int]
    dst: tuple[str, int]
    bits: int
    frame_beats: int
    depth: int


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What exit ``exit``'s gate holds of one tensor of its cut: ``frames`` whole frames, as many of each tensor, from output ``src`` of
    stage ``exit`` on, for input ``dst`` of the next one.

    A tensor that the next stage only hands on goes from gate to gate: ``dst`` is ``("gate<exit + 1>", n)``, the n-th tensor (from 0) of
    that one's, whose ``src`` is ``("gate<exit>", n)``, the n-th of this one's."""

    exit: int
    src: tuple[str, int]
    dst: tuple[str, int]
    bits: int
    frame_beats: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Exit:
    """One exit's decision. Logits arrive on the stream whose ``dst`` is ``("exit<index>", 0)``, ``pe`` classes a beat, each a signed
    ``acc_bits`` wide accumulator; ``bias`` (accumulator units) is added per class. ``threshold`` is the register's initial value.
    ``params`` are the policy's integer constants (docs/interfaces.md, section 3); ``scale`` is one logit unit."""

    index: int
    policy: str
    classes: int
    pe: int
    acc_bits: int
    bias: tuple[int, ...]
    threshold: int
    enabled: bool
    scale: float
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Input:
    """The image as it arrives: ``height * width * channels`` values of one byte each (``bits`` <= 8), NHWC, packed into ``bus_bits`` wide
    words; unpacked to ``beat_bits`` wide beats for the first layer, ``frame_beats`` of them an image."""

    height: int
    width: int
    channels: int
    bits: int
    signed: bool
    bus_bits: int
    beat_bits: int
    frame_beats: int


@dataclass(frozen=True, kw_only=True)
class ResultField:
    """One field of the result word; ``signed`` is two's complement."""

    name: str
    offset: int
    width: int
    signed: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result word: ``bits`` (32 or 64) wide, one per image, fields ``id``, ``label``, ``exit``, ``confidence``, ``cycles``.

    With a field ``final`` the accelerator answers at any time: every exit that an image passes gives a word, and that of the exit
    at which it leaves has ``final`` set.
    """

    bits: int
    fields: tuple[ResultField, ...]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What stage ``index`` was planned for: the share of samples that reach it and the cycles per frame it may take."""

    index: int
    reach: float
    target_cycles: int


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """All that the top needs. ``order`` is ``"arrival"`` or ``"input"``; ``max_in_flight`` samples may be inside at a time. With
    ``exchangeable`` (absent in JSON when false) nothing of the hardware follows from the heads' weights: they, biases, thresholds and the
    policies' constants are contents of memories."""

    version: int = VERSION
    name: str
    part: str
    clock_mhz: float
    classes: int
    order: str
    max_in_flight: int
    input: Input
    result: Result
    stages: tuple[Stage, ...]
    layers: tuple[Layer, ...]
    streams: tuple[Stream, ...]
    gates: tuple[Gate, ...]
    exits: tuple[Exit, ...]
    exchangeable: bool = False

    @property
    def anytime(self) -> bool:
        """Whether every exit that an image passes gives a result word, not only the one at which it leaves."""
        return any(item.name == "final" for item in self.result.fields)

    @property
    def cuts(self) -> tuple[tuple[Gate, ...], ...]:
        """The gates of each exit but the last, one for each tensor of its cut, in their order."""
        return tuple(tuple(gate for gate in self.gates if gate.exit == k) for k in range(len(self.exits) - 1))

    def layer(self, name: str) -> Layer:
        """The layer called ``name``; raises :class:`NetlistError` when there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise NetlistError(f"no layer is called {name!r}")


def handed_on(end: tuple[str, int]) -> int | None:
    """Which tensor of another gate (from 0) this end of a gate is joined to; None where it is a layer's."""
    name, place = end
    return place if name.removeprefix("gate").isdigit() and name.startswith("gate") else None


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise NetlistError(f"{where} must be an object, not {value!r}")
        hints = typing.get_type_hints(kind)
        unknown = sorted(set(value) - set(hints))
        if unknown:
            raise NetlistError(f"{where} has unknown key {unknown[0]!r}; known are {', '.join(sorted(hints))}")
        for item in dataclasses.fields(kind):
            required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
            if required and item.name not in value:
                raise NetlistError(f"{where} lacks {item.name!r}")
        decoded = {key: _decode(hints[key], item, f"{where}.{key}") for key, item in value.items()}
        return typing.cast(Any, kind)(**decoded)
    if origin is tuple:
        if not isinstance(value, list):
            raise NetlistError(f"{where} must be a list, not {value!r}")
        args = typing.get_args(kind)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_decode(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
        if len(args) != len(value):
            raise NetlistError(f"{where} must have {len(args)} items, not {len(value)}")
        return tuple(_decode(arg, item, f"{where}[{i}]") for i, (arg, item) in enumerate(zip(args, value, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise NetlistError(f"{where} must be an object, not {value!r}")
        return {key: _decode(typing.get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is Any or isinstance(kind, types.UnionType):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise NetlistError(f"{where} must be {kind.__name__}, not {value!r}")
    return value


def load(text: str) -> Netlist:
    """Read a netlist from JSON text; raises :class:`NetlistError` naming the key that is wrong."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise NetlistError(f"netlist is not JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("version") != VERSION:
        found = raw.get("version") if isinstance(raw, dict) else raw
        raise NetlistError(f"netlist version must be {VERSION}, not {found!r}")
    netlist: Netlist = _decode(Netlist, raw, "netlist")
    return netlist


def dump(netlist: Netlist) -> str:
    """The netlist as JSON text, sorted by key and with a trailing newline, so that equal netlists give equal bytes."""
    found = dataclasses.asdict(netlist)
    if not netlist.exchangeable:
        del found["exchangeable"]
    return json.dumps(found, indent=1, sort_keys=True) + "\n"
