"""A user's own network in integers: its layers as read from the graph, and ``golden.npz`` made of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.base.files import atomic_path

__all__ = ["IMAGE", "PASSING", "REACH", "OwnLayer", "OwnNetwork", "loose_steps", "thresholds", "write_golden"]

REACH = 1 << 23
"""Accumulators up to here, or as far as a layer's own go where that is farther, are looked at, as ``quant_models.integers.view`` does: a
step that none of them takes is at REACH + 1, one that all of them have taken at -REACH."""

IMAGE = "image"
"""What layers that read the images name as their input."""

PASSING = ("maxpool", "concat", "upsample")
"""Kinds of layers that give the integers that they get."""

LOOSE = 1e-4
"""So near to a rounding boundary, in steps of the activation, float32 arithmetic may decide either way (it sums in any order)."""

Pair = tuple[int, int]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OwnLayer:
    """One layer; ``kind`` is that of golden.npz. ``node`` is the graph's node that it was made of, for messages. ``inputs`` are the layers
    that it reads, by name (:data:`IMAGE`: the images); those of an addition but the first are integers of the types ``others``, (bits,
    signed), in the same units.

    ``weight`` is int64, ``[out, height, width, in]`` or ``[out, in]`` with ``in`` flattened from NHWC, signed and narrow, in units of
    ``weight_scale`` (float64 ``[out]``). An accumulator unit is worth ``slope`` (float64 ``[out]``, above 0; batch norm inside) over
    ``offset``. With ``act_bits`` a quantiser of ``scale`` follows, which gives no integer below ``act_low`` or above ``act_high`` (int64
    ``[out]``; None: all of its bits) and with ``act_sign`` 1 bit, -1 and from 0 on 1; without it (last of a head) ``scale`` is one logit
    unit and ``bias`` int64 ``[classes]``, rounded where ``rest`` (float64) is given: the float bias is the sum of both. Inputs are integers
    of ``in_bits``, in units of ``in_scale``. Shapes are (height, width, channels). An upsampling repeats each pixel ``factor`` (rows,
    columns) times.
    """

    name: str
    kind: str
    node: str
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    in_bits: int
    in_signed: bool
    in_scale: float
    kernel: Pair = (1, 1)
    pad: Pair = (0, 0)
    stride: Pair = (1, 1)
    factor: Pair = (1, 1)
    weight: IntArray | None = None
    weight_bits: int = 0
    weight_scale: FloatArray | None = None
    slope: FloatArray | None = None
    offset: FloatArray | None = None
    scale: float = 0.0
    act_bits: int = 0
    act_signed: bool = False
    act_low: IntArray | None = None
    act_high: IntArray | None = None
    act_sign: bool = False
    bias: IntArray | None = None
    rest: FloatArray | None = None
    inputs: tuple[str, ...] = ()
    others: tuple[tuple[int, bool], ...] = ()

    @property
    def minimum(self) -> int:
        """The smallest integer that its activation gives."""
        return -(1 << (self.act_bits - 1)) if self.act_signed else 0

    @property
    def out_bits(self) -> int:
        """Bits of what it gives."""
        return self.in_bits if self.kind in PASSING else self.act_bits

    @property
    def out_signed(self) -> bool:
        """Whether that has a sign."""
        return self.in_signed if self.kind in PASSING else self.act_signed

    @property
    def reach(self) -> int:
        """The largest accumulator, of either sign, that weights and inputs can make; 0 where it gives what it gets."""
        if self.kind in PASSING:
            return 0
        low, high = _limits(self.in_bits, self.in_signed)
        if self.weight is None:
            terms = self.in_shape[0] * self.in_shape[1] if self.kind == "global_sum" else 1
            limits = [(terms * low, terms * high), *(_limits(*other) for other in self.others)]
            return max(sum(most for _, most in limits), -sum(least for least, _ in limits))
        rows = self.weight.reshape(len(self.weight), -1)
        above, below = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
        return int(max((above * high + below * low).max(), -(above * low + below * high).min()))


def _limits(bits: int, signed: bool) -> Pair:
    """The least and the greatest integer of a type."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


@dataclass(frozen=True, kw_only=True)
class OwnNetwork:
    """A whole network: images ``shape`` (height, width, channels) of 8-bit unsigned pixels, each worth ``scale`` to its layers. The user's
    graph takes pixels times ``fed``, as ``[1, height, width, channels]`` with ``channels_last``, else as ``[1, channels, height, width]``.
    ``heads[k]`` reads what ``stages[k]`` gives, or gets; later stages read of all up to there what is in ``cuts[k]``, by name (without any:
    what the stage ends with). Exit k is the user's output ``places[k]``, ``cut`` when outputs were more than
    logits; ``notes`` tell the user what was taken otherwise than it was given, a line each."""

    shape: tuple[int, int, int]
    scale: float
    channels_last: bool
    classes: int
    stages: tuple[tuple[OwnLayer, ...], ...]
    heads: tuple[tuple[OwnLayer, ...], ...]
    fed: float = 0.0
    places: tuple[int, ...] = ()
    cut: bool = False
    notes: tuple[str, ...] = ()
    cuts: tuple[tuple[str, ...], ...] = ()

    @property
    def forks(self) -> bool:
        """Whether a stage or head is more than layers one behind the other, of the kinds that golden.npz had in version 1."""
        if self.cuts:
            return True
        begin = IMAGE
        for stage, head in zip(self.stages, self.heads, strict=True):
            if _forks(stage, begin):
                return True
            begin = stage[-1].name if stage else begin
            if _forks(head, begin):
                return True
        return False


