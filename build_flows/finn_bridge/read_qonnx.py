"""A user's multi-output QONNX read into stages, heads and integer layers.

Stage k ends at the tensor from which the path to output k leaves the trunk. The last stage ends before the first linear layer or global
pool of what is left.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.artefacts.own_layers import OwnLayer, OwnNetwork
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.load_qonnx import load_qonnx
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_layers import average, conv, linear, max_pool
from build_flows.finn_bridge.qonnx_sum import Sum, Value, act, add_affine, add_pool, add_relu, as_logits
from build_flows.finn_bridge.qonnx_words import unknown

__all__ = ["read_qonnx"]

NCHW, NHWC = (0, 1, 2, 3), (0, 2, 3, 1)
ORDER = "outputs must be in the order in which they leave the trunk, the last one behind all others"
WORDS = {"conv": "conv", "linear": "fc", "maxpool": "pool", "global_sum": "gap"}


def read_qonnx(path: Path) -> OwnNetwork:
    """Read the QONNX at ``path``; raises :class:`CompileError` naming the node that is not supported, and what is allowed."""
    graph, ends, images = load_qonnx(path)
    assert images is not None
    notes = (*ends.notes, *images.notes)
    return replace(_Reader(graph).network(), fed=images.fed, notes=notes, places=ends.places, cut=ends.cut)


class _Reader:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def network(self) -> OwnNetwork:
        graph, value = self.graph, self.entry()
        image = value
        value = self.input_quantiser(value)
        count = len(graph.outputs)
        stages: list[tuple[OwnLayer, ...]] = []
        heads: list[tuple[OwnLayer, ...]] = []
        readers = self.forward(value)
        for k in range(count):
            layers, value, end = self.chain(value, readers)
            if k == count - 1:
                if not isinstance(end, int):
                    raise CompileError(f"{value.tensor} goes {len(end)} ways, but all exits but one have left before it")
                stage, head = _split(layers)
            else:
                if isinstance(end, int):
                    raise CompileError(f"output {graph.outputs[end]} ends the trunk, but is not the last output")
                ahead, onward = self.branches(value, end, k)
                stage = layers
                head, _, end = self.chain(value, [ahead])
                if end != k:
                    raise CompileError(f"{called(ahead)} must lead to output {graph.outputs[k]} only; paths may not fork inside a head")
                readers = [onward]
            if not stage:
                self.no_stage(k)
            stages.append(stage)
            heads.append(head)
        sizes = [head[-1].out_shape[2] for head in heads]
        if len(set(sizes)) != 1:
            raise CompileError(f"every output must have as many classes, not {', '.join(map(str, sizes))}")
        return OwnNetwork(
            shape=image.shape, scale=self.scale, channels_last=image.order == NHWC, classes=sizes[0],
            stages=tuple(_named(f"stage{k}", chain) for k, chain in enumerate(stages)),
            heads=tuple(_named(f"head{k}", chain) for k, chain in enumerate(heads)),
        )

    def no_stage(self, k: int) -> None:
        """Tell why nothing lies between exit ``k`` and the one before."""
        name = self.graph.outputs[k]
        if k == 0:
            raise CompileError(f"output {name} leaves the trunk at the images; allowed: one layer at least before the first exit")
        before = self.graph.outputs[k - 1]
        raise CompileError(f"output {name} leaves the trunk where output {before} does; allowed: one layer at least between two exits")

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

    def branches(self, value: Value, readers: list[Any], k: int) -> tuple[Any, Any]:
        """The nodes at which head ``k`` and the trunk go on from a fork."""
        graph, names = self.graph, self.graph.outputs
        sets = [graph.exits(node) for node in readers]
        if len(frozenset[int]().union(*sets)) != sum(map(len, sets)):
            joined = next(index for index in range(len(names)) if sum(index in item for item in sets) > 1)
            raise CompileError(
                f"paths from {value.tensor} join again before output {names[joined]} (a residual connection?); allowed: forks to exits only"
            )
        if len(readers) != 2:
            ways = f"{len(readers)} ways ({', '.join(called(node) for node in readers)})"
            raise CompileError(f"{value.tensor} goes {ways}; allowed: 2, a head and the trunk, and one layer at least between two exits")
        ahead = [node for node, behind in zip(readers, sets, strict=True) if behind == {k}]
        if not ahead:
            first = min(sets, key=len)
            raise CompileError(
                f"at {value.tensor} output {names[min(first)]} leaves the trunk, where output {names[k]} should; {ORDER}"
            )
        head = ahead[0]
        return head, next(node for node in readers if node is not head)

    def chain(self, value: Value, readers: list[Any]) -> tuple[tuple[OwnLayer, ...], Value, list[Any] | int]:
        """Layers from ``value`` on through ``readers``, up to a fork (then its readers) or an output (then its index)."""
        layers: list[OwnLayer] = []
        total: Sum | None = None
        while True:
            if value.tensor in self.graph.outputs:
                index = self.graph.outputs.index(value.tensor)
                if readers:
                    raise CompileError(f"output {value.tensor} also goes into {called(readers[0])}; logits must not be used further")
                layers.append(as_logits(total, value))
                return tuple(layers), value, index
            if len(readers) != 1:
                if total is not None:
                    raise CompileError(f"{value.tensor} goes {len(readers)} ways, but is not quantised; allowed: forks behind a Quant node")
                return tuple(layers), value, readers
            node = readers[0]
            value, total = self.step(node, value, total, layers)
            readers = self.forward(value)

    def step(self, node: Any, value: Value, total: Sum | None, layers: list[OwnLayer]) -> tuple[Value, Sum | None]:
        """Past one ``node``; finished layers are added to ``layers``."""
        after = replace(value, tensor=node.output[0])
        match node.op_type:
            case "Identity" | "Dropout" | "Transpose":
                return self.pass_by(node, value), total
            case "Flatten" | "Reshape" | "Squeeze":
                return self.flattened(node, value, total), total
            case "Conv" | "Gemm" | "MatMul":
                _no_sum(node, total)
                total = (conv if node.op_type == "Conv" else linear)(self.graph, node, value)
                return replace(after, shape=total.shape, bits=0), total
            case "GlobalAveragePool" | "AveragePool" | "ReduceMean":
                _no_sum(node, total)
                total = average(self.graph, node, value)
                return replace(after, shape=total.shape, bits=0, flat=len(self.graph.shape(node.output[0])) == 2), total
            case "BatchNormalization" | "Add" | "Sub" | "Mul" | "Div":
                add_affine(self.graph, node, value, total)
                return after, total
            case "Relu":
                add_relu(node, value, total)
                return after, total
            case "MaxPool":
                pool = max_pool(self.graph, node, value)
                if total is None:
                    layers.append(pool)
                else:
                    add_pool(pool, total)
                return replace(after, shape=pool.out_shape), total
            case "Quant":
                return self.quantised(node, value, total, layers), None
            case _:
                raise unknown(node)

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
        if shape != (1, size):
            raise CompileError(f"{called(node)}: must make one vector of {size} values, not shape {list(shape)}")
        if total is not None and value.shape[:2] != (1, 1):
            raise CompileError(f"{called(node)}: a feature map must be quantised before it is flattened")
        return replace(value, tensor=node.output[0], flat=True)

    def quantised(self, node: Any, value: Value, total: Sum | None, layers: list[OwnLayer]) -> Value:
        found, where = self.graph.quantiser(node), called(node)
        if found.scale.size != 1:
            raise CompileError(f"{where}: an activation must have one scale, not {found.scale.size} (scaling_per_output_channel=False)")
        scale = float(found.scale.ravel()[0])
        if total is None:
            low, high = value.limits
            if np.float32(scale) != np.float32(value.scale) or found.low > low or found.high < high:
                raise CompileError(f"{where} quantises again what is quantised, to other integers; allowed: the same scale and range")
            return replace(value, tensor=node.output[0])
        if not 2 <= found.bits <= 8 or found.narrow:
            told = f"{found.bits} bits" + (" and narrow" if found.narrow else "")
            raise CompileError(f"{where}: an activation must have 2 to 8 bits, not narrow, not {told}")
        if found.signed and total.relu:
            raise CompileError(f"{where}: a quantiser behind a Relu must be unsigned, or half its integers are never used")
        layers += act(total, scale, found.bits, found.signed)
        return replace(value, tensor=node.output[0], bits=found.bits, signed=found.signed, scale=scale)


def _no_sum(node: Any, total: Sum | None) -> None:
    if total is not None:
        raise CompileError(f"{called(node)} follows {total.node} without a quantiser between them; allowed: a Quant node of 2 to 8 bits")


def _split(layers: tuple[OwnLayer, ...]) -> tuple[tuple[OwnLayer, ...], tuple[OwnLayer, ...]]:
    """The last stage and the last head: the head begins at the first linear layer or global pool, but a stage has a layer."""
    at = next(index for index, layer in enumerate(layers) if layer.kind in ("linear", "global_sum"))
    at = at or min(1, len(layers) - 1)
    return layers[:at], layers[at:]


def _named(prefix: str, layers: tuple[OwnLayer, ...]) -> tuple[OwnLayer, ...]:
    counts: dict[str, int] = {}
    found = []
    for layer in layers:
        word = WORDS[layer.kind]
        found.append(replace(layer, name=f"{prefix}_{word}{counts.get(word, 0)}"))
        counts[word] = counts.get(word, 0) + 1
    return tuple(found)
