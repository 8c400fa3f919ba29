"""QuantizeLinear, Clip and DequantizeLinear, as ONNX says what QONNX says with one node: made that node.

(qonnx has a transformation for it, which wants zero points everywhere and Brevitas' own pattern, and takes weights for as wide as their
type.)
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper, numpy_helper

from build_flows.finn_bridge.errors import CompileError

__all__ = ["join_qcdq"]

QONNX = "qonnx.custom_op.general"
Array = npt.NDArray[Any]


def join_qcdq(graph: Any) -> bool:
    """Change the ONNX ``graph`` in place; whether anything was changed.

    Raises :class:`CompileError` naming a DequantizeLinear that is not behind a constant or a QuantizeLinear with the same scale.
    """
    found = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    if found:
        joiner = _Joiner(graph)
        for node in found:
            joiner.join(node)
        joiner.sweep()
    return bool(found)


class _Joiner:
    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.constants: dict[str, Array] = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self.constants |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in graph.node
                           if node.op_type == "Constant" and node.attribute[0].name == "value"}
        self.producers = {tensor: node for node in graph.node for tensor in node.output}

    def join(self, node: Any) -> None:
        where, tensor, limits = f"{node.op_type} {node.name or node.output[0]}", node.input[0], None
        source = self.producers.get(tensor)
        if source is not None and source.op_type == "Clip":
            limits = tuple(self.constant(item, where) for item in source.input[1:3])
            tensor, source = source.input[0], self.producers.get(source.input[0])
        scale, zero = self.constant(node.input[1], where), self.zero(node, where)
        if tensor in self.constants:
            whole = self.constants[tensor].astype(np.int64)
            whole = whole if limits is None else np.clip(whole, int(limits[0]), int(limits[1]))
            self.quantised_constant(node, whole, scale, zero)
            return
        if source is None or source.op_type != "QuantizeLinear":
            raise CompileError(f"{where} must stand behind a constant or a QuantizeLinear (a Clip between them allowed)")
        given = self.constant(source.input[1], where)
        if given.shape != scale.shape or (given != scale).any():
            raise CompileError(f"{where}: its scale must be that of the QuantizeLinear before it")
        kind = self.zero(source, where).dtype
        info = np.iinfo(kind)
        low, high = (int(info.min), int(info.max)) if limits is None else (int(limits[0]), int(limits[1]))
        signed, bits = low < 0, max(1, int(high - low).bit_length())
        narrow = signed and low == -high
        if (low, high) not in ((0, (1 << bits) - 1), (-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)):
            raise CompileError(f"{where}: the integers before it must be all of so many bits, not {low} to {high}")
        self.replace(node, source.input[0], scale, zero, bits, signed=signed, narrow=narrow)

    def quantised_constant(self, node: Any, whole: Array, scale: Array, zero: Array) -> None:
        """Weights as a Quant node, of as few bits as hold them; what is wider than these may be, a bias, as numbers."""
        shape = self.along(node, scale, whole.ndim)
        real = ((whole - self.along(node, zero, whole.ndim).astype(np.int64)) * shape.astype(np.float64)).astype(np.float32)
        most = int(abs(whole).max(initial=0))
        if most > 127 or zero.any():
            self.add(node.output[0], real)
            self.graph.node.remove(node)
        else:
            self.replace(node, self.add(f"{node.output[0]}.real", real), shape, np.zeros(()), max(2, most.bit_length() + 1), signed=True,
                         narrow=True, axis=False)

    def replace(
        self, node: Any, source: str, scale: Array, zero: Array, bits: int, *, signed: bool, narrow: bool, axis: bool = True
    ) -> None:
        name = node.output[0]
        if axis and scale.size > 1:
            scale = self.along(node, scale, 4)
        inputs = [source] + [self.add(f"{name}.{key}", np.asarray(value, np.float32)) for key, value in
                             (("scale", scale if scale.size > 1 else scale.reshape(())), ("zero", zero.ravel()[0]), ("bits", bits))]
        new = helper.make_node("Quant", inputs, [name], name=node.name or name, domain=QONNX, signed=int(signed), narrow=int(narrow),
                               rounding_mode="ROUND")
        place = list(self.graph.node).index(node)
        self.graph.node.remove(node)
        self.graph.node.insert(place, new)

    def along(self, node: Any, value: Array, rank: int) -> Array:
        """``value`` in a shape that broadcasts."""
        if value.size == 1:
            return value.reshape(())
        axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
        shape = [1] * rank
        shape[axis] = value.size
        return value.reshape(shape)

    def add(self, name: str, value: Array) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def constant(self, tensor: str, where: str) -> Array:
        if tensor not in self.constants:
            raise CompileError(f"{where}: scales, zero points and limits must be constants, not {tensor}")
        return self.constants[tensor]

    def zero(self, node: Any, where: str) -> Array:
        return self.constant(node.input[2], where) if len(node.input) > 2 and node.input[2] else np.zeros(1, np.uint8)

    def sweep(self) -> None:
        """Remove what only led to the nodes that are gone."""
        ends = {item.name for item in self.graph.output}
        while dead := [node for node in self.graph.node if node.op_type in ("QuantizeLinear", "Clip") and not (
                ends | {item for other in self.graph.node for item in other.input}).intersection(node.output)]:
            for node in dead:
                self.graph.node.remove(node)
