"""Small QONNX files of random weights, written node by node: networks of two exits of whatever layers a test wants."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

__all__ = ["ASYMMETRIC", "Builder", "Op", "act", "affine", "avg", "clip", "conv", "fc", "flat", "local", "logits", "norm", "pad",
           "pool", "relu", "resize", "sign", "turn", "two", "void", "write"]

QONNX = "qonnx.custom_op.general"
CLASSES = 3
ASYMMETRIC = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
"""What torch writes of nearest upsampling."""


class Builder:
    """The graph so far: ``tensor`` of ``shape`` without its batch axis, about ``size`` large, quantised to ``scale`` where it is."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.tensor, self.shape = "image", (shape[2], shape[0], shape[1])
        self.size, self.scale = 0.6, 1 / 256

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def node(self, op: str, *more: str, first: str | None = None, domain: str = "", **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [first or self.tensor, *more], [name], name=f"my_{op}_{len(self.nodes)}", domain=domain,
                                           **attributes))
        if first is None:
            self.tensor = name
        return name

    def quant(self, scale: Any, bits: int, *, signed: bool, narrow: bool = False, first: str | None = None) -> str:
        constants = [self.constant(scale), self.constant(0), self.constant(bits)]
        return self.node("Quant", *constants, first=first, domain=QONNX, signed=int(signed), narrow=int(narrow), rounding_mode="ROUND")

    def weights(self, shape: Sequence[int], bits: int, scale: float) -> str:
        if bits == 1:
            return self.node("BipolarQuant", self.constant(scale), first=self.constant(self.rng.normal(0, 1, shape)), domain=QONNX)
        top = (1 << (bits - 1)) - 1
        whole = self.rng.integers(-top, top + 1, shape)
        return self.quant(scale, bits, signed=True, narrow=True, first=self.constant(whole * scale))


Op = Callable[[Builder], None]


