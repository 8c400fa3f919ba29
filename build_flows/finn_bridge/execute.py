"""FINN's Python execution of the compiled graph: the layer-by-layer reference beside the golden model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.quiet import quiet_finn
from build_flows.finn_bridge.rtl_layers.fused_conv import FusedConv

__all__ = ["Execution", "execute"]

IntArray = npt.NDArray[np.int64]
EXACT_BITS = 25
"""FINN computes in float32, which holds signed integers of this width exactly."""


@dataclass(frozen=True)
class Execution:
    """What came out: ``logits`` (per exit, int64 ``[images, classes]``), ``gates`` (of gate heads, by exit, int64 ``[images]``) and
    ``layers`` (by golden layer name, int64, ``[images, height, width, channels]`` or ``[images, features]``). The bias that the exit
    decision adds is in none of them."""

    logits: tuple[IntArray, ...]
    layers: dict[str, IntArray]
    gates: dict[int, IntArray] = field(default_factory=dict)


def execute(
    model: ModelWrapper, last_units: Mapping[str, str], images: npt.NDArray[Any], gated: Sequence[int] = ()
) -> Execution:
    """Run ``images`` (integers, ``[n, height, width, channels]``) through every node; all exits are computed for every image.

    ``last_units`` names the node whose output is a layer's, by layer; ``gated`` are the exits with a gate head. Raises
    :class:`CompileError` for images of another shape or out of the input's range, and for accumulators that float32 cannot hold.
    """
    source = model.graph.input[0].name
    shape, kind = tuple(model.get_tensor_shape(source)), model.get_tensor_datatype(source)
    if not len(images) or images.shape[1:] != shape[1:]:
        raise CompileError(f"images must be [1 or more, {', '.join(map(str, shape[1:]))}], not {list(images.shape)}")
    if images.min() < kind.min() or images.max() > kind.max():
        raise CompileError(f"pixels must be from {kind.min():.0f} to {kind.max():.0f}, not {images.min()} to {images.max()}")
    constants = {item.name: model.get_initializer(item.name) for item in model.graph.initializer}
    blank = {tensor: np.zeros(model.get_tensor_shape(tensor), np.float32) for node in model.graph.node for tensor in node.output}
    for tensor, bits in _widths(model).items():
        if bits > EXACT_BITS:
            raise CompileError(f"FINN's execution is exact for accumulators of up to {EXACT_BITS} bits, not {bits} as in {tensor}")
    found: dict[str, list[npt.NDArray[Any]]] = {}
    exits = [item.name for item in model.graph.output]
    with quiet_finn():
        ops = [getCustomOp(node) for node in model.graph.node]
        tensors = {name: _end(op, name) for name, unit in last_units.items() for op in ops if op.onnx_node.name == unit}
        for op in ops:
            op.set_nodeattr("exec_mode", "cppsim")
        for image in images:
            context = {**blank, **constants, source: image[None].astype(np.float32)}
            for op in ops:
                op.execute_node(context, model.graph)
            for tensor in {*tensors.values(), *exits}:
                found.setdefault(tensor, []).append(context[tensor][0])
    stacked = {tensor: np.rint(np.stack(values)).astype(np.int64) for tensor, values in found.items()}
    logits, learned = exits[: len(exits) - len(gated)], exits[len(exits) - len(gated) :]
    return Execution(
        logits=tuple(stacked[tensor] for tensor in logits), layers={name: stacked[tensor] for name, tensor in tensors.items()},
        gates={k: stacked[tensor].reshape(len(images)) for k, tensor in zip(gated, learned, strict=True)},
    )


def _end(op: Any, layer: str) -> str:
    """The tensor that ``layer`` ends with, whose unit is ``op``."""
    return op.end(layer) if isinstance(op, FusedConv) else str(op.onnx_node.output[0])


def _widths(model: ModelWrapper) -> dict[str, int]:
    """Bits of every tensor, those inside of units that are executed by a graph of their own too."""
    found = {tensor: int(model.get_tensor_datatype(tensor).bitwidth()) for node in model.graph.node for tensor in node.output}
    for fused in (op for op in map(getCustomOp, model.graph.node) if isinstance(op, FusedConv)):
        found |= {op.onnx_node.name: int(op.get_output_datatype().bitwidth()) for op in fused.body_ops()}
    return found
