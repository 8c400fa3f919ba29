"""The nodes that the images of a QONNX go through before its first layer, and what a pixel is worth there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called

__all__ = ["Way", "find_way", "worth"]

SCALES = (1 / 256, 1 / 255, 1.0)
"""What a quantiser whose integers are the pixels says that a pixel is worth."""

NEAR = 1e-6
TURNS = ("Transpose", "Identity", "Dropout")
SHAPES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
BY_PIXEL = ("Add", "Sub", "Mul", "Div", "BatchNormalization", "Quant")
TO_NCHW = [0, 3, 1, 2]


@dataclass(frozen=True, kw_only=True)
class Way:
    """From the tensor ``input`` to ``end``: ``points`` do something to each pixel alone, channels being axis ``axes[k]`` at point k (-1:
    none is); ``kept`` change the places of pixels and stand between them. ``shape`` is that of the images, four sizes, ``channels_last`` or
    not, made by nodes that are ``dropped`` where the input has another; ``annotated`` as bytes by qonnx' own note."""

    input: str
    end: str
    shape: tuple[int, ...]
    channels_last: bool
    points: tuple[Any, ...]
    axes: tuple[int, ...]
    kept: tuple[Any, ...]
    dropped: tuple[Any, ...]
    annotated: bool

    @property
    def channels(self) -> int:
        return self.shape[3 if self.channels_last else 1]

    @property
    def plain(self) -> bool:
        """Whether it is one quantiser alone, or, of integers, nothing."""
        moves = any(node.op_type in SHAPES for node in self.kept) or self.dropped
        return not moves and ([node.op_type for node in self.points] == ["Quant"] or (self.annotated and not self.points))


def find_way(graph: Graph) -> Way:
    """Raises :class:`CompileError` when the input is no image."""
    chain, tensor = list[Any](), graph.input
    while len(readers := graph.readers(tensor)) == 1 and tensor not in graph.outputs:
        node = readers[0]
        if not (node.op_type in (*TURNS, *SHAPES) or _by_pixel(graph, node, tensor)):
            break
        chain.append(node)
        tensor = node.output[0]
    shape, start = _images(graph, chain)
    turns = next((node for node in chain[start:] if node.op_type in ("Transpose", *SHAPES)), None)
    last = turns is not None and list(graph.attribute(turns, "perm", [])) == TO_NCHW
    while len(chain) > start and chain[-1].op_type not in BY_PIXEL:
        chain.pop()
    points, axes, kept, dropped = [], [], [], []
    order = [0, 3, 1, 2] if last else [0, 1, 2, 3]      # where the axes n, c, h, w are
    for place, node in enumerate(chain):
        if node.op_type in BY_PIXEL:
            points.append(node)
            axes.append(order[1] if place >= start and order else -1)
        elif place < start:
            dropped.append(node)
        else:
            kept.append(node)
            perm = list(graph.attribute(node, "perm", [3, 2, 1, 0])) if node.op_type == "Transpose" else [0, 1, 2, 3]
            order = [perm.index(axis) for axis in order] if node.op_type in TURNS and len(perm) == 4 else []
    kind = graph.model.get_tensor_datatype(graph.input)
    return Way(
        input=graph.input, end=chain[-1].output[0] if chain else graph.input, shape=shape, channels_last=last, points=tuple(points),
        axes=tuple(axes), kept=tuple(kept), dropped=tuple(dropped), annotated=kind is not None and kind.name == "UINT8",
    )


def _by_pixel(graph: Graph, node: Any, tensor: str) -> bool:
    """Whether ``node`` does something to each value of ``tensor``, with constants."""
    others = [item for item in node.input if item != tensor]
    return node.op_type in BY_PIXEL and len(others) == len(node.input) - 1 and all(graph.constant(item) is not None for item in others)


def _images(graph: Graph, chain: Sequence[Any]) -> tuple[tuple[int, ...], int]:
    """The shape of images, and how many nodes of ``chain`` come before they have it."""
    shape = graph.shape(graph.input)
    if len(shape) == 4 and shape[0] == 1:
        return shape, 0
    for place, node in enumerate(chain):
        if node.op_type in SHAPES and len(found := graph.shape(node.output[0])) == 4 and found[0] == 1:
            return found, place + 1
    told = ", ".join(map(str, shape))
    raise CompileError(f"input {graph.input} must be [1, channels, height, width], or be reshaped to that first, not [{told}]; 1-D "
                       "networks run as time x 1")


def worth(graph: Graph, way: Way) -> tuple[float, tuple[str, ...]]:
    """What a pixel is worth where it enters, as its first node tells, and a note where that had to be guessed."""
    if way.annotated:
        return 1.0, ()
    if not way.points:
        return SCALES[0], ("no quantiser stands behind the images: they are taken as pixel / 256, and 8 bits each",)
    node = way.points[0]
    if node.op_type == "Quant":
        found = graph.quantiser(node)
        scale = float(found.scale.ravel()[0])
        near = min(abs(scale / item - 1) for item in SCALES) <= NEAR and not found.signed and found.bits == 8
        return (scale, ()) if near else (SCALES[0], (f"{called(node)} is given pixel / 256",))
    constants = [item for item in map(graph.constant, node.input) if item is not None]
    largest = max(float(abs(item).max()) for item in constants)
    # Images of 0 to 1 are not divided by as much, nor is so much taken from them.
    raw = {"Div": largest >= 100, "Mul": largest <= 0.01}.get(node.op_type, largest > 8)
    told = "the pixels themselves, 0 to 255" if raw else "pixel / 256 (with a Div by 255 in front, they would be the pixels themselves)"
    return (1.0 if raw else SCALES[0]), (f"{called(node)} is given {told}",)
