"""A multi-exit network in integers, and what it makes of images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden import layers
from sim.golden.errors import GoldenError

__all__ = ["IMAGE", "KINDS", "GoldenNet", "Layer"]

Array = npt.NDArray[Any]

KINDS = ("conv", "linear", "maxpool", "global_sum", "threshold", "add", "concat", "upsample")
IMAGE = "image"
"""What layers that read the images name as their input."""

_CHUNK_VALUES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer, which reads the outputs of ``inputs``: names of layers, or :data:`IMAGE`. ``steps`` (thresholds, int64 ``[c, n]``) or
    ``bias`` (int64 ``[classes]``) follow the accumulation; max pools, concatenations and
    upsamplings, which repeat each pixel ``factor`` times, have neither."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    kernel: layers.Size = 1
    stride: layers.Size = 1
    pad: layers.Size = 0
    factor: layers.Size = 1
    weight: Array | None = None
    steps: Array | None = None
    out_min: int = 0
    bias: Array | None = None
    scale: float | None = None

    def run(self, given: Sequence[Array]) -> Array:
        """Integer outputs for integer inputs (NHWC), one for each of ``inputs``, bias included."""
        x = given[0]
        if self.kind == "maxpool":
            return layers.maxpool(x, self.kernel, self.stride)
        if self.kind == "upsample":
            return layers.upsample(x, self.factor)
        if self.kind == "concat":
            return np.concatenate(given, axis=-1)
        if self.kind == "global_sum":
            acc = layers.global_sum(x)
        elif self.kind == "threshold":
            acc = x
        elif self.kind == "add":
            acc = self._added(given)
        else:
            peak = int(np.abs(x).max(initial=0))
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

    def _added(self, given: Sequence[Array]) -> Array:
        shapes = {item.shape[1:] for item in given}
        if len(shapes) != 1:
            raise GoldenError(f"layer {self.name} adds maps of one shape, not of {' and '.join(map(str, sorted(shapes)))}")
        total: Array = np.add.reduce(list(given), dtype=np.int64)
        return total


@dataclass(frozen=True, kw_only=True)
class GoldenNet:
    """A network with one stage and one head per exit, and the gate heads that there are, by exit; layers of each in an order in which they
    can be computed. ``shape`` is an image's (height, width, channels)."""

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
        values = {IMAGE: x}
        for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            self._run(stage, values, kept)
            logits = self._run(head, dict(values), kept)
            if gates is not None and k in self.gates:
                gates[k].append(self._run(self.gates[k], dict(values), kept).reshape(len(x)))
            # Of what the stage made, later ones read its end alone.
            values = {name: value for name, value in values.items() if name in self._read_behind(k)}
            yield logits.reshape(len(logits), self.classes)

    def _read_behind(self, k: int) -> set[str]:
        """What is read behind stage ``k`` and its heads."""
        chains = [*self.stages[k + 1 :], *self.heads[k + 1 :], *(chain for exit_, chain in self.gates.items() if exit_ > k)]
        return {name for chain in chains for layer in chain for name in layer.inputs}

    def _run(self, chain: tuple[Layer, ...], values: dict[str, Array], kept: dict[str, list[Array]] | None) -> Array:
        """Adds the outputs of ``chain`` to ``values``, by layer; gives the last."""
        found = np.zeros(0)
        for layer in chain:
            found = values[layer.name] = layer.run([values[name] for name in layer.inputs])
            if kept is not None:
                kept.setdefault(layer.name, []).append(found)
        return found

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
        sizes, largest = {IMAGE: shape[:2]}, int(np.prod(shape))
        for layer in (layer for chains in (self.stages, self.heads, self.gates.values()) for chain in chains for layer in chain):
            h, w = sizes[layer.inputs[0]]
            if layer.kind in ("conv", "maxpool"):
                h, w = (
                    (size + 2 * pad - kernel) // stride + 1 for size, pad, kernel, stride in
                    zip((h, w), *map(layers.both, (layer.pad, layer.kernel, layer.stride)), strict=True)
                )
            if layer.kind == "upsample":
                down, across = layers.both(layer.factor)
                h, w = h * down, w * across
            if layer.kind == "conv" and layer.weight is not None:
                largest = max(largest, h * w * int(np.prod(layer.weight.shape[1:])))
            sizes[layer.name] = (h, w)
        return largest