def _forks(layers: tuple[OwnLayer, ...], begin: str) -> bool:
    at = begin
    for layer in layers:
        if layer.kind in ("add", "threshold", "concat", "upsample") or layer.inputs != (at,):
            return True
        at = layer.name
    return False


def _steps(layer: OwnLayer) -> npt.NDArray[np.int64]:
    """The integers, but for the smallest, that the activation gives."""
    return np.arange(1, 1 << layer.act_bits) + layer.minimum


def _respond(layer: OwnLayer, acc: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The activation, in steps and not yet rounded, of accumulators ``[channels, n]``: in float32, as the graph computes."""
    assert layer.slope is not None
    assert layer.offset is not None
    slope, offset = (item.astype(np.float32)[:, None] for item in (layer.slope, layer.offset))
    found: npt.NDArray[np.float32] = (acc.astype(np.float32) * slope + offset) / np.float32(layer.scale)
    return found


def _levels(layer: OwnLayer, acc: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The integers that the activation gives of accumulators ``[channels, n]``, where its bits hold them."""
    found = _respond(layer, acc)
    levels = np.where(found >= 0, np.float32(1), np.float32(-1)) if layer.act_sign else np.rint(found)
    if layer.act_low is None or layer.act_high is None:
        return levels
    return np.clip(levels, layer.act_low[:, None], layer.act_high[:, None])


def thresholds(layer: OwnLayer) -> IntArray:
    """int64 ``[channels, 2**bits - 1]``, never falling: output = minimum + #{i: acc >= t[c, i]}.

    By bisection over the integer accumulator, with one factor and one offset a channel: scales, bias and batch norm in one. Halves are
    rounded to even, as Quant does.
    """
    steps, reach = _steps(layer), max(REACH, layer.reach)
    assert layer.slope is not None
    low = np.full((len(layer.slope), len(steps)), -reach - 1, np.int64)
    high = np.full_like(low, reach + 1)
    while (high - low > 1).any():
        middle = (low + high) // 2
        taken = (_levels(layer, middle) >= steps) & (middle > low)
        high, low = np.where(taken, middle, high), np.where(taken, low, middle)
    return high


def loose_steps(layer: OwnLayer, found: IntArray) -> IntArray:
    """By how much each threshold (as :func:`thresholds` gives them) may be off in float32 arithmetic: 0 but near a rounding boundary."""
    assert layer.slope is not None
    bound = np.zeros(1) if layer.act_sign else _steps(layer) - 0.5
    near = np.minimum(abs(_respond(layer, found) - bound), abs(_respond(layer, found - 1) - bound)) < LOOSE
    reach = np.clip(np.ceil(LOOSE * layer.scale / layer.slope), 1, REACH).astype(np.int64)
    return np.where(near & (abs(found) < REACH), reach[:, None], 0)


def _size(pair: Pair) -> int | list[int]:
    return pair[0] if pair[0] == pair[1] else list(pair)


def _record(layer: OwnLayer, arrays: dict[str, npt.NDArray[Any]], version: int) -> dict[str, Any]:
    record: dict[str, Any] = {"name": layer.name, "kind": layer.kind, **({"inputs": list(layer.inputs)} if version > 1 else {})}
    if layer.kind in ("conv", "maxpool"):
        record |= {"kernel": _size(layer.kernel), "stride": _size(layer.stride)}
    if layer.kind == "upsample":
        record |= {"factor": _size(layer.factor)}
    if layer.kind in PASSING:
        return record
    if layer.kind == "conv":
        record |= {"pad": _size(layer.pad)}
    if layer.weight is not None:
        key = f"{layer.name}.weight"
        arrays[key] = np.ascontiguousarray(layer.weight.astype(np.int8))
        record |= {"weight": key, "weight_bits": layer.weight_bits, "in_bits": layer.in_bits, "in_signed": layer.in_signed}
    if layer.bias is not None:
        arrays[f"{layer.name}.bias"] = layer.bias
        return {**record, "bias": f"{layer.name}.bias", "scale": layer.scale}
    arrays[f"{layer.name}.thresholds"] = thresholds(layer)
    return {
        **record, "thresholds": f"{layer.name}.thresholds", "out_bits": layer.act_bits, "out_signed": layer.act_signed,
        "out_min": layer.minimum, **({"scale": layer.scale} if version > 1 else {}),
    }


def write_golden(network: OwnNetwork, name: str, path: Path) -> None:
    """Write ``golden.npz`` (docs/interfaces.md, section 2), atomically; the same network gives the same bytes."""
    height, width, channels = network.shape
    arrays: dict[str, npt.NDArray[Any]] = {}
    version = 2 if network.forks else 1
    blocks: dict[str, list[dict[str, Any]]] = {
        key: [{"layers": [_record(layer, arrays, version) for layer in chain]} for chain in chains]
        for key, chains in (("stages", network.stages), ("heads", network.heads))
    }
    for block, cut in zip(blocks["stages"], network.cuts, strict=False):
        block |= {"cut": list(cut)} if cut else {}
    image: dict[str, Any] = {"bits": 8, "signed": False}
    if version > 1:
        image |= {"shape": [height, width, channels], "encoding": "integer", "scale": network.scale, "offset": 0.0}
    else:
        image |= {"height": height, "width": width, "channels": channels}
    meta = {"version": version, "name": name, "classes": network.classes, "input": image, **blocks}
    content: dict[str, Any] = {"meta": np.array(json.dumps(meta, sort_keys=True)), **arrays}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **content)
