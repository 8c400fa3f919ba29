"""Keep a compiled graph as one ONNX file, and run it again."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveReadableTensorNames

import build_flows.finn_bridge.rtl_layers  # noqa: F401 - registers our layers with FINN
from build_flows.finn_bridge.compile_graph import CompiledGraph
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.execute import Execution, execute
from build_flows.finn_bridge.quiet import quiet_finn

__all__ = ["SavedGraph", "load_graph", "save_graph"]

KEY = "offramp"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class SavedGraph:
    """What is needed to run the graph: ``biases`` (per exit) are still to be added to its logits, which are the outputs of ``last_layers``;
    ``rounded`` thresholds were one off in FINN's float arithmetic. ``gate_biases`` are those of the gate heads, by exit, whose logits are
    outputs of ``last_layers`` too."""

    biases: tuple[tuple[int, ...], ...]
    last_layers: tuple[str, ...]
    rounded: int
    gate_biases: dict[int, int] = field(default_factory=dict)
    last_units: dict[str, str] = field(repr=False)
    model: Any = field(repr=False)

    def execute(self, images: npt.NDArray[Any]) -> Execution:
        """FINN's Python execution of integer ``images`` ``[n, height, width, channels]``: logits of all exits, output of every layer."""
        return execute(self.model, self.last_units, images, tuple(self.gate_biases))


def save_graph(graph: CompiledGraph, path: Path) -> None:
    """Write ``graph`` to ``path`` (ONNX, FINN's dialect); the same graph gives the same bytes."""
    extra = {
        "version": VERSION, "biases": [item.bias for item in graph.exits], "last_layers": graph.last_layers, "rounded": graph.rounded,
        "last_units": graph.last_units,
    }
    if graph.learned:
        extra["gate_biases"] = {str(item.index): item.bias for item in graph.learned}
    with quiet_finn():
        # Tensors that a transformation made since the layers were named are called at random.
        model = graph.model.transform(GiveReadableTensorNames())
        model.set_metadata_prop(KEY, json.dumps(extra, sort_keys=True))
        model.save(str(path))


def load_graph(path: Path) -> SavedGraph:
    """Read what :func:`save_graph` wrote; raises :class:`CompileError` when it is something else."""
    try:
        with quiet_finn():
            model = ModelWrapper(str(path))
        extra = json.loads(model.get_metadata_prop(KEY) or "{}")
    except Exception as error:
        raise CompileError(f"{path.name} is not a compiled graph: {error}") from error
    if extra.get("version") != VERSION:
        raise CompileError(f"{path.name} is not a compiled graph of version {VERSION}")
    return SavedGraph(
        biases=tuple(tuple(item) for item in extra["biases"]), last_layers=tuple(extra["last_layers"]), rounded=extra["rounded"],
        last_units=extra["last_units"], model=model, gate_biases={int(k): bias for k, bias in extra.get("gate_biases", {}).items()},
    )
