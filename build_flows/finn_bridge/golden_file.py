"""``golden.npz`` as the compiler needs it: the integer view that FINN's graph is held against."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.finn_bridge.errors import CompileError

__all__ = ["GoldenFile", "GoldenLayer", "read_golden"]

VERSION = 1
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GoldenLayer:
    """One layer: ``spec`` is its entry in ``meta``, ``arrays`` the integer arrays it names, by field name."""

    name: str
    kind: str
    stage: int
    head: bool
    spec: dict[str, Any]
    arrays: dict[str, IntArray] = field(default_factory=dict)

    @property
    def matrix(self) -> IntArray:
        """Weights as ``[in, out]``, ``in`` in the order in which they stream (row, column, channel)."""
        weight = self.arrays["weight"]
        return weight.reshape(weight.shape[0], -1).T


@dataclass(frozen=True)
class GoldenFile:
    """The network: ``stages[k]``, ``heads[k]`` and, where exit ``k`` has one, ``gates[k]`` are the layers of stage, head and gate head."""

    name: str
    classes: int
    input: dict[str, Any]
    stages: tuple[tuple[GoldenLayer, ...], ...]
    heads: tuple[tuple[GoldenLayer, ...], ...]
    gates: dict[int, tuple[GoldenLayer, ...]] = field(default_factory=dict)

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
    if meta.get("version") != VERSION:
        raise CompileError(f"{path.name} must have version {VERSION}, not {meta.get('version')!r}")

    def chain(part: dict[str, Any], stage: int, head: bool) -> tuple[GoldenLayer, ...]:
        return tuple(
            GoldenLayer(
                spec["name"], spec["kind"], stage, head, spec,
                {key: arrays[spec[key]] for key in ("weight", "bias", "thresholds") if key in spec},
            )
            for spec in part["layers"]
        )

    return GoldenFile(
        name=meta["name"],
        classes=int(meta["classes"]),
        input=meta["input"],
        stages=tuple(chain(part, k, False) for k, part in enumerate(meta["stages"])),
        heads=tuple(chain(part, k, True) for k, part in enumerate(meta["heads"])),
        gates={k: chain(part, k, True) for k, part in enumerate(meta.get("gates", ())) if part["layers"]},
    )
