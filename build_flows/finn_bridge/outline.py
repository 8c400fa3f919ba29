"""What a QONNX takes and gives, without looking at its layers: enough to write a configuration for one that cannot be built yet."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.quiet import quiet_finn

__all__ = ["Outline", "outline"]

FEW = 4
"""So many channels at most have images whose last axis is taken for their channels; with one they are square, as series are time x 1."""


@dataclass(frozen=True, kw_only=True)
class Outline:
    """Images of ``shape`` (height, width, channels), ``classes``, the names of the ``outputs`` that are exits, in exit order where that is
    known, and those of all outputs as they are ``named`` in the file."""

    shape: tuple[int, int, int]
    classes: int
    outputs: tuple[str, ...]
    named: tuple[str, ...]


def outline(path: Path) -> Outline:
    """The outline of the file at ``path``; raises :class:`CompileError` when it is no QONNX, or takes no images, or gives no logits."""
    try:
        with quiet_finn():
            proto = onnx.load(str(path))
    except Exception as error:
        raise CompileError(f"{path.name} is not a QONNX model: {' '.join(str(error).split())[:200]}") from error
    named = tuple(item.name for item in proto.graph.output)
    # What stands at the ends may be refused too; outputs are then told as the file has them.
    try:
        graph, ends, _ = load_qonnx(path, images=False)
        outputs = tuple(named[place] for place in ends.places)
        tensors = graph.outputs
        images, sizes = graph.shape(graph.input), [graph.shape(tensor) for tensor in tensors]
    except CompileError:
        outputs = named
        weights = {item.name for item in proto.graph.initializer}
        given = [item for item in proto.graph.input if item.name not in weights]
        if len(given) != 1:
            raise
        images, sizes = _shape(given[0]), [_shape(item) for item in proto.graph.output]
        if 0 in images[1:] or not all(len(size) > 1 for size in sizes):
            raise
    if not sizes:
        raise CompileError(f"{path.name} has no output; allowed: one for each exit")
    if len(images) != 4:
        told = ", ".join(map(str, images))
        raise CompileError(f"its input must be [1, channels, height, width], not [{told}]; 1-D networks run as time x 1")
    first, height, width = images[1:]
    last = width <= FEW < first and (width > 1 or first == height)
    shape = (first, height, width) if last else (height, width, first)
    return Outline(shape=shape, classes=sizes[0][1], outputs=outputs, named=named)


def _shape(item: onnx.ValueInfoProto) -> tuple[int, ...]:
    """The sizes that the file tells; 0 where it does not."""
    return tuple(size.dim_value for size in item.type.tensor_type.shape.dim)
