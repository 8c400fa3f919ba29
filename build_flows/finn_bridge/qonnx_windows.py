"""What convolutions and pools have in common: maps, windows and their padding."""

from dataclasses import replace
from typing import Any

import numpy as np

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_kernels import Pads
from build_flows.finn_bridge.qonnx_sum import Sum, Value

__all__ = ["check_shape", "need_map", "pad", "padding", "pair", "windows"]

NCHW = (0, 1, 2, 3)
PADDED = ("Conv", "AveragePool", "MaxPool")


def need_map(where: str, value: Value) -> None:
    if value.flat or value.order != NCHW:
        raise CompileError(f"{where}: its input must be [1, channels, height, width]")


def pair(graph: Graph, node: Any, name: str, default: int = 1) -> tuple[int, int]:
    """An attribute for rows and for columns."""
    found = list(graph.attribute(node, name, [default, default]))
    if len(found) != 2:
        raise CompileError(f"{called(node)}: must be 2-D, not of {len(found)} dimensions")
    return int(found[0]), int(found[1])


def padding(graph: Graph, node: Any, value: Value, kernel: tuple[int, int], stride: tuple[int, int]) -> Pads:
    """The node's own padding and what a Pad put around ``value`` before it."""
    auto, (above, left, below, right) = graph.attribute(node, "auto_pad", "NOTSET"), value.margin
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        # As many outputs as strides fit; what is missing for that is added, half of it on each side, the odd one as the name says.
        sizes = value.shape[0] + above + below, value.shape[1] + left + right
        total = [max(0, (-(-size // s) - 1) * s + k - size) for size, k, s in zip(sizes, kernel, stride, strict=True)]
        less, more = [item // 2 for item in total], [-(-item // 2) for item in total]
        pads = [*less, *more] if auto == "SAME_UPPER" else [*more, *less]
    else:
        pads = list(graph.attribute(node, "pads", [0, 0, 0, 0])) if auto == "NOTSET" else [0, 0, 0, 0]
    if len(pads) != 4 or min(pads) < 0:
        raise CompileError(f"{called(node)}: pads must be four numbers of at least 0 (top, left, bottom, right), not {pads}")
    return above + pads[0], left + pads[1], below + pads[2], right + pads[3]


def windows(value: Value, pads: Pads, kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """How many windows fit above each other and side by side."""
    rows, columns = ((value.shape[at] + pads[at] + pads[at + 2] - kernel[at]) // stride[at] + 1 for at in (0, 1))
    return rows, columns


def check_shape(graph: Graph, node: Any, wanted: tuple[int, ...]) -> None:
    found = graph.shape(node.output[0])
    if found != wanted:
        raise CompileError(f"{called(node)}: its output must be {list(wanted)} (sizes are rounded down), not {list(found)}")


def pad(graph: Graph, node: Any, value: Value, total: Sum | None) -> Value:
    """Past a Pad: its zeros are the padding of the one convolution or pool behind it."""
    where = called(node)
    need_map(where, value)
    readers = graph.readers(node.output[0])
    if total is not None:
        raise CompileError(f"{where} must stand behind the quantiser of {total.node}, or be that convolution's own padding")
    if len(readers) != 1 or readers[0].op_type not in (*PADDED, "Pad"):
        told = " and ".join(called(reader) for reader in readers) or "an output"
        raise CompileError(f"{where} must go into one node of {', '.join(PADDED)}, not into {told}")
    filler = graph.initialiser(node.input[2]) if len(node.input) > 2 and node.input[2] else np.float32(graph.attribute(node, "value", 0.0))
    mode = graph.attribute(node, "mode", "constant")
    if mode != "constant" or filler is None or np.any(filler != 0):
        raise CompileError(f"{where}: must pad with the constant 0, not {mode if mode != 'constant' else filler}")
    around = _around(graph, node)
    margin = tuple(old + new for old, new in zip(value.margin, around, strict=True))
    return replace(value, tensor=node.output[0], margin=(margin[0], margin[1], margin[2], margin[3]))


def _around(graph: Graph, node: Any) -> list[int]:
    """Above, left, below and right."""
    given = graph.attribute(node, "pads", None)
    if given is None and len(node.input) > 1:
        given = graph.initialiser(node.input[1])
    axes = graph.initialiser(node.input[3]) if len(node.input) > 3 and node.input[3] else np.arange(4)
    pads = np.ravel(given) if given is not None else np.zeros(0)
    if axes is None or len(pads) != 2 * len(axes):
        raise CompileError(f"{called(node)}: its pads must be constants, two for each axis")
    sides = {int(axis) % 4: (int(before), int(behind)) for axis, before, behind in zip(axes, pads, pads[len(axes) :], strict=False)}
    if any(sides.get(axis, (0, 0)) != (0, 0) for axis in (0, 1)) or pads.min() < 0:
        raise CompileError(f"{called(node)}: must pad rows and columns with at least 0, not {[int(item) for item in pads]}")
    return [sides.get(axis, (0, 0))[at] for at in (0, 1) for axis in (2, 3)]
