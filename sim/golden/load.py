"""Reads ``golden.npz`` (docs/interfaces.md, section 2), and refuses what is no network."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden import layers, scales
from sim.golden.errors import GoldenError
from sim.golden.network import IMAGE, KINDS, GoldenNet, Layer

__all__ = ["load"]

Array = npt.NDArray[Any]

VERSIONS = (1, 2)

MOST = 4
"""Tensors that a cut may have."""


def _field(entry: dict[str, Any], key: str, kind: type, where: str) -> Any:
    if key not in entry:
        raise GoldenError(f"{where} lacks {key!r}")
    value = entry[key]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise GoldenError(f"{where}: {key} must be {kind.__name__}, not {value!r}")
    return value


def _size(entry: dict[str, Any], key: str, where: str) -> layers.Size:
    """One number for rows and columns, or a list of both."""
    value = entry.get(key)
    if isinstance(value, list) and len(value) == 2 and all(type(side) is int for side in value):
        return (value[0], value[1])
    found: int = _field(entry, key, int, where)
    return found


class _Reader:
    def __init__(self, arrays: dict[str, Array], version: int) -> None:
        self.arrays = arrays
        self.version = version
        self.names: set[str] = {IMAGE}
        self.scales: dict[str, float] = {}    # what a unit of the images and of layers is worth, in version 2
        self.read: set[str] = set()
        self.later: set[str] = set()    # layers of the part that is read, and not yet read

    def array(self, entry: dict[str, Any], key: str, rank: int, where: str) -> Array:
        name = _field(entry, key, str, where)
        if name not in self.arrays:
            raise GoldenError(f"{where}: {key} names the array {name!r}, which the file lacks")
        value = self.arrays[name]
        if not np.issubdtype(value.dtype, np.signedinteger) or value.ndim != rank:
            raise GoldenError(f"{where}: {key} must be a signed integer array of {rank} dimensions, not {value.dtype} {list(value.shape)}")
        return value

    def inputs(self, entry: dict[str, Any], kind: str, known: list[str], where: str) -> tuple[str, ...]:
        """What a layer reads of the layers ``known`` to it; in version 1, the last of these."""
        if self.version == 1:
            return (known[-1],)
        names = _field(entry, "inputs", list, where)
        for name in names:
            if name in self.later:
                raise GoldenError(f"{where}: reads {name!r}, which stands behind it: layers must be in the order in which they are "
                                  "computed, without a cycle")
            if name not in known:
                raise GoldenError(f"{where}: inputs must name layers before it in its stage or head, or what its stage begins with "
                                  f"({', '.join(known)}), not {name!r}")
        if (len(names) < 2) if kind in ("add", "concat") else (len(names) != 1):
            allowed = "two layers or more" if kind in ("add", "concat") else "one layer"
            raise GoldenError(f"{where}: inputs must name {allowed}, not {len(names)}")
        self.read.update(names)
        return tuple(names)

    def layer(self, entry: Any, where: str, outputs: int, known: list[str]) -> Layer:
        """``outputs`` of a head's last layer, 0 for any other; ``known`` is what it may read, and it is added to that."""
        if not isinstance(entry, dict):
            raise GoldenError(f"{where} must be an object, not {entry!r}")
        name = _field(entry, "name", str, where)
        where = f"layer {name}"
        if name in self.names:
            raise GoldenError(f"{where}: the name is used twice")
        self.names.add(name)
        self.later.discard(name)
        kind = _field(entry, "kind", str, where)
        if kind not in KINDS:
            raise GoldenError(f"{where}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
        if kind == "upsample" and self.version == 1:
            raise GoldenError(f"{where}: a file of version 1 has no layer of kind upsample")
        inputs = self.inputs(entry, kind, known, where)
        known.append(name)
        if self.version > 1:
            if kind in ("add", "concat"):
                scales.joined(where, inputs, self.scales)
            passed = kind in ("maxpool", "concat", "upsample")
            self.scales[name] = self.scales[inputs[0]] if passed else scales.scale(entry, where)
        sizes: dict[str, Any] = {}
        for key in {"conv": ("kernel", "pad", "stride"), "maxpool": ("kernel", "stride"), "upsample": ("factor",)}.get(kind, ()):
            sizes[key] = _size(entry, key, where)
            if min(layers.both(sizes[key])) < (0 if key == "pad" else 1):
                raise GoldenError(f"{where}: {key} must be positive, not {entry[key]}")
        weight = None
        if kind in ("conv", "linear"):
            weight = self.array(entry, "weight", 4 if kind == "conv" else 2, where)
            if kind == "conv" and weight.shape[1:3] != layers.both(sizes["kernel"]):
                wanted = "x".join(map(str, layers.both(sizes["kernel"])))
                raise GoldenError(f"{where}: weight must be {wanted}, not {weight.shape[1]}x{weight.shape[2]}")
            if weight is not None and entry.get("weight_bits") == 1 and not (abs(weight) == 1).all():
                wrong = int(weight[abs(weight) != 1][0])
                raise GoldenError(f"{where}: weights of weight_bits 1 must be -1 or 1, not {wrong}")
        if kind in ("maxpool", "concat", "upsample"):
            return Layer(name=name, kind=kind, inputs=inputs, **sizes)
        if kind == "linear" and outputs:
            return self._logits(entry, name, inputs, weight, outputs, where)
        steps = self.array(entry, "thresholds", 2, where).astype(np.int64)
        bits, out_min = _field(entry, "out_bits", int, where), _field(entry, "out_min", int, where)
        channels = len(weight) if weight is not None else len(steps)
        if steps.shape != (channels, (1 << bits) - 1):
            raise GoldenError(f"{where}: thresholds must be [{channels}, {(1 << bits) - 1}], not {list(steps.shape)}")
        if (np.diff(steps, axis=1) < 0).any():
            channel = int(np.argmax((np.diff(steps, axis=1) < 0).any(axis=1)))
            raise GoldenError(f"{where}: thresholds must rise, and those of channel {channel} do not")
        return Layer(name=name, kind=kind, inputs=inputs, weight=weight, steps=steps, out_min=out_min, **sizes)

    def _logits(
        self, entry: dict[str, Any], name: str, inputs: tuple[str, ...], weight: Array | None, outputs: int, where: str
    ) -> Layer:
        bias = self.array(entry, "bias", 1, where).astype(np.int64)
        if weight is None or len(weight) != outputs or len(bias) != outputs:
            rows = 0 if weight is None else len(weight)
            told = f"a head ends in {outputs} classes" if outputs > 1 else "a gate head ends in one output"
            raise GoldenError(f"{where}: {told}, not weight rows {rows}, biases {len(bias)}")
        return Layer(name=name, kind="linear", inputs=inputs, weight=weight, bias=bias, scale=_field(entry, "scale", float, where))

    def part(self, entry: Any, where: str, outputs: int, begin: Sequence[str]) -> tuple[Layer, ...]:
        """The layers of a stage or head that may read the outputs of ``begin``; ``outputs`` of a head, 0 for a stage."""
        found = _field(entry, "layers", list, where) if isinstance(entry, dict) else None
        if found is None or (outputs and not found):
            raise GoldenError(f"{where} must have layers, not {entry!r}")
        known = list(begin)
        self.later = {item["name"] for item in found if isinstance(item, dict) and isinstance(item.get("name"), str)} - self.names
        part = tuple(self.layer(item, f"{where}.layers[{i}]", outputs if i == len(found) - 1 else 0, known) for i, item in enumerate(found))
        if outputs and part[-1].bias is None:
            raise GoldenError(f"{where} must end in a linear layer with a bias, not in {part[-1].name}")
        return part

    def cut(self, entry: dict[str, Any], known: Sequence[str], where: str) -> list[str]:
        """What later stages read of the layers ``known`` behind a stage; where it does not say, the last of these."""
        names: list[Any] = _field(entry, "cut", list, where) if "cut" in entry else [known[-1]]
        for name in names:
            if name not in known:
                raise GoldenError(f"{where}: cut must name layers of its stage, or what it begins with ({', '.join(known)}), not {name!r}")
        if not 1 <= len(names) <= MOST or len(set(names)) < len(names):
            raise GoldenError(f"{where}: cut must be 1 to {MOST} different tensors, not {len(names)} ({', '.join(names)})")
        return names

    def all_read(self, net: GoldenNet, cuts: Sequence[Sequence[str]]) -> None:
        """Every layer is read, but for the logits, and what is in a cut behind it."""
        if self.version > 1:
            for k, cut in enumerate(cuts):
                behind = {name for chain in (*net.stages[k + 1 :], *net.heads[k + 1 :], *(part for i, part in net.gates.items() if i > k))
                          for layer in chain for name in layer.inputs}
                unread = [name for name in cut if name not in behind]
                if unread:
                    raise GoldenError(f"stages[{k}]: {unread[0]} is in its cut, but nothing behind it reads that")
            for chain in (*net.stages, *(part[:-1] for part in (*net.heads, *net.gates.values()))):
                for layer in chain:
                    if layer.name not in self.read:
                        raise GoldenError(f"layer {layer.name} is read by no other")


def load(path: Path | str) -> GoldenNet:
    """Read a network from ``golden.npz``; raises :class:`GoldenError` (never unpickles) when the file is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise GoldenError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise GoldenError(f"{path} is not an .npz file of plain arrays: {error}") from error
    if "meta" not in arrays:
        raise GoldenError(f"{path} lacks 'meta'")
    try:
        meta = json.loads(str(arrays.pop("meta")[()]))
    except (json.JSONDecodeError, IndexError) as error:
        raise GoldenError(f"{path}: meta is not JSON: {error}") from error
    if not isinstance(meta, dict) or meta.get("version") not in VERSIONS:
        found = meta.get("version") if isinstance(meta, dict) else meta
        raise GoldenError(f"{path}: version must be one of {', '.join(map(str, VERSIONS))}, not {found!r}")
    try:
        return _build(meta, arrays)
    except GoldenError as error:
        raise GoldenError(f"{path}: {error}") from None


def _build(meta: dict[str, Any], arrays: dict[str, Array]) -> GoldenNet:
    image = _field(meta, "input", dict, "meta")
    classes = _field(meta, "classes", int, "meta")
    reader = _Reader(arrays, meta["version"])
    stages, heads = _field(meta, "stages", list, "meta"), _field(meta, "heads", list, "meta")
    if len(stages) != len(heads) or not stages:
        raise GoldenError(f"a network has as many stages as heads, not {len(stages)} and {len(heads)}")
    gates = _field(meta, "gates", list, "meta") if "gates" in meta else []
    if gates and len(gates) != len(heads):
        raise GoldenError(f"gates must be as many as heads, {len(heads)}, not {len(gates)}")
    bits = _field(image, "bits", int, "input")
    if meta["version"] > 1:
        height, width, channels = scales.image(image)
        reader.scales[IMAGE] = scales.scale(image, "input")
    else:
        height, width, channels = (_field(image, key, int, "input") for key in ("height", "width", "channels"))
    if not 1 <= bits <= 8:
        raise GoldenError(f"input: bits must be from 1 to 8, not {bits}")
    found: dict[str, list[tuple[Layer, ...]]] = {"stages": [], "heads": [], "gates": []}
    cuts: list[list[str]] = []
    begin = [IMAGE]
    for i, (stage, head) in enumerate(zip(stages, heads, strict=True)):
        found["stages"].append(reader.part(stage, f"stages[{i}]", 0, begin))
        known = [*begin, *(layer.name for layer in found["stages"][-1])]
        found["heads"].append(reader.part(head, f"heads[{i}]", classes, known))
        learned = gates[i] if gates else {"layers": []}
        found["gates"].append(() if learned == {"layers": []} else reader.part(learned, f"gates[{i}]", 1, known))
        begin = reader.cut(stage, known, f"stages[{i}]")
        if i < len(stages) - 1:
            cuts.append(begin)
    net = GoldenNet(
        name=_field(meta, "name", str, "meta"),
        classes=classes,
        shape=(height, width, channels),
        bits=bits,
        signed=_field(image, "signed", bool, "input"),
        stages=tuple(found["stages"]),
        heads=tuple(found["heads"]),
        gates={i: part for i, part in enumerate(found["gates"]) if part},
    )
    reader.all_read(net, cuts)
    return net
