"""``golden.npz`` as the compiler needs it: the integer view that FINN's graph is held against."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.finn_bridge.errors import CompileError

__all__ = ["IMAGE", "GoldenFile", "GoldenLayer", "read_golden"]

VERSIONS = (1, 2)
IMAGE = "image"
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GoldenLayer:
    """One layer, which reads those called ``inputs`` (``image``: the images): ``spec`` is its entry in ``meta``, ``arrays`` the integer
    arrays it names, by field name."""

    name: str
    kind: str
    stage: int
    head: bool
    spec: dict[str, Any]
    inputs: tuple[str, ...] = ()
    arrays: dict[str, IntArray] = field(default_factory=dict)

    @property
    def matrix(self) -> IntArray:
        """Weights as ``[in, out]``, ``in`` in the order in which they stream (row, column, channel)."""
        weight = self.arrays["weight"]
        return weight.reshape(weight.shape[0], -1).T


Layers = tuple[GoldenLayer, ...]


@dataclass(frozen=True)
class GoldenFile:
    """The network: ``stages[k]``, ``heads[k]`` and, where exit ``k`` has one, ``gates[k]`` are the layers of stage, head and gate head;
    ``cuts[k]`` is what stages behind ``k`` read of it and those before it, by name, and of the last stage nothing."""

    name: str
    classes: int
    input: dict[str, Any]
    stages: tuple[tuple[GoldenLayer, ...], ...]
    heads: tuple[tuple[GoldenLayer, ...], ...]
    gates: dict[int, tuple[GoldenLayer, ...]] = field(default_factory=dict)
    cuts: tuple[tuple[str, ...], ...] = ()

    def layers(self) -> Iterator[GoldenLayer]:
        """All layers, stage 0, head 0, its gate head, stage 1, head 1, ..."""
        for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            yield from stage
            yield from head
            yield from self.gates.get(k, ())


def read_golden(path: Path) -> GoldenFile:
    """Read ``golden.npz``; raises :class:`CompileError` when it is not one, or of another version."""
    try:
        with np.load(path, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            arrays = {key: data[key].astype(np.int64) for key in data.files if key != "meta"}
    except (OSError, KeyError, ValueError) as error:
        raise CompileError(f"{path.name} is not a golden model: {error}") from error
    if meta.get("version") not in VERSIONS:
        raise CompileError(f"{path.name} must have version {' or '.join(map(str, VERSIONS))}, not {meta.get('version')!r}")

    def layers(part: dict[str, Any], begin: str, stage: int, head: bool) -> tuple[GoldenLayer, ...]:
        found: list[GoldenLayer] = []
        for spec in part["layers"]:
            before = found[-1].name if found else begin
            given = {key: arrays[spec[key]] for key in ("weight", "bias", "thresholds") if key in spec}
            found.append(GoldenLayer(spec["name"], spec["kind"], stage, head, spec, tuple(spec.get("inputs", (before,))), given))
        return tuple(found)

    begin, stages, heads, gates, cuts = IMAGE, list[Layers](), list[Layers](), dict[int, Layers](), list[tuple[str, ...]]()
    for k, (stage, head) in enumerate(zip(meta["stages"], meta["heads"], strict=True)):
        stages.append(layers(stage, begin, k, False))
        begin = stages[-1][-1].name if stages[-1] else begin
        heads.append(layers(head, begin, k, True))
        cuts.append(tuple(stage.get("cut", (begin,))) if k + 1 < len(meta["stages"]) else ())
        if "gates" in meta and meta["gates"][k]["layers"]:
            gates[k] = layers(meta["gates"][k], begin, k, True)
    return GoldenFile(name=meta["name"], classes=int(meta["classes"]), input=meta["input"], stages=tuple(stages), heads=tuple(heads),
                      gates=gates, cuts=tuple(cuts))
