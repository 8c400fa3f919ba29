"""qonnx' own execution of a user's QONNX, in float: what the integer layers read from it are held against."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qonnx.core.onnx_exec import execute_onnx

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.quiet import quiet_finn

__all__ = ["run_qonnx"]


def run_qonnx(
    path: Path, images: npt.NDArray[np.uint8], scale: float, *, channels_last: bool
) -> tuple[npt.NDArray[np.float64], ...]:
    """Float logits ``[n, classes]`` by exit, of ``images`` ``[n, height, width, channels]`` whose pixels are worth ``scale``.

    Slow: tens of milliseconds an image. Raises :class:`CompileError` when the model cannot be executed.
    """
    graph, _, _ = load_qonnx(path, images=False)
    batch: npt.NDArray[Any] = images if channels_last else images.transpose(0, 3, 1, 2)
    rows, shape = [], graph.shape(graph.input)
    with quiet_finn():
        for image in batch:
            try:
                found = execute_onnx(graph.model, {graph.input: image.reshape(shape).astype(np.float32) * np.float32(scale)})
            except Exception as error:
                raise CompileError(f"{path.name} cannot be executed: {' '.join(str(error).split())[:200]}") from error
            rows.append([np.asarray(found[name], np.float64).reshape(-1) for name in graph.outputs])
    return tuple(np.stack(column) for column in zip(*rows, strict=True))
