"""Reads the network that compile sees out of ``golden.npz``.

Of the arrays only the shapes are needed, not the values: FINN reads weights from the QONNX. Where they are at hand, the sums are as wide
as these weights can make them.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.planning.constants import Constants
from build_flows.planning.exchangeable import any_heads
from build_flows.planning.golden_checks import image_shape, refuse_scales, refuse_unread
from build_flows.planning.network import IMAGE, PASSING, Layer, Network, NetworkError, Pair, Shape, each_layer, ended_by, fused

__all__ = ["from_meta", "read_network"]

Shapes = Mapping[str, tuple[int, ...]]

KINDS = ("conv", "linear", "maxpool", "global_sum", "threshold", "add", "concat", "upsample")
VERSIONS = (1, 2)
MOST = 4
"""Tensors that a cut may have: as many gates hold one."""


def read_network(path: Path, exchangeable: bool = False, layers: str = "finn") -> Network:
    """The network that ``golden.npz`` at ``path`` describes, of ``layers`` as ``build.layers`` says (:func:`fused`). With ``exchangeable``
    heads, ``sum_bits`` of their layers hold whatever weights of their data type (narrow-range) can make, and none is ``fused``.

    Raises :class:`NetworkError` when it is not such a file, OSError when it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            meta = json.loads(str(arrays["meta"][()]))
            values = {key: arrays[key] for key in arrays.files if key != "meta"}
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise NetworkError(f"{path}: not a golden.npz with a meta entry ({error})", hint="run the train step again") from error
    try:
        found = _known_sums(from_meta(meta, {key: value.shape for key, value in values.items()}), meta, values)
        found = fused(found, exchangeable) if layers == "fused" else found
        return any_heads(found) if exchangeable else found
    except NetworkError as error:
        raise NetworkError(f"{path}: {error.message}", hint=error.hint) from error


def from_meta(meta: Any, shapes: Shapes) -> Network:
    """The network that the description ``meta`` (docs/interfaces.md, section 2) is of; ``shapes`` are those of the arrays it names, by key.

    Raises :class:`NetworkError`.
    """
    if not isinstance(meta, Mapping) or meta.get("version") not in VERSIONS:
        found = meta.get("version") if isinstance(meta, Mapping) else meta
        raise NetworkError(f"golden.npz version must be one of {', '.join(map(str, VERSIONS))}, not {found!r}")
    entry, plain = _Fields(_field(meta, "input", Mapping, "meta"), "input"), meta["version"] == 1
    shape = [entry.integer(key, 1) for key in ("height", "width", "channels")] if plain else image_shape(entry.raw)
    image = _State(Shape(*shape), entry.integer("bits", 1, 8), entry.boolean("signed"))
    classes = _Fields(meta, "meta").integer("classes", 2, 1000)
    stages, heads = _field(meta, "stages", list, "meta"), _field(meta, "heads", list, "meta")
    if not stages or len(stages) != len(heads):
        raise NetworkError(f"a network has one head a stage, not stages={len(stages)}, heads={len(heads)}")
    learned: list[Any] = _field(meta, "gates", list, "meta") if "gates" in meta else [{"layers": []}] * len(heads)
    if len(learned) != len(heads):
        raise NetworkError(f"gates must be as many as heads, {len(heads)}, not {len(learned)}")
    names: set[str] = set()
    chains: dict[str, list[tuple[Layer, ...]]] = {"stages": [], "heads": [], "gates": []}
    available = {IMAGE: image}
    cuts: list[tuple[str, ...]] = []
    for index, (stage, head, gate) in enumerate(zip(stages, heads, learned, strict=True)):
        known = dict(available)
        chains["stages"].append(_part(stage, known, index, "stages", names, shapes, plain))
        for part, raw, outputs in (("heads", head, classes), ("gates", gate, 1)):
            layers = _part(raw, dict(known), index, part, names, shapes, plain)
            if (part == "heads" or layers) and (not layers or layers[-1].activation or layers[-1].target.values != outputs):
                found = layers[-1].target if layers else next(reversed(known.values())).shape
                told = f"{outputs} output{'s' if outputs > 1 else ''}, not {found}"
                raise NetworkError(f"{part}[{index}] must end in a linear layer without thresholds and with {told}")
            chains[part].append(layers)
        last = index == len(stages) - 1
        cuts.append(() if last else _cut(stage, known, f"stages[{index}]", ended_by(chains["stages"], index)))
        available = {name: known[name] for name in cuts[-1]}
    usual = all(cut == ended_by(chains["stages"], index) for index, cut in enumerate(cuts[:-1]))
    found = Network(
        name=str(meta.get("name", "")), classes=classes, source=image.shape, in_bits=image.bits, in_signed=image.signed,
        stages=tuple(chains["stages"]), heads=tuple(chains["heads"]), gates=tuple(chains["gates"]) if any(chains["gates"]) else (),
        cuts=() if usual else tuple(cuts),
    )
    if not plain:
        refuse_unread(found)
        refuse_scales(found, meta)
    return found