def conv(out: int, kernel: tuple[int, int] = (3, 3), bits: int = 4, **attributes: Any) -> Op:
    """A convolution, padded to the same size unless ``attributes`` say otherwise."""

    def apply(b: Builder) -> None:
        weight = b.weights((out, b.shape[0] // attributes.get("group", 1), *kernel), bits, 1 / 8)
        given = attributes if "auto_pad" in attributes else {"pads": [kernel[0] // 2, kernel[1] // 2] * 2, **attributes}
        b.size *= float(np.sqrt(b.shape[0] * kernel[0] * kernel[1])) * 0.07 * (1 << (bits - 1))
        b.node("Conv", weight, kernel_shape=list(kernel), **given)
        b.shape = (out, 0, 0)

    return apply


def fc(out: int, bits: int = 4) -> Op:
    def apply(b: Builder) -> None:
        inputs = int(np.prod(b.shape))
        b.size *= float(np.sqrt(inputs)) * 0.07 * (1 << (bits - 1))
        b.node("MatMul", b.weights((inputs, out), bits, 1 / 8))
        b.shape = (out,)

    return apply


def logits(b: Builder) -> None:
    """The last layer of a head, with a bias in whole units."""
    unit = b.scale / 8
    fc(CLASSES)(b)
    b.node("Add", b.constant(b.rng.integers(-20, 21, (1, CLASSES)) * unit))


def act(bits: int = 4, *, signed: bool = False, relu: bool = True) -> Op:
    def apply(b: Builder) -> None:
        if relu and not signed:
            b.node("Relu")
        b.scale = float(np.float32(2 * b.size / (1 << (bits - signed))))
        b.quant(b.scale, bits, signed=signed)

    return apply


def sign(scale: float = 1.0) -> Op:
    """An activation of 1 bit."""

    def apply(b: Builder) -> None:
        b.node("BipolarQuant", b.constant(scale), domain=QONNX)
        b.size = b.scale = scale

    return apply


def clip(low: float, high: float) -> Op:
    """Values cut off at so much of their usual size."""
    return lambda b: void(b.node("Clip", b.constant(low * b.size), b.constant(high * b.size)))


def pool(kernel: int | tuple[int, int] = 2, stride: int | None = None, **attributes: Any) -> Op:
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    return lambda b: void(b.node("MaxPool", kernel_shape=list(sides), strides=[stride or sides[0], stride or sides[1]], **attributes))


def local(kernel: tuple[int, int] = (2, 2), stride: tuple[int, int] = (2, 2), **attributes: Any) -> Op:
    """Means of windows; ``scale`` is that of a sum then."""

    def apply(b: Builder) -> None:
        b.node("AveragePool", kernel_shape=list(kernel), strides=list(stride), **attributes)
        b.scale /= kernel[0] * kernel[1]

    return apply


def resize(*factor: float, sizes: Sequence[int] = (), **attributes: Any) -> Op:
    """A Resize by ``factor`` (of rows and columns, or all four), or to ``sizes``; as torch exports it unless ``attributes`` say
    otherwise."""

    def apply(b: Builder) -> None:
        given = b.constant(sizes, np.int64) if sizes else b.constant([1, 1, *factor][-4:])
        b.node("Resize", "", *(["", given] if sizes else [given]), **(attributes or ASYMMETRIC))

    return apply


def pad(*sides: int, value: float = 0, mode: str = "constant") -> Op:
    """Zeros above, on the left, below and on the right."""
    around = [0, 0, sides[0], sides[1], 0, 0, sides[2], sides[3]]
    return lambda b: void(b.node("Pad", b.constant(around, np.int64), b.constant(value), mode=mode))


def norm(*gamma: float) -> Op:
    """Batch norm whose factors are ``gamma``, over and over, of a running variance near 1."""

    def apply(b: Builder) -> None:
        channels = b.shape[0]
        values = np.resize(gamma, channels), b.rng.normal(0, b.size / 4, channels), b.rng.normal(0, b.size / 4, channels)
        b.node("BatchNormalization", *(b.constant(item) for item in values), b.constant(b.rng.uniform(0.7, 1.4, channels)))

    return apply


def affine(op: str, *values: float, turned: bool = False) -> Op:
    """A constant, one a channel, added, multiplied and so on; ``turned``: the constant comes first."""

    def apply(b: Builder) -> None:
        value = np.asarray(values) if len(values) == 1 else np.resize(values, b.shape[0]).reshape(1, -1, *(1,) * (len(b.shape) - 1))
        constant = b.constant(value)
        b.node(op, constant)
        if turned:
            b.nodes[-1].input[:] = [constant, b.nodes[-1].input[0]]

    return apply


def avg(b: Builder) -> None:
    b.node("GlobalAveragePool")


def relu(b: Builder) -> None:
    b.node("Relu")


def flat(b: Builder) -> None:
    b.node("Flatten", axis=1)


def turn(*perm: int) -> Op:
    return lambda b: void(b.node("Transpose", perm=list(perm)))


def void(_: object) -> None:
    return None


def write(
    path: Path, shape: tuple[int, int, int], begin: Sequence[Op], early: Sequence[Op], onward: Sequence[Op], last: Sequence[Op],
    seed: int = 0, start: Op | None = None,
) -> Path:
    """A network of two exits at ``path``: images of ``shape`` (height, width, channels), quantised unless ``start`` does something else;
    ``begin``, then ``early`` as well as ``onward`` and ``last``."""
    b = Builder(shape, seed)
    (start or (lambda b: void(b.quant(1 / 256, 8, signed=False))))(b)
    outputs = []

    def run(ops: Sequence[Op]) -> None:
        for op in ops:
            op(b)
            if b.nodes[-1].op_type in ("Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "Pad", "Flatten", "Transpose",
                                       "Resize"):
                # Sizes of maps are ONNX's to tell.
                b.shape = _shape(b, shape)

    run(begin)
    fork = (b.tensor, b.shape, b.size, b.scale)
    for chain in (early, [*onward, *last]):
        b.tensor, b.shape, b.size, b.scale = fork
        run(chain)
        outputs.append(b.tensor)
    for k, tensor in enumerate(outputs):
        b.node("Identity", first=tensor)
        b.nodes[-1].output[0] = f"exit{k}"
    model = _model(b, shape, ["exit0", "exit1"])
    onnx.save(model, str(path))
    return path


def two(path: Path, shape: tuple[int, int, int], *ops: Op, seed: int = 0) -> Path:
    """As :func:`write`, with ``ops`` in front of the first exit and a small rest."""
    return write(path, shape, ops, [flat, logits], [flat, fc(4), act()], [logits], seed)


def _model(b: Builder, shape: tuple[int, int, int], outputs: Sequence[str]) -> Any:
    graph = helper.make_graph(
        b.nodes, "small", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, shape[2], shape[0], shape[1]])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs], b.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 2)], ir_version=10)
    found = ModelWrapper(model).transform(InferShapes()).model
    for item in found.graph.output:
        assert item.type.tensor_type.HasField("shape"), item.name
    return found


def _shape(b: Builder, shape: tuple[int, int, int]) -> tuple[int, ...]:
    wrapped = ModelWrapper(_model(b, shape, [b.tensor]))
    return tuple(wrapped.get_tensor_shape(b.tensor)[1:])
