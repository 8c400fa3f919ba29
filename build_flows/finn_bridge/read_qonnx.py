"""A user's multi-output QONNX read into integer layers, and these into stages and heads (:mod:`build_flows.finn_bridge.qonnx_parts`)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.artefacts.own_layers import OwnLayer, OwnNetwork
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.qonnx_acts import quantised
from build_flows.finn_bridge.qonnx_bits import as_bits
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_joins import joined, side_by_side
from build_flows.finn_bridge.qonnx_layers import conv, linear, max_pool
from build_flows.finn_bridge.qonnx_means import average, behind, whole
from build_flows.finn_bridge.qonnx_parts import Read, parts
from build_flows.finn_bridge.qonnx_resizes import upsampling
from build_flows.finn_bridge.qonnx_sum import (
    NO_MARGIN,
    Sum,
    Value,
    add_affine,
    add_clip,
    add_pool,
    as_logits,
    clips,
    retaken,
    rounded_bias,
)
from build_flows.finn_bridge.qonnx_windows import pad
from build_flows.finn_bridge.qonnx_words import unknown

__all__ = ["read_qonnx"]

NCHW, NHWC = (0, 1, 2, 3), (0, 2, 3, 1)


def read_qonnx(path: Path, *, bits: bool = True, exchangeable: bool = False, keep: Sequence[int] | None = None) -> OwnNetwork:
    """Read the QONNX at ``path``, with ``bits`` activations of -1 and 1 as one bit where that is exact, of ``exchangeable`` heads whatever
    their weights are. ``keep``: only the exits of these numbers, rising, and what leads to them, as if there were no others (None: all).
    Raises :class:`CompileError` naming the node that is not supported, and what is allowed."""
    graph, ends, images = load_qonnx(path, keep=keep)
    assert images is not None
    network = _Reader(graph).network()
    rounded = tuple(f"exit {k}: {bias}" for k, head in enumerate(network.heads) if (bias := rounded_bias(head[-1])))
    notes = (*ends.notes, *images.notes, *rounded)
    network = as_bits(network, exchangeable=exchangeable) if bits else network
    return replace(network, fed=images.fed, notes=notes, places=ends.places, cut=ends.cut)


class _Reader:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.reads: list[Read] = []
        self.states: dict[str, tuple[Value, Sum | None]] = {}

    def network(self) -> OwnNetwork:
        graph, image = self.graph, self.entry()
        first = self.input_quantiser(image)
        self.states[first.tensor] = first, None
        for node in graph.model.graph.node:
            given = [tensor for tensor in node.input if tensor in self.states]
            if given and graph.exits(node):
                self.follow(node, given)
        for name in graph.outputs:
            self.logits(name)
        found = parts(self.reads, graph.outputs, first.tensor)
        sizes = [head[-1].out_shape[2] for head in found.heads]
        if len(set(sizes)) != 1:
            raise CompileError(f"every output must have as many classes, not {', '.join(map(str, sizes))}")
        return OwnNetwork(
            shape=image.shape, scale=self.scale, channels_last=image.order == NHWC, classes=sizes[0], stages=found.stages,
            heads=found.heads, cuts=found.cuts,
        )

    def follow(self, node: Any, given: list[str]) -> None:
        """Past one ``node``, which reads the tensors ``given``."""
        for tensor in given:
            value, total = self.states[tensor]
            if tensor in self.graph.outputs:
                raise CompileError(f"output {tensor} also goes into {called(node)}; logits must not be used further")
            if total is not None and len(readers := self.forward(value)) > 1:
                raise CompileError(f"{tensor} goes {len(readers)} ways, but is not quantised; allowed: forks behind a Quant node")
        if node.op_type == "Concat":
            values = [self.states[tensor] for tensor in given]
            layer = side_by_side(self.graph, node, values)
            made = self.keep([layer], tuple(value.made for value, _ in values), node)
            self.states[node.output[0]] = replace(values[0][0], tensor=node.output[0], shape=layer.out_shape, made=made), None
            return
        if len(given) > 1:
            found = joined(node, [self.states[tensor] for tensor in given])
            self.states[node.output[0]] = replace(found.source, tensor=node.output[0], shape=found.shape, bits=0), found
            return
        self.states[node.output[0]] = self.step(node, *self.states[given[0]])

    def logits(self, name: str) -> None:
        """The last layer of the exit whose output is called ``name``."""
        if name not in self.states:
            raise CompileError(f"output {name} does not depend on the images")
        value, total = self.states[name]
        layer = as_logits(total, value)
        assert total is not None
        self.reads.append(Read(layer=layer, reads=(total.source.made,), exits=frozenset({self.graph.outputs.index(name)}), tensor=name))

    def keep(self, layers: list[OwnLayer], reads: tuple[int, ...], node: Any) -> int:
        """Keep the ``layers`` that ``node`` finishes, one behind the other, of which the first ``reads`` those at these places; the place
        of the last."""
        for layer in layers:
            self.reads.append(Read(layer=layer, reads=reads, exits=self.graph.exits(node), tensor=node.output[0]))
            reads = (len(self.reads) - 1,)
        return reads[0]

    def entry(self) -> Value:
        """The image as it enters, and which way round its axes are."""
        name = self.graph.input
        shape = self.graph.shape(name)
        if len(shape) != 4 or shape[0] != 1:
            told = ", ".join(map(str, shape))
            raise CompileError(f"input {name} must be [1, channels, height, width], not [{told}]; 1-D networks run as time x 1")
        order, tensor = NCHW, name
        while len(readers := self.graph.readers(tensor)) == 1 and readers[0].op_type in ("Quant", "Identity", "Transpose"):
            if readers[0].op_type == "Transpose":
                order = NHWC if list(self.graph.attribute(readers[0], "perm", [])) == [0, 3, 1, 2] else NCHW
                break
            tensor = readers[0].output[0]
        sizes = dict(zip(order, shape, strict=True))
        return Value(tensor=name, shape=(sizes[2], sizes[3], sizes[1]), order=order)

    def input_quantiser(self, value: Value) -> Value:
        """Past the quantiser that the images go through, whose integers are the pixels (``qonnx_images`` sees to that)."""
        annotated = self.graph.model.get_tensor_datatype(value.tensor)
        if annotated is not None and annotated.name == "UINT8":
            self.scale = 1.0
            return replace(value, bits=8, scale=1.0)
        while True:
            readers = self.forward(value)
            if len(readers) != 1:
                raise CompileError(f"input {self.graph.input} must go into one quantiser, not into {len(readers)} nodes")
            node = readers[0]
            if node.op_type == "Quant":
                break
            if node.op_type not in ("Transpose", "Identity", "Dropout"):
                raise CompileError(f"input {self.graph.input} must go into a Quant node, not into {called(node)}")
            value = self.pass_by(node, value)
        found = self.graph.quantiser(node)
        scale = float(found.scale.ravel()[0])
        self.scale = scale
        return replace(value, tensor=node.output[0], bits=8, scale=scale)

    def forward(self, value: Value) -> list[Any]:
        return self.graph.readers(value.tensor)

    def step(self, node: Any, value: Value, total: Sum | None) -> tuple[Value, Sum | None]:
        """Past one ``node`` that reads one tensor; finished layers are kept."""
        after = replace(value, tensor=node.output[0], margin=NO_MARGIN)
        match node.op_type:
            case "Identity" | "Dropout" | "Transpose":
                return self.pass_by(node, value), total
            case "Flatten" | "Reshape" | "Squeeze":
                return self.flattened(node, value, total), total
            case "Pad":
                return pad(self.graph, node, value, total), total
            case "Conv" | "Gemm" | "MatMul":
                reader = conv if node.op_type == "Conv" else linear
                total = reader(self.graph, node, value) if total is None else behind(self.graph, node, value, total)
                return replace(after, shape=total.shape, bits=0), total
            case "GlobalAveragePool" | "AveragePool" | "ReduceMean":
                _no_sum(node, total)
                total = average(self.graph, node, value)
                after = replace(after, shape=total.shape, bits=0, flat=len(self.graph.shape(node.output[0])) == 2)
                if sums := whole(self.graph, node, total):
                    made = self.keep([sums], (value.made,), node)
                    return replace(after, bits=sums.act_bits, signed=sums.act_signed, scale=sums.scale, made=made), None
                return after, total
            case "BatchNormalization" | "Add" | "Sub" | "Mul" | "Div":
                total = self.again(value, total)
                add_affine(self.graph, node, value, total)
                return after, total
            case "Relu" | "Clip":
                total = self.again(value, total) if total is None and clips(self.graph, node, value) else total
                add_clip(self.graph, node, value, total)
                return after, total
            case "MaxPool" | "Resize" | "Upsample":
                pool = (max_pool if node.op_type == "MaxPool" else upsampling)(self.graph, node, value)
                if total is None:
                    made = self.keep(pool.layers(value.bits, value.signed, value.scale), (value.made,), node)
                    return replace(after, shape=pool.out_shape, made=made), None
                add_pool(pool, total)
                return replace(after, shape=pool.out_shape), total
            case "Quant" | "BipolarQuant":
                finished, after = quantised(self.graph, node, value, total)
                if not finished:
                    return after, None
                sources = (value,) if total is None else total.sources
                return replace(after, made=self.keep(finished, tuple(source.made for source in sources), node)), None
            case _:
                raise unknown(node)

    def again(self, value: Value, total: Sum | None) -> Sum | None:
        """Sums to go on with: those of a layer, or, of what is quantised already but for the images, its integers."""
        return retaken(value) if total is None and value.made >= 0 else total

    def pass_by(self, node: Any, value: Value) -> Value:
        order = value.order
        if node.op_type == "Transpose":
            perm = list(self.graph.attribute(node, "perm", [3, 2, 1, 0]))
            if value.flat or len(perm) != 4 or perm[0] != 0:
                raise CompileError(f"{called(node)}: must turn a feature map and keep its batch axis, not perm={perm}")
            order = tuple(order[axis] for axis in perm)
        return replace(value, tensor=node.output[0], order=order)

    def flattened(self, node: Any, value: Value, total: Sum | None) -> Value:
        shape = self.graph.shape(node.output[0])
        size = int(np.prod(value.shape))
        # Axes of a map of one pixel may be taken off one by one.
        if shape != (1, size) and not (value.shape[:2] == (1, 1) and shape == (1, size, 1)):
            raise CompileError(f"{called(node)}: must make one vector of {size} values (or be a channel shuffle before convolutions), "
                               f"not {list(shape)}")
        if total is not None and not total.mean and value.shape[:2] != (1, 1):
            raise CompileError(f"{called(node)}: a feature map must be quantised before it is flattened")
        return replace(value, tensor=node.output[0], flat=len(shape) == 2)


def _no_sum(node: Any, total: Sum | None) -> None:
    if total is not None:
        raise CompileError(f"{called(node)} follows {total.node} without a quantiser between them; allowed: a Quant node of 1 to 8 bits")