def _cut(raw: Any, known: Mapping[str, Any], where: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """What later stages read of one, and of those before it; without word of it, what it ends with."""
    names: list[Any] = _field(raw, "cut", list, where) if "cut" in raw else list(usual)
    for name in names:
        if name not in known:
            raise NetworkError(f"{where}: cut must be of {', '.join(known)}, not {name!r}")
    if not 1 <= len(names) <= MOST or len(set(names)) < len(names):
        raise NetworkError(f"{where}: cut must be 1 to {MOST} different tensors, not {len(names)} ({', '.join(names)})")
    return tuple(names)


@dataclass(frozen=True)
class _State:
    """What arrives at a layer."""

    shape: Shape
    bits: int
    signed: bool


class _Fields:
    """Typed access to one JSON object; ``where`` names it in messages."""

    def __init__(self, raw: Any, where: str) -> None:
        self.raw = raw
        self.where = where

    def integer(self, key: str, low: int, high: int | None = None) -> int:
        value: int = _field(self.raw, key, int, self.where)
        if isinstance(value, bool) or value < low or (high is not None and value > high):
            allowed = f"at least {low}" if high is None else f"from {low} to {high}"
            raise NetworkError(f"{self.where}: {key} must be an integer {allowed}, not {value!r}")
        return value

    def pair(self, key: str, low: int) -> Pair:
        """One integer for height and width, or a list of both."""
        value = _field(self.raw, key, (int, list), self.where)
        sides = value if isinstance(value, list) else [value, value]
        if len(sides) != 2 or any(type(side) is not int or side < low for side in sides):
            raise NetworkError(f"{self.where}: {key} must be an integer at least {low}, or a list of two, not {value!r}")
        return sides[0], sides[1]

    def boolean(self, key: str) -> bool:
        value: bool = _field(self.raw, key, bool, self.where)
        return value


def _field(raw: Any, key: str, kind: Any, where: str) -> Any:
    if not isinstance(raw, Mapping) or key not in raw:
        raise NetworkError(f"{where} lacks {key!r}")
    if not isinstance(raw[key], kind):
        raise NetworkError(f"{where}: {key} must be {getattr(kind, '__name__', kind)}, not {raw[key]!r}")
    return raw[key]


def _part(
    raw: Any, known: dict[str, _State], stage: int, part: str, names: set[str], shapes: Shapes, plain: bool
) -> tuple[Layer, ...]:
    """The layers of a stage or head; what it begins with is ``known``, and what its layers give is added to that. ``plain``: each reads
    the one before it."""
    where, head = f"{part}[{stage}]", part != "stages"
    layers: list[Layer] = []
    for number, item in enumerate(_field(raw, "layers", list, where)):
        if layers and not layers[-1].activation and layers[-1].kind not in PASSING:
            raise NetworkError(f"{layers[-1].name} has no thresholds, so it must be the last layer of a head")
        name = _field(item, "name", str, f"{where}.layers[{number}]")
        if name in names:
            raise NetworkError(f"two layers are called {name!r}")
        names.add(name)
        inputs = [next(reversed(known))] if plain else _field(item, "inputs", list, name)
        for other in inputs:
            if other not in known:
                raise NetworkError(f"{name}: inputs must be of {', '.join(known)}, not {other!r}")
        if plain and item.get("kind") == "upsample":
            raise NetworkError(f"{name}: a file of version 1 has no layer of kind upsample")
        layer = _layer(_Fields(item, name), name, [known[other] for other in inputs], stage, head, shapes)
        layers.append(replace(layer, inputs=tuple(inputs)))
        known[name] = _State(layer.target, layer.out_bits, layer.out_signed)
    if not head and layers and not layers[-1].activation and layers[-1].kind not in PASSING:
        raise NetworkError(f"{layers[-1].name} has no thresholds, so it cannot be in a stage")
    return tuple(layers)


def _layer(fields: _Fields, name: str, given: Sequence[_State], stage: int, head: bool, shapes: Shapes) -> Layer:
    kind = _field(fields.raw, "kind", str, name)
    if kind not in KINDS:
        raise NetworkError(f"{name}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    joins = kind in ("add", "concat")
    if (len(given) < 2) if joins else (len(given) != 1):
        raise NetworkError(f"{name}: inputs must be {'two or more' if joins else 'one'}, not {len(given)}")
    if len({(state.shape.height, state.shape.width, state.shape.channels * (kind == "add")) for state in given}) > 1:
        raise NetworkError(f"{name}: inputs must be of one shape, not {' and '.join(str(state.shape) for state in given)}")
    if kind == "concat" and len({(state.bits, state.signed) for state in given}) > 1:
        raise NetworkError(f"{name}: inputs must be of one type")
    state = given[0]
    source, weight_bits, target, binary = state.shape, 0, state.shape, False
    kernel, stride, pad, factor, depthwise = (1, 1), (1, 1), (0, 0), (1, 1), False
    if kind in ("conv", "linear"):
        weight_bits = fields.integer("weight_bits", 1, 8)
        binary, weight_bits = weight_bits == 1, max(2, weight_bits)
        for key, value in (("in_bits", state.bits), ("in_signed", state.signed)):
            if key in fields.raw and fields.raw[key] != value:
                raise NetworkError(f"{name}: {key} must be that of the layer before, {value!r}, not {fields.raw[key]!r}")
    if kind in ("conv", "maxpool"):
        kernel, stride = fields.pair("kernel", 1), fields.pair("stride", 1)
        pad = fields.pair("pad", 0) if kind == "conv" else (0, 0)
        height, width = source.height + 2 * pad[0], source.width + 2 * pad[1]
        if kernel[0] > height or kernel[1] > width:
            raise NetworkError(f"{name}: kernel must fit its padded input, not kernel={fields.raw['kernel']}, input={height}x{width}")
        target = Shape((height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1, source.channels)
    if kind == "conv":
        target = Shape(target.height, target.width, _outputs(fields, name, shapes, (*kernel, source.channels)))
        depthwise = fields.raw.get("groups") == source.channels == target.channels > 1
    elif kind == "linear":
        target = Shape(1, 1, _outputs(fields, name, shapes, (source.values,)))
    elif kind == "global_sum":
        target = Shape(1, 1, source.channels)
    elif kind == "upsample":
        factor = fields.pair("factor", 1)
        if factor == (1, 1):
            raise NetworkError(f"{name}: factor must be above 1 for rows or for columns, not 1 for both")
        target = Shape(source.height * factor[0], source.width * factor[1], source.channels)
    elif kind == "concat":
        target = Shape(source.height, source.width, sum(state.shape.channels for state in given))
    terms = {"conv": kernel[0] * kernel[1] * source.channels, "linear": source.values, "global_sum": source.pixels}.get(kind, 1)
    acc_bits = _added_bits(given) if kind in ("add", "threshold") else _sum_bits(terms, state, weight_bits)
    acc_bits = 0 if kind in PASSING else acc_bits
    activation = "thresholds" in fields.raw
    if kind in ("threshold", "add") and not activation:
        raise NetworkError(f"{name}: a layer of kind {kind} must have thresholds")
    if kind in PASSING:
        out_bits, out_signed = state.bits, state.signed
    elif activation:
        out_bits, out_signed = fields.integer("out_bits", 1, 8), fields.boolean("out_signed")
    else:
        out_bits, out_signed = acc_bits, bool(weight_bits) or state.signed
    return Layer(
        name=name, kind=kind, stage=stage, head=head, source=source, target=target, in_bits=state.bits, in_signed=state.signed,
        out_bits=out_bits, out_signed=out_signed, acc_bits=acc_bits, sum_bits=acc_bits, activation=activation, kernel=kernel,
        pad=pad, stride=stride, factor=factor, weight_bits=weight_bits, binary=binary, depthwise=depthwise,
        others=tuple((other.bits, other.signed) for other in given[1:]),
        more=tuple(other.shape.channels for other in given[1:]) if kind == "concat" else (),
    )


def _outputs(fields: _Fields, name: str, shapes: Shapes, inputs: tuple[int, ...]) -> int:
    """Outputs of a layer with weights, from the shape of its weight array ``[outputs, *inputs]``."""
    key = _field(fields.raw, "weight", str, name)
    shape = shapes.get(key)
    if shape is None:
        raise NetworkError(f"{name}: weight {key!r} is not among the arrays")
    if len(shape) != 1 + len(inputs) or tuple(shape[1:]) != inputs or shape[0] < 1:
        wanted = ", ".join(str(size) for size in ("outputs", *inputs))
        raise NetworkError(f"{name}: weight {key!r} must have shape [{wanted}], not {list(shape)}")
    return int(shape[0])


def _known_sums(network: Network, meta: Any, values: Mapping[str, np.ndarray[Any, Any]]) -> Network:
    """``network`` with its constants, and the ``sum_bits`` that its weights make possible."""
    keys = {item["name"]: item for part in ("stages", "heads", "gates") for chain in meta.get(part, ())
            for item in chain["layers"] if "weight" in item}

    def known(layer: Layer) -> Layer:
        if layer.name not in keys:
            return layer
        kernels = values[keys[layer.name]["weight"]].astype(np.int64)
        weights = kernels.reshape(layer.mh, -1)
        above, below = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
        low, high = (-(2 ** (layer.in_bits - 1)), 2 ** (layer.in_bits - 1) - 1) if layer.in_signed else (0, 2**layer.in_bits - 1)
        lows, highs = above * low + below * high, above * high + below * low
        least, most = int(lows.min()), int(highs.max())
        thresholds = values.get(keys[layer.name].get("thresholds", ""))
        if thresholds is not None:
            thresholds = np.clip(thresholds.astype(np.int64), lows[:, None], highs[:, None] + 1)
        return replace(
            layer, sum_bits=1 + max(most.bit_length(), (-least - 1).bit_length() if least < 0 else 0),
            depthwise=layer.kind == "conv" and _by_itself(kernels),
            constants=Constants.of(kernels.reshape(layer.mh, *layer.kernel, -1), thresholds, int(keys[layer.name].get("out_min", 0))),
        )

    return each_layer(network, known)


def _by_itself(kernels: np.ndarray[Any, Any]) -> bool:
    """Whether each output of ``[out, height, width, in]`` is of its own input alone, of which there are several."""
    outputs, inputs = kernels.shape[0], kernels.shape[-1]
    return outputs == inputs > 1 and not kernels.transpose(0, 3, 1, 2)[~np.eye(inputs, dtype=bool)].any()


def _added_bits(given: Sequence[_State]) -> int:
    """Width of the sum of one of each, signed where one of them is."""
    least = sum(2 ** (state.bits - 1) for state in given if state.signed)
    most = sum(2 ** (state.bits - 1) - 1 if state.signed else 2**state.bits - 1 for state in given)
    bits: int = max(most.bit_length(), (least - 1).bit_length() if least else 0) + int(least > 0)
    return bits


def _sum_bits(terms: int, state: _State, weight_bits: int) -> int:
    """Width of the sum of ``terms`` products (of inputs, where there are no weights) by data types alone; weights need not be narrow."""
    top: int = 2 ** (state.bits - 1) if state.signed else 2**state.bits - 1
    if not weight_bits:
        return (terms * top).bit_length() + int(state.signed)
    bits: int = (terms * top * 2 ** (weight_bits - 1)).bit_length() + 1
    return bits
