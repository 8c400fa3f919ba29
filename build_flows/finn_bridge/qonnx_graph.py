"""A QONNX as its readers see it: tensors, who reads them, constants and quantisers; every fault names the node."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.errors import CompileError

__all__ = ["Graph", "Quantiser", "called"]

FloatArray = npt.NDArray[np.float64]
QUANTISERS = ("Quant", "BipolarQuant")


@dataclass(frozen=True, kw_only=True)
class Quantiser:
    """A Quant node's constants; ``scale`` is float32, of any shape that broadcasts. ``sign``: 1 bit, whose integers are -1 and, from 0 on,
    1; they are taken as two of 2 bits."""

    scale: npt.NDArray[np.float32]
    bits: int
    signed: bool
    narrow: bool
    sign: bool = False

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1 - self.narrow


def called(node: Any) -> str:
    """How messages call a node."""
    return f"{node.op_type} {node.name or node.output[0]}"


class Graph:
    """Read access to one model."""

    def __init__(self, model: ModelWrapper) -> None:
        self.model = model
        self.outputs = [item.name for item in model.graph.output]
        self._readers: dict[str, list[Any]] = {}
        self._producers: dict[str, Any] = {}
        for node in model.graph.node:
            for tensor in dict.fromkeys(node.input):
                self._readers.setdefault(tensor, []).append(node)
            for tensor in node.output:
                self._producers[tensor] = node
        self._exits: dict[str, frozenset[int]] = {}
        for tensor, index in zip(self.outputs, range(len(self.outputs)), strict=True):
            self._exits[tensor] = self._exits.get(tensor, frozenset()) | {index}
        for node in reversed(model.graph.node):
            behind = frozenset[int]().union(*(self._exits.get(tensor, frozenset()) for tensor in node.output))
            for tensor in node.input:
                self._exits[tensor] = self._exits.get(tensor, frozenset()) | behind

    @property
    def input(self) -> str:
        """The one input's name."""
        names = [item.name for item in self.model.graph.input if self.model.get_initializer(item.name) is None]
        if len(names) != 1:
            raise CompileError(f"a network must have one input, not {len(names)} ({', '.join(names)})")
        return str(names[0])

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Its shape; raises :class:`CompileError` where the graph does not tell it."""
        found = self.model.get_tensor_shape(tensor)
        if found is None or any(not isinstance(size, int) or size < 1 for size in found):
            raise CompileError(f"tensor {tensor}: its shape must be known, not {found}")
        return tuple(found)

    def exits(self, node: Any) -> frozenset[int]:
        """The outputs that depend on ``node``."""
        return frozenset[int]().union(*(self._exits.get(tensor, frozenset()) for tensor in node.output))

    def readers(self, tensor: str) -> list[Any]:
        """The nodes that take ``tensor`` and on which an output depends."""
        return [node for node in self._readers.get(tensor, []) if self.exits(node)]

    def producer(self, tensor: str) -> Any:
        """The node that gives ``tensor``; None where none does."""
        return self._producers.get(tensor)

    def attribute(self, node: Any, name: str, default: Any) -> Any:
        """An attribute's value; text as str."""
        for item in node.attribute:
            if item.name == name:
                value = helper.get_attribute_value(item)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def initialiser(self, tensor: str) -> npt.NDArray[Any] | None:
        found: npt.NDArray[Any] | None = self.model.get_initializer(tensor)
        return found

    def constant(self, tensor: str) -> FloatArray | None:
        """The value of a constant, a quantised one too; None when it is none."""
        value = self.initialiser(tensor)
        if value is not None:
            return np.asarray(value, np.float64)
        node = self._producers.get(tensor)
        if node is None or node.op_type not in QUANTISERS:
            return None
        integers = self.integers(node)
        return None if integers is None else np.asarray(integers[0] * integers[1].scale, np.float64)

    def quantiser(self, node: Any) -> Quantiser:
        """Constants of the Quant or BipolarQuant ``node``; raises :class:`CompileError` naming it. Of the latter integers are -1 and 1."""
        if node.op_type == "BipolarQuant":
            factor = self.initialiser(node.input[1])
            if factor is None or not np.all(factor > 0):
                raise CompileError(f"{called(node)}: its scale must be a constant above 0")
            return Quantiser(scale=np.asarray(factor, np.float32), bits=2, signed=True, narrow=True, sign=True)
        scale, zero, bits = (self.initialiser(tensor) for tensor in node.input[1:4])
        if scale is None or zero is None or bits is None:
            raise CompileError(f"{called(node)}: scale, zero point and bit width must be constants")
        if np.any(zero != 0):
            raise CompileError(f"{called(node)}: the zero point must be 0, not {np.ravel(zero)[np.flatnonzero(zero)[0]]:g}")
        if bits.size != 1 or float(np.ravel(bits)[0]) != int(np.ravel(bits)[0]):
            raise CompileError(f"{called(node)}: the bit width must be one whole number, not {np.ravel(bits)[:4].tolist()}")
        rounding = str(self.attribute(node, "rounding_mode", "ROUND")).upper()
        if rounding != "ROUND":
            raise CompileError(f"{called(node)}: rounding_mode must be ROUND, not {rounding}")
        if not np.all(scale > 0):
            raise CompileError(f"{called(node)}: the scale must be above 0")
        return Quantiser(
            scale=np.asarray(scale, np.float32), bits=int(np.ravel(bits)[0]), signed=bool(self.attribute(node, "signed", 1)),
            narrow=bool(self.attribute(node, "narrow", 0)),
        )

    def integers(self, node: Any) -> tuple[npt.NDArray[np.int64], Quantiser] | None:
        """The integers that the quantiser ``node`` makes of a constant, and its constants; None when it quantises no constant."""
        value = self.initialiser(node.input[0])
        if value is None:
            return None
        found = self.quantiser(node)
        units = np.asarray(value, np.float32) / found.scale
        whole = np.where(units >= 0, 1, -1) if found.sign else np.rint(np.clip(units, found.low, found.high))
        return whole.astype(np.int64), found

    def _made(self, tensor: str, source: Any) -> str:
        """Where weights come from that no Quant node makes of a constant: for messages."""
        if source is None:
            return "are the images" if tensor == self.input else "are not quantised"
        if tensor in self._behind_input():
            return f"are computed from the images, by {called(source)}"
        return f"come from {called(source)}"

    def _behind_input(self) -> set[str]:
        """All tensors that depend on the images."""
        found = {self.input}
        for node in self.model.graph.node:
            if found.intersection(node.input):
                found.update(node.output)
        return found

    def weight(self, tensor: str, node: Any) -> tuple[npt.NDArray[np.int64], FloatArray, Quantiser]:
        """Integer weights of ``node``, their scales (of the same shape) and quantiser, a transpose between them allowed."""
        source = self._producers.get(tensor)
        turns: list[list[int] | None] = []
        while source is not None and source.op_type in ("Transpose", "Identity"):
            if source.op_type == "Transpose":
                turns.append(self.attribute(source, "perm", None))
            tensor, source = source.input[0], self._producers.get(source.input[0])
        found = self.integers(source) if source is not None and source.op_type in QUANTISERS else None
        if found is None:
            made = self._made(tensor, source)
            raise CompileError(f"{called(node)}: its weights {tensor} {made}; allowed: constants behind a Quant of 2 to 8 bits, "
                               "or a BipolarQuant")
        whole, quantiser = found
        scale = np.broadcast_to(quantiser.scale.astype(np.float64), whole.shape)
        for perm in reversed(turns):
            whole, scale = whole.transpose(perm), scale.transpose(perm)
        if not quantiser.signed or not 2 <= quantiser.bits <= 8:
            kind = "signed" if quantiser.signed else "unsigned"
            raise CompileError(f"{called(node)}: its weights must be signed, of 2 to 8 bits, not {kind} of {quantiser.bits}")
        if whole.size and int(whole.min()) <= -(1 << (quantiser.bits - 1)):
            least = -(1 << (quantiser.bits - 1))
            raise CompileError(f"{called(node)}: its weights must be narrow, above {least} (narrow_range=True)")
        return whole, scale, quantiser
