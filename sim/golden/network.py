"""A multi-exit network in integers, read from ``golden.npz`` (docs/interfaces.md, section 2)."""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden import layers
from sim.golden.errors import GoldenError

__all__ = ["GoldenNet", "Layer", "load"]

Array = npt.NDArray[Any]

VERSION = 1
KINDS = ("conv", "linear", "maxpool", "global_sum")

_CHUNK_VALUES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer. ``steps`` (thresholds, int64 ``[c, n]``) or ``bias`` (int64 ``[classes]``) follow the accumulation; pools have neither."""

    name: str
    kind: str
    kernel: layers.Size = 1
    stride: layers.Size = 1
    pad: layers.Size = 0
    weight: Array | None = None
    steps: Array | None = None
    out_min: int = 0
    bias: Array | None = None
    scale: float | None = None

    def run(self, x: Array, peak: int) -> Array:
        """Integer outputs for integer inputs ``x`` (NHWC) of magnitude ``peak`` or less, bias included."""
        if self.kind == "maxpool":
            return layers.maxpool(x, self.kernel, self.stride)
        if self.kind == "global_sum":
            acc = layers.global_sum(x)
        else:
            assert self.weight is not None
            fan_in = x.shape[3] if self.kind == "conv" else int(np.prod(x.shape[1:]))
            if self.weight.shape[-1] != fan_in:
                raise GoldenError(f"layer {self.name} takes {self.weight.shape[-1]} values, not {fan_in}")
            conv = self.kind == "conv"
            acc = layers.conv(x, self.weight, self.pad, self.stride, peak) if conv else layers.linear(x, self.weight, peak)
        if self.steps is not None:
            return layers.threshold(acc, self.steps, self.out_min)
        if self.bias is not None:
            return acc.astype(np.int64) + self.bias
        return acc


@dataclass(frozen=True, kw_only=True)
class GoldenNet:
    """A network with one stage and one head per exit, and the gate heads that there are, by exit. ``shape`` is an image's (height, width,
    channels)."""

    name: str
    classes: int
    shape: tuple[int, int, int]
    bits: int
    signed: bool
    stages: tuple[tuple[Layer, ...], ...]
    heads: tuple[tuple[Layer, ...], ...]
    gates: dict[int, tuple[Layer, ...]] = field(default_factory=dict)

    @property
    def scales(self) -> list[float]:
        """One logit unit of every exit."""
        return [float(head[-1].scale or 0.0) for head in self.heads]

    def run(
        self, images: Array, *, collect: dict[str, Array] | None = None, gates: dict[int, npt.NDArray[np.int64]] | None = None
    ) -> list[npt.NDArray[np.int64]]:
        """Logits, int64 ``[n, classes]``, one array per exit, biases included.

        ``images`` is uint8 ``[n, h, w, c]`` (the bytes of two's complement values where the input is signed). Every layer's integer
        outputs (NHWC, the last layer of a head with its bias) are added to ``collect`` by layer name when it is given, and the logits of
        the gate heads, int64 ``[n]``, to ``gates`` by exit; without either, gate heads are not computed. Raises :class:`GoldenError` for a
        wrong shape, type or range.
        """
        values = self._input(images)
        per_image = max(self._cost(values.shape[1:]), 1)
        step = max(1, _CHUNK_VALUES // per_image)
        logits: list[list[Array]] = [[] for _ in self.heads]
        kept: dict[str, list[Array]] = {}
        said: dict[int, list[Array]] | None = None if collect is None and gates is None else {k: [] for k in self.gates}
        for start in range(0, max(len(values), 1), step):
            for index, part in enumerate(self._chunk(values[start : start + step], kept if collect is not None else None, said)):
                logits[index].append(part)
        if gates is not None and said is not None:
            gates.update({k: np.concatenate(parts) for k, parts in said.items()})
        if collect is not None:
            collect.update({name: np.concatenate(parts) for name, parts in kept.items()})
        return [np.concatenate(parts) for parts in logits]

    def _chunk(self, x: Array, kept: dict[str, list[Array]] | None, gates: dict[int, list[Array]] | None) -> Iterable[Array]:
        for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            x = self._run(stage, x, kept)
            logits = self._run(head, x, kept)
            if gates is not None and k in self.gates:
                gates[k].append(self._run(self.gates[k], x, kept).reshape(len(x)))
            yield logits.reshape(len(logits), self.classes)

    def _run(self, chain: tuple[Layer, ...], x: Array, kept: dict[str, list[Array]] | None) -> Array:
        for layer in chain:
            x = layer.run(x, int(np.abs(x).max(initial=0)))
            if kept is not None:
                kept.setdefault(layer.name, []).append(x)
        return x

    def _input(self, images: Array) -> Array:
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise GoldenError(f"images must be uint8, not {images.dtype}")
        if images.ndim != 4 or images.shape[1:] != self.shape:
            raise GoldenError(f"images must be [n, {', '.join(map(str, self.shape))}], not {list(images.shape)}")
        values: Array = images.view(np.int8) if self.signed else images
        values = values.astype(np.int16)
        low, high = (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)
        if values.size and (values.min() < low or values.max() > high):
            raise GoldenError(f"pixels must be from {low} to {high}, not {values.min()} to {values.max()}")
        return values

    def _cost(self, shape: tuple[int, ...]) -> int:
        """Values of the largest array that one image makes, about: the first convolutions' patches."""
        height, width, channels = shape
        largest = height * width * channels
        for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            for chain in (stage, head, self.gates.get(k, ())):
                h, w = height, width
                for layer in chain:
                    if layer.kind in ("conv", "maxpool"):
                        h, w = (
                            (size + 2 * pad - kernel) // stride + 1 for size, pad, kernel, stride in
                            zip((h, w), *map(layers.both, (layer.pad, layer.kernel, layer.stride)), strict=True)
                        )
                    if layer.kind == "conv" and layer.weight is not None:
                        largest = max(largest, h * w * int(np.prod(layer.weight.shape[1:])))
                if chain is stage:
                    height, width = h, w
        return largest


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
    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays
        self.names: set[str] = set()

    def array(self, entry: dict[str, Any], key: str, rank: int, where: str) -> Array:
        name = _field(entry, key, str, where)
        if name not in self.arrays:
            raise GoldenError(f"{where}: {key} names the array {name!r}, which the file lacks")
        value = self.arrays[name]
        if not np.issubdtype(value.dtype, np.signedinteger) or value.ndim != rank:
            raise GoldenError(f"{where}: {key} must be a signed integer array of {rank} dimensions, not {value.dtype} {list(value.shape)}")
        return value

    def layer(self, entry: Any, where: str, outputs: int) -> Layer:
        """``outputs`` of a head's last layer; 0 for any other."""
        if not isinstance(entry, dict):
            raise GoldenError(f"{where} must be an object, not {entry!r}")
        name = _field(entry, "name", str, where)
        where = f"layer {name}"
        if name in self.names:
            raise GoldenError(f"{where}: the name is used twice")
        self.names.add(name)
        kind = _field(entry, "kind", str, where)
        if kind not in KINDS:
            raise GoldenError(f"{where}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
        sizes: dict[str, Any] = {}
        for key in {"conv": ("kernel", "pad", "stride"), "maxpool": ("kernel", "stride")}.get(kind, ()):
            sizes[key] = _size(entry, key, where)
            if min(layers.both(sizes[key])) < (0 if key == "pad" else 1):
                raise GoldenError(f"{where}: {key} must be positive, not {entry[key]}")
        weight = None
        if kind in ("conv", "linear"):
            weight = self.array(entry, "weight", 4 if kind == "conv" else 2, where)
            if kind == "conv" and weight.shape[1:3] != layers.both(sizes["kernel"]):
                wanted = "x".join(map(str, layers.both(sizes["kernel"])))
                raise GoldenError(f"{where}: weight must be {wanted}, not {weight.shape[1]}x{weight.shape[2]}")
        if kind == "maxpool":
            return Layer(name=name, kind=kind, **sizes)
        if kind == "linear" and outputs:
            return self._logits(entry, name, weight, outputs, where)
        steps = self.array(entry, "thresholds", 2, where).astype(np.int64)
        bits, out_min = _field(entry, "out_bits", int, where), _field(entry, "out_min", int, where)
        channels = len(weight) if weight is not None else len(steps)
        if steps.shape != (channels, (1 << bits) - 1):
            raise GoldenError(f"{where}: thresholds must be [{channels}, {(1 << bits) - 1}], not {list(steps.shape)}")
        if (np.diff(steps, axis=1) < 0).any():
            channel = int(np.argmax((np.diff(steps, axis=1) < 0).any(axis=1)))
            raise GoldenError(f"{where}: thresholds must rise, and those of channel {channel} do not")
        return Layer(name=name, kind=kind, weight=weight, steps=steps, out_min=out_min, **sizes)

    def _logits(self, entry: dict[str, Any], name: str, weight: Array | None, outputs: int, where: str) -> Layer:
        bias = self.array(entry, "bias", 1, where).astype(np.int64)
        if weight is None or len(weight) != outputs or len(bias) != outputs:
            rows = 0 if weight is None else len(weight)
            told = f"a head ends in {outputs} classes" if outputs > 1 else "a gate head ends in one output"
            raise GoldenError(f"{where}: {told}, not weight rows {rows}, biases {len(bias)}")
        return Layer(name=name, kind="linear", weight=weight, bias=bias, scale=_field(entry, "scale", float, where))

    def chain(self, entry: Any, where: str, outputs: int) -> tuple[Layer, ...]:
        """``outputs`` of a head, 0 for a stage."""
        found = _field(entry, "layers", list, where) if isinstance(entry, dict) else None
        if found is None or (outputs and not found):
            raise GoldenError(f"{where} must have layers, not {entry!r}")
        chain = tuple(self.layer(item, f"{where}.layers[{i}]", outputs if i == len(found) - 1 else 0) for i, item in enumerate(found))
        if outputs and chain[-1].bias is None:
            raise GoldenError(f"{where} must end in a linear layer with a bias, not in {chain[-1].name}")
        return chain


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
    if not isinstance(meta, dict) or meta.get("version") != VERSION:
        found = meta.get("version") if isinstance(meta, dict) else meta
        raise GoldenError(f"{path}: version must be {VERSION}, not {found!r}")
    try:
        return _build(meta, arrays)
    except GoldenError as error:
        raise GoldenError(f"{path}: {error}") from None


def _build(meta: dict[str, Any], arrays: dict[str, Array]) -> GoldenNet:
    image = _field(meta, "input", dict, "meta")
    classes = _field(meta, "classes", int, "meta")
    reader = _Reader(arrays)
    stages, heads = _field(meta, "stages", list, "meta"), _field(meta, "heads", list, "meta")
    if len(stages) != len(heads) or not stages:
        raise GoldenError(f"a network has as many stages as heads, not {len(stages)} and {len(heads)}")
    gates = _field(meta, "gates", list, "meta") if "gates" in meta else []
    if gates and len(gates) != len(heads):
        raise GoldenError(f"gates must be as many as heads, {len(heads)}, not {len(gates)}")
    height, width, channels, bits = (_field(image, key, int, "input") for key in ("height", "width", "channels", "bits"))
    if not 1 <= bits <= 8:
        raise GoldenError(f"input: bits must be from 1 to 8, not {bits}")
    return GoldenNet(
        name=_field(meta, "name", str, "meta"),
        classes=classes,
        shape=(height, width, channels),
        bits=bits,
        signed=_field(image, "signed", bool, "input"),
        stages=tuple(reader.chain(entry, f"stages[{i}]", 0) for i, entry in enumerate(stages)),
        heads=tuple(reader.chain(entry, f"heads[{i}]", classes) for i, entry in enumerate(heads)),
        gates={i: reader.chain(entry, f"gates[{i}]", 1) for i, entry in enumerate(gates) if entry != {"layers": []}},
    )
