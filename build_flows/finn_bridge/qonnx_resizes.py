"""Resize and Upsample nodes of a QONNX that repeat pixels, in the forms that they have had since opset 7."""

from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_sum import Value
from build_flows.finn_bridge.qonnx_windows import check_shape, need_map
from build_flows.finn_bridge.upsampling import Upsampling

__all__ = ["RESIZES", "upsampling"]

FloatArray = npt.NDArray[np.float64]

RESIZES = ("Resize", "Upsample")
ALLOWED = 'allowed: mode="nearest" with a whole scale_factor for rows and for columns'
SMALLER = "a stride, a MaxPool or an AveragePool makes maps smaller"


def upsampling(graph: Graph, node: Any, value: Value) -> Upsampling:
    """What ``node`` makes of each pixel of ``value``. Raises :class:`CompileError` naming the node where that is not the pixel itself, the
    same whole number of times along rows, and along columns, for every pixel."""
    where = called(node)
    need_map(where, value)
    mode = graph.attribute(node, "mode", "nearest")
    if mode != "nearest":
        raise CompileError(f"{where}: mode must be nearest, not {mode}, which makes values between those of pixels; {ALLOWED}")
    scales = _scales(graph, node)
    if np.any(scales[:2] != 1):
        raise CompileError(f"{where}: must leave batch and channels as they are, not scales {_told(scales)}; {ALLOWED}")
    factor = round(float(scales[2])), round(float(scales[3]))
    if min(factor) < 1 or np.any(abs(scales[2:] - factor) > 1e-6):
        raise CompileError(f"{where}: must repeat rows and columns a whole number of times, not {_told(scales[2:])} times; {ALLOWED}; "
                           f"{SMALLER}")
    found = Upsampling(node=where, in_shape=value.shape, factor=factor)
    for size, times, scale in zip(value.shape[:2], factor, scales[2:], strict=True):
        if not np.array_equal(_sources(graph, node, size, times, float(scale)), np.arange(size * times) // times):
            raise CompileError(f"{where}: {' with '.join(_ways(graph, node))} does not give each pixel {times} times; allowed: "
                               'coordinate_transformation_mode "asymmetric" with nearest_mode "floor", as nn.Upsample has')
    check_shape(graph, node, (1, value.shape[2], *found.out_shape[:2]))
    return found


def _scales(graph: Graph, node: Any) -> FloatArray:
    """How many times as large each axis (batch, channels, rows, columns) becomes, of scales or of sizes, an attribute in old graphs."""
    shape = graph.shape(node.input[0])
    plain = len(node.input) == 2
    names = [*node.input[1:], "", "", ""]
    scales, sizes = (names[0], "") if plain else (names[1], names[2])
    axes = [int(axis) % 4 for axis in graph.attribute(node, "axes", [0, 1, 2, 3])]
    given = graph.attribute(node, "scales", None)
    found = np.asarray(given, np.float64) if given is not None else None
    for name, by in ((scales, np.ones(len(axes))), (sizes, np.asarray(shape, np.float64)[axes])):
        constant = graph.constant(name) if name else None
        if found is None and constant is not None and constant.size == len(axes):
            found = constant.ravel() / by
    if found is None or len(found) != len(axes):
        raise CompileError(f"{called(node)}: its scales or sizes must be constants, one for each axis; {ALLOWED}")
    every = np.ones(4)
    every[axes] = found
    return every


def _ways(graph: Graph, node: Any) -> tuple[str, str]:
    """By what rule it finds where a pixel lies, and by what the nearest one."""
    if node.op_type == "Upsample" or len(node.input) == 2:
        return "asymmetric", "floor"
    return (graph.attribute(node, "coordinate_transformation_mode", "half_pixel"),
            graph.attribute(node, "nearest_mode", "round_prefer_floor"))


def _sources(graph: Graph, node: Any, size: int, times: int, scale: float) -> npt.NDArray[np.int64]:
    """The pixel, of ``size``, that each of ``times`` as many is, as ONNX defines it."""
    rule, nearest = _ways(graph, node)
    count = size * times
    place = np.arange(count, dtype=np.float64)
    middle = (place + 0.5) / scale
    match rule:
        case "half_pixel":
            found = middle - 0.5
        case "pytorch_half_pixel":
            found = middle - 0.5 if count > 1 else np.zeros(1)
        case "half_pixel_symmetric":
            found = size / 2 * (1 - count / (scale * size)) + middle - 0.5
        case "asymmetric":
            found = place / scale
        case "align_corners":
            found = place * (size - 1) / max(1, count - 1)
        case "tf_half_pixel_for_nn":
            found = middle
        case _:
            raise CompileError(f"{called(node)}: coordinate_transformation_mode must be asymmetric or half_pixel, not {rule}; {ALLOWED}")
    rounded = {"round_prefer_floor": np.ceil(found - 0.5), "round_prefer_ceil": np.floor(found + 0.5), "floor": np.floor(found),
               "ceil": np.ceil(found)}.get(nearest)
    if rounded is None:
        raise CompileError(f"{called(node)}: nearest_mode must be floor or round_prefer_floor, not {nearest}; {ALLOWED}")
    return np.clip(rounded, 0, size - 1).astype(np.int64)


def _told(scales: FloatArray) -> str:
    return " and ".join(f"{scale:g}" for scale in scales)
