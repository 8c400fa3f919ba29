"""A user's multi-output QONNX read into stages, heads and integer layers.

Stage k ends at the tensor from which the path to output k leaves the trunk. The last stage ends before the first linear layer or global
pool of what is left.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnLayer, OwnNetwork
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called, load_qonnx

__all__ = ["SCALES", "read_qonnx"]

FloatArray = npt.NDArray[np.float64]

SCALES = (1 / 256, 1 / 255)
"""What a pixel may be worth by the input's quantiser: its integers must be the pixels themselves."""

NCHW, NHWC = (0, 1, 2, 3), (0, 2, 3, 1)
NEAR = 1e-6
BIAS_NEAR = 0.02
ALLOWED = (
    "Conv, Gemm, MatMul, BatchNormalization, Add, Sub, Mul, Div (of constants), Relu, Quant, MaxPool, GlobalAveragePool, "
    "AveragePool and ReduceMean (over the whole map), Flatten, Reshape and Squeeze (to a vector), Transpose, Identity, Dropout"
)
WORDS = {"conv": "conv", "linear": "fc", "maxpool": "pool", "global_sum": "gap"}


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A tensor on the way: images or feature maps of ``shape`` (height, width, channels), its axes in ``order`` (of n, c, h, w), ``flat``
    when they are one; integers of ``bits`` in units of ``scale`` (bits 0: not quantised)."""

    tensor: str
    shape: tuple[int, int, int]
    order: tuple[int, ...] = NCHW
    flat: bool = False
    bits: int = 0
    signed: bool = False
    scale: float = 0.0


@dataclass(kw_only=True)
class _Sum:
    """Accumulators whose quantiser is still to come: an accumulator unit is worth ``slope`` over ``offset``, by channel."""

    kind: str
    node: str
    source: _Value
    shape: tuple[int, int, int]
    slope: FloatArray
    offset: FloatArray
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    weight: npt.NDArray[np.int64] | None = None
    weight_bits: int = 0
    weight_scale: FloatArray | None = None
    relu: bool = False
    pools: list[OwnLayer] = field(default_factory=list)


def read_qonnx(path: Path) -> OwnNetwork:
    """Read the QONNX at ``path``; raises :class:`CompileError` naming the node that is not supported, and what is allowed."""
    return _Reader(load_qonnx(path)).network()


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
                what = "the images" if k == 0 else f"where output {graph.outputs[k - 1]} does"
                raise CompileError(f"output {graph.outputs[k]} leaves the trunk at {what}; allowed: one layer at least between two exits")
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

    def entry(self) -> _Value:
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
        return _Value(tensor=name, shape=(sizes[2], sizes[3], sizes[1]), order=order)

    def input_quantiser(self, value: _Value) -> _Value:
        """Past the quantiser that the images go through."""
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
        if found.scale.size != 1 or found.signed or found.bits != 8 or min(abs(scale / item - 1) for item in SCALES) > NEAR:
            kind = "signed" if found.signed else "unsigned"
            raise CompileError(
                f"{called(node)}: the input's quantiser must be unsigned, of 8 bits and scale 1/256 (images are pixel / 256) or 1/255, so "
                f"that its integers are the pixels, not {kind}, of {found.bits} bits and scale {scale:g}"
            )
        self.scale = scale
        return replace(value, tensor=node.output[0], bits=8, scale=scale)

    def forward(self, value: _Value) -> list[Any]:
        return self.graph.readers(value.tensor)

    def branches(self, value: _Value, readers: list[Any], k: int) -> tuple[Any, Any]:
        """The nodes at which head ``k`` and the trunk go on from a fork."""
        graph, names = self.graph, self.graph.outputs
        sets = [graph.exits(node) for node in readers]
        if len(frozenset[int]().union(*sets)) != sum(map(len, sets)):
            joined = next(index for index in range(len(names)) if sum(index in item for item in sets) > 1)
            raise CompileError(
                f"paths from {value.tensor} join again before output {names[joined]} (a residual connection?); allowed: forks to exits only"
            )
        if len(readers) != 2:
            raise CompileError(f"{value.tensor} goes {len(readers)} ways; allowed: 2, a head and the trunk")
        ahead = [node for node, behind in zip(readers, sets, strict=True) if behind == {k}]
        if not ahead:
            first = min(sets, key=len)
            raise CompileError(
                f"at {value.tensor} output {names[min(first)]} leaves the trunk, where output {names[k]} should; outputs must be in the "
                "order "
                "in which they leave it, the last one behind all others"
            )
        head = ahead[0]
        return head, next(node for node in readers if node is not head)

    def chain(self, value: _Value, readers: list[Any]) -> tuple[tuple[OwnLayer, ...], _Value, list[Any] | int]:
        """Layers from ``value`` on through ``readers``, up to a fork (then its readers) or an output (then its index)."""
        layers: list[OwnLayer] = []
        total: _Sum | None = None
        while True:
            if value.tensor in self.graph.outputs:
                index = self.graph.outputs.index(value.tensor)
                if readers:
                    raise CompileError(f"output {value.tensor} also goes into {called(readers[0])}; logits must not be used further")
                layers.append(self.logits(total, value))
                return tuple(layers), value, index
            if len(readers) != 1:
                if total is not None:
                    raise CompileError(f"{value.tensor} goes {len(readers)} ways, but is not quantised; allowed: forks behind a Quant node")
                return tuple(layers), value, readers
            node = readers[0]
            value, total = self.step(node, value, total, layers)
            readers = self.forward(value)

    def step(self, node: Any, value: _Value, total: _Sum | None, layers: list[OwnLayer]) -> tuple[_Value, _Sum | None]:
        """Past one ``node``; finished layers are added to ``layers``."""
        after = replace(value, tensor=node.output[0])
        match node.op_type:
            case "Identity" | "Dropout" | "Transpose":
                return self.pass_by(node, value), total
            case "Flatten" | "Reshape" | "Squeeze":
                return self.flattened(node, value, total), total
            case "Conv" | "Gemm" | "MatMul":
                _no_sum(node, total)
                total = self.conv(node, value) if node.op_type == "Conv" else self.linear(node, value)
                return replace(after, shape=total.shape, bits=0), total
            case "GlobalAveragePool" | "AveragePool" | "ReduceMean":
                _no_sum(node, total)
                total = self.average(node, value)
                return replace(after, shape=total.shape, bits=0, flat=len(self.graph.shape(node.output[0])) == 2), total
            case "BatchNormalization" | "Add" | "Sub" | "Mul" | "Div":
                self.affine(node, value, total)
                return after, total
            case "Relu":
                if total is None and value.signed:
                    raise CompileError(f"{called(node)} must stand between a layer and its quantiser")
                if total is not None:
                    total.relu = True
                return after, total
            case "MaxPool":
                pool = self.max_pool(node, value)
                if total is None:
                    layers.append(pool)
                elif (total.slope > 0).all():
                    # A rising activation may as well come first.
                    total.pools.append(pool)
                else:
                    raise CompileError(f"{called(node)} stands before the quantiser of {total.node}, whose channels have partly a negative "
                                       "scale (batch norm); allowed: the pool behind the quantiser")
                return replace(after, shape=pool.out_shape), total
            case "Quant":
                return self.quantised(node, value, total, layers), None
            case _:
                raise CompileError(f"{called(node)} has no hardware layer; allowed: {ALLOWED}")

    def pass_by(self, node: Any, value: _Value) -> _Value:
        order = value.order
        if node.op_type == "Transpose":
            perm = list(self.graph.attribute(node, "perm", [3, 2, 1, 0]))
            if value.flat or len(perm) != 4 or perm[0] != 0:
                raise CompileError(f"{called(node)}: must turn a feature map and keep its batch axis, not perm={perm}")
            order = tuple(order[axis] for axis in perm)
        return replace(value, tensor=node.output[0], order=order)

    def flattened(self, node: Any, value: _Value, total: _Sum | None) -> _Value:
        shape = self.graph.shape(node.output[0])
        size = int(np.prod(value.shape))
        if shape != (1, size):
            raise CompileError(f"{called(node)}: must make one vector of {size} values, not shape {list(shape)}")
        if total is not None and value.shape[:2] != (1, 1):
            raise CompileError(f"{called(node)}: a feature map must be quantised before it is flattened")
        return replace(value, tensor=node.output[0], flat=True)

    def conv(self, node: Any, value: _Value) -> _Sum:
        get, where = self.graph.attribute, called(node)
        if value.flat or value.order != NCHW:
            raise CompileError(f"{where}: its input must be [1, channels, height, width]")
        weight, scale, quantiser = self.graph.weight(node.input[1], node)
        if weight.ndim != 4:
            raise CompileError(f"{where}: must be a 2-D convolution, not one with {weight.ndim - 2} dimensions")
        group, dilations = get(node, "group", 1), list(get(node, "dilations", [1, 1]))
        if group != 1:
            raise CompileError(f"{where}: grouped and depthwise convolutions have no hardware layer; group must be 1, not {group}")
        if dilations != [1, 1]:
            raise CompileError(f"{where}: dilations must be 1, not {dilations}")
        pads = list(get(node, "pads", [0, 0, 0, 0]))
        if get(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID") or pads[:2] != pads[2:]:
            raise CompileError(f"{where}: pads must be given and the same on two sides, not {pads}")
        kernel, stride, pad = weight.shape[2:], tuple(get(node, "strides", [1, 1])), (pads[0], pads[1])
        found = self.products(node, value, weight, scale)
        rows, columns = ((size + 2 * p - k) // s + 1 for size, p, k, s in zip(value.shape[:2], pad, kernel, stride, strict=True))
        self.check_shape(node, (1, len(weight), rows, columns))
        return replace(
            found, kind="conv", shape=(rows, columns, len(weight)), kernel=(int(kernel[0]), int(kernel[1])), pad=pad,
            stride=(stride[0], stride[1]), weight=weight.transpose(0, 2, 3, 1), weight_bits=quantiser.bits,
        )

    def linear(self, node: Any, value: _Value) -> _Sum:
        get, where = self.graph.attribute, called(node)
        if not value.flat:
            raise CompileError(f"{where}: its input must be flattened first")
        weight, scale, quantiser = self.graph.weight(node.input[1], node)
        if node.op_type == "Gemm":
            settings = {name: get(node, name, default) for name, default in (("alpha", 1.0), ("beta", 1.0), ("transA", 0))}
            if settings != {"alpha": 1.0, "beta": 1.0, "transA": 0}:
                raise CompileError(f"{where}: alpha and beta must be 1 and transA 0, not {settings}")
        if not (node.op_type == "Gemm" and get(node, "transB", 0)):
            weight, scale = weight.T, scale.T
        found = self.products(node, value, weight, scale)
        height, width, channels = value.shape
        sizes = {1: channels, 2: height, 3: width}
        axes = [axis for axis in value.order if axis]
        # From the order in which the graph flattens to that in which the hardware streams.
        maps = weight.reshape(-1, *(sizes[axis] for axis in axes))
        weight = maps.transpose(0, *(1 + axes.index(axis) for axis in (2, 3, 1))).reshape(len(weight), -1)
        return replace(found, kind="linear", shape=(1, 1, len(weight)), weight=weight, weight_bits=quantiser.bits)

    def products(self, node: Any, value: _Value, weight: npt.NDArray[np.int64], scale: FloatArray) -> _Sum:
        """A layer with weights ``[out, ...]``, whose scales (of the same shape) must be one an output, with its bias."""
        if not value.bits:
            raise CompileError(f"{called(node)}: its input must be quantised")
        by_output = scale.reshape(len(scale), -1)
        if np.any(by_output != by_output[:, :1]):
            raise CompileError(f"{called(node)}: its weights must have one scale, or one for each output")
        weight_scale = by_output[:, 0].copy()
        slope = value.scale * weight_scale
        offset = np.zeros_like(slope)
        if len(node.input) > 2 and node.input[2]:
            bias = self.graph.constant(node.input[2])
            if bias is None:
                raise CompileError(f"{called(node)}: its bias must be a constant")
            offset = offset + bias.ravel()
        return _Sum(kind="", node=called(node), source=value, shape=value.shape, slope=slope, offset=offset, weight_scale=weight_scale)

    def average(self, node: Any, value: _Value) -> _Sum:
        where, (height, width, channels) = called(node), value.shape
        if value.flat or not value.bits or value.order != NCHW:
            raise CompileError(f"{where}: must average a quantised feature map [1, channels, height, width]")
        after = self.graph.shape(node.output[0])
        whole = {(1, channels, 1, 1), (1, channels)} if node.op_type == "ReduceMean" else {(1, channels, 1, 1)}
        pads = any(self.graph.attribute(node, "pads", [0]))
        kernel = list(self.graph.attribute(node, "kernel_shape", [height, width])) if node.op_type == "AveragePool" else [height, width]
        if after not in whole or pads or kernel != [height, width]:
            raise CompileError(f"{where}: must average the whole map of {height}x{width}, not shape {list(after)} of kernel {kernel}")
        slope = np.full(channels, value.scale / (height * width))
        return _Sum(kind="global_sum", node=where, source=value, shape=(1, 1, channels), slope=slope, offset=np.zeros(channels))

    def max_pool(self, node: Any, value: _Value) -> OwnLayer:
        get, where = self.graph.attribute, called(node)
        if value.flat or value.order != NCHW:
            raise CompileError(f"{where}: its input must be [1, channels, height, width]")
        kernel, stride = tuple(get(node, "kernel_shape", [])), tuple(get(node, "strides", [1, 1]))
        if len(kernel) != 2 or any(get(node, "pads", [0])) or set(get(node, "dilations", [1])) != {1}:
            raise CompileError(f"{where}: must be a 2-D pool without padding and dilation")
        rows, columns = ((size - k) // s + 1 for size, k, s in zip(value.shape[:2], kernel, stride, strict=True))
        self.check_shape(node, (1, value.shape[2], rows, columns))
        return OwnLayer(
            name="", kind="maxpool", node=where, in_shape=value.shape, out_shape=(rows, columns, value.shape[2]), in_bits=value.bits,
            in_signed=value.signed, in_scale=value.scale, kernel=(kernel[0], kernel[1]), stride=(stride[0], stride[1]),
        )

    def check_shape(self, node: Any, wanted: tuple[int, ...]) -> None:
        found = self.graph.shape(node.output[0])
        if found != wanted:
            raise CompileError(f"{called(node)}: its output must be {list(wanted)} (sizes are rounded down), not {list(found)}")

    def affine(self, node: Any, value: _Value, total: _Sum | None) -> None:
        """Batch norm, or a constant added or multiplied, into ``total``."""
        if total is None:
            raise CompileError(f"{called(node)} must stand between a layer and its quantiser; allowed there: {ALLOWED}")
        if total.relu:
            raise CompileError(f"{called(node)} stands behind the Relu of {total.node}; allowed: before it")
        if node.op_type == "BatchNormalization":
            constants = [self.graph.constant(tensor) for tensor in node.input[1:5]]
            if any(item is None for item in constants) or self.graph.attribute(node, "training_mode", 0):
                raise CompileError(f"{called(node)}: its parameters must be constants, those of evaluation mode")
            gamma, beta, mean, variance = (np.asarray(item) for item in constants)
            factor = gamma / np.sqrt(variance + float(self.graph.attribute(node, "epsilon", 1e-5)))
            total.slope, total.offset = total.slope * factor, (total.offset - mean) * factor + beta
            return
        constants = [self.graph.constant(tensor) for tensor in node.input]
        if all(item is None for item in constants):
            raise CompileError(f"{called(node)} joins two paths (a residual connection?); allowed: a constant as one of its inputs")
        place = 0 if constants[0] is not None else 1
        given = constants[place]
        assert given is not None
        constant = self.by_channel(node, given, value, len(total.slope))
        if place == 0 and node.op_type in ("Sub", "Div"):
            if node.op_type == "Div":
                raise CompileError(f"{called(node)}: a constant divided by a layer has no hardware layer; allowed: {ALLOWED}")
            total.slope, total.offset = -total.slope, constant - total.offset
        elif node.op_type in ("Add", "Sub"):
            total.offset = total.offset + (constant if node.op_type == "Add" else -constant)
        else:
            factor = constant if node.op_type == "Mul" else 1 / constant
            total.slope, total.offset = total.slope * factor, total.offset * factor

    def by_channel(self, node: Any, constant: FloatArray, value: _Value, channels: int) -> FloatArray:
        rank = 2 if value.flat else 4
        axis = 1 if value.flat else value.order.index(1)
        shape = (1,) * (rank - constant.ndim) + constant.shape
        if len(shape) != rank or any(size != 1 for place, size in enumerate(shape) if place != axis) or shape[axis] not in (1, channels):
            raise CompileError(f"{called(node)}: its constant must be one number, or one for each channel, not {list(constant.shape)}")
        return np.broadcast_to(constant.reshape(-1), (channels,)).copy()

    def quantised(self, node: Any, value: _Value, total: _Sum | None, layers: list[OwnLayer]) -> _Value:
        found, where = self.graph.quantiser(node), called(node)
        if found.scale.size != 1:
            raise CompileError(f"{where}: an activation must have one scale, not {found.scale.size}")
        scale = float(found.scale.ravel()[0])
        if total is None:
            low, high = (-(1 << (value.bits - 1)), (1 << (value.bits - 1)) - 1) if value.signed else (0, (1 << value.bits) - 1)
            if np.float32(scale) != np.float32(value.scale) or found.low > low or found.high < high:
                raise CompileError(f"{where} quantises again what is quantised, to other integers; allowed: the same scale and range")
            return replace(value, tensor=node.output[0])
        if not 2 <= found.bits <= 8 or found.narrow:
            told = f"{found.bits} bits" + (" and narrow" if found.narrow else "")
            raise CompileError(f"{where}: an activation must have 2 to 8 bits, not narrow, not {told}")
        if found.signed and total.relu:
            raise CompileError(f"{where}: a quantiser behind a Relu must be unsigned, or half its integers are never used")
        layers.append(_finished(total, scale, found.bits, found.signed))
        layers += [replace(pool, in_bits=found.bits, in_signed=found.signed, in_scale=scale) for pool in total.pools]
        return replace(value, tensor=node.output[0], bits=found.bits, signed=found.signed, scale=scale)

    def logits(self, total: _Sum | None, value: _Value) -> OwnLayer:
        """The last layer of a head."""
        where = f"output {value.tensor}"
        if total is None or total.kind != "linear" or total.relu or total.pools:
            raise CompileError(f"{where} must come from a linear layer (Gemm or MatMul) with nothing but a bias behind it")
        slope = total.slope
        if np.any(abs(slope / slope[0] - 1) > NEAR):
            raise CompileError(f"{where}: the weights of {total.node}, the last layer of a head, must have one scale, not one an output")
        if slope[0] <= 0:
            raise CompileError(f"{where}: its scale must be above 0, not {slope[0]:g}")
        scale = float(np.float32(slope[0]))
        units = total.offset / slope[0]
        bias = np.rint(units).astype(np.int64)
        wrong = int(np.argmax(abs(units - bias)))
        if abs(units[wrong] - bias[wrong]) > BIAS_NEAR:
            raise CompileError(
                f"{where}: the bias of {total.node} must be whole numbers of {scale:g}, its accumulator's unit (a quantised bias, "
                f"bias_quant=Int16Bias), not {units[wrong]:.3f} of them in class {wrong}"
            )
        assert total.weight_scale is not None
        return replace(_layer(total), scale=scale, bias=bias)


def _no_sum(node: Any, total: _Sum | None) -> None:
    if total is not None:
        raise CompileError(f"{called(node)} follows {total.node} without a quantiser between them; allowed: a Quant node of 2 to 8 bits")


def _layer(total: _Sum) -> OwnLayer:
    source = total.source
    return OwnLayer(
        name="", kind=total.kind, node=total.node, in_shape=source.shape, out_shape=total.shape, in_bits=source.bits,
        in_signed=source.signed,
        in_scale=source.scale, kernel=total.kernel, pad=total.pad, stride=total.stride, weight=total.weight, weight_bits=total.weight_bits,
        weight_scale=total.weight_scale, slope=total.slope, offset=total.offset,
    )


def _finished(total: _Sum, scale: float, bits: int, signed: bool) -> OwnLayer:
    """The layer with its activation; where a batch norm's factor is negative the weights are turned round, so that thresholds rise."""
    slope, weight = total.slope, total.weight
    if np.any(slope == 0):
        raise CompileError(f"{total.node}: channel {int(np.argmax(slope == 0))} has the scale 0 (batch norm); allowed: any other")
    if np.any(slope < 0):
        if weight is None:
            raise CompileError(f"{total.node}: channel {int(np.argmax(slope < 0))} has a negative scale; allowed: one above 0")
        turn = np.where(slope < 0, -1, 1)
        weight = weight * turn.reshape(-1, *(1,) * (weight.ndim - 1))
        slope = abs(slope)
    return replace(_layer(total), slope=slope, weight=weight, scale=scale, act_bits=bits, act_signed=signed)


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
