"""Name the graph's nodes after the layers of the golden model, walking from the input through every fork to every exit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.golden_file import IMAGE, GoldenFile, GoldenLayer

__all__ = ["Unit", "name_layers"]

OPS = {
    "_pad": "FMPadding_rtl", "_swg": "ConvolutionInputGenerator_rtl", "_mvau": "MVAU_rtl", "_thr": "Thresholding_rtl",
}


@dataclass(frozen=True)
class Unit:
    """One node: ``name`` is the node's, ``layer`` the golden layer it is of (None: a fork), ``role`` the suffix (``"_mvau"``; ``""`` for a
    unit that has the layer's name, and the fork where an exit leaves; ``"_fork"`` for one inside a stage or head). ``inside`` are the
    layers behind that one that are part of the unit, in order."""

    name: str
    layer: GoldenLayer | None
    role: str
    stage: int
    head: bool
    inside: tuple[GoldenLayer, ...] = ()


def name_layers(model: ModelWrapper, golden: GoldenFile) -> tuple[Unit, ...]:
    """Rename nodes in place and return them in streaming order: stage 0, fork 0, head 0, gate head 0, stage 1, ...

    Checks weights, kernels and feature map sizes on the way. Raises :class:`CompileError` naming the layer and the operation where the
    two networks differ.
    """
    walk = _Walk(model)
    begin, tensor = IMAGE, model.graph.input[0].name
    for k, (stage, head) in enumerate(zip(golden.stages, golden.heads, strict=True)):
        tensor = walk.part(stage, begin, tensor, f"stage{k}")
        begin = stage[-1].name if stage else begin
        branch, learned = tensor, ""
        if k + 1 < len(golden.stages):
            node = walk.reader(tensor, f"fork{k}", "StreamFork_rtl")
            walk.found(node, Unit(f"fork{k}", None, "", k, False))
            if len(node.output) != (3 if k in golden.gates else 2):
                told = "a head, a stage and a gate head" if k in golden.gates else "a head and a stage"
                raise CompileError(f"fork{k} must feed {told}, not {len(node.output)} layers")
            branch, tensor, learned = (*node.output, "")[:3]
        walk.ends(f"head {k}", walk.part(head, begin, branch, f"head{k}"), k)
        if k in golden.gates:
            end = walk.part(golden.gates[k], begin, learned, f"gatehead{k}")
            walk.ends(f"gate head {k}", end, len(golden.heads) + list(golden.gates).index(k))
    left = [node.name for node in model.graph.node if node.name not in {unit.name for unit in walk.units}]
    if left:
        raise CompileError(f"operation {left[0]} belongs to no layer of the golden model")
    return tuple(walk.units)


class _Walk:
    def __init__(self, model: ModelWrapper) -> None:
        self.model = model
        self.units: list[Unit] = []

    def ends(self, told: str, tensor: str, output: int) -> None:
        """The chain ``told`` must end at the model's output ``output``."""
        wanted = self.model.graph.output[output].name
        if tensor != wanted:
            raise CompileError(f"{told} must end at the model's output {output}, {wanted}, not at {tensor}")

    def reader(self, tensor: str, layer: str, op: str) -> Any:
        nodes = self.model.find_consumers(tensor) or []
        if len(nodes) != 1:
            raise CompileError(f"{layer}: one operation must read {tensor}, not {len(nodes)}")
        if nodes[0].op_type != op:
            raise CompileError(f"{layer}: the model has {nodes[0].op_type} {nodes[0].name} where the golden model has {op}")
        return nodes[0]

    def found(self, node: Any, unit: Unit) -> None:
        node.name = unit.name
        self.units.append(unit)

    def part(self, layers: tuple[GoldenLayer, ...], begin: str, tensor: str, name: str) -> str:
        """Name the nodes of a stage or head called ``name``, which reads ``tensor``, what the layer ``begin`` gives; where it ends."""
        ends, forks = {begin: tensor}, 0
        for layer in layers:
            for source in layer.inputs:
                nodes = self.model.find_consumers(ends[source]) or []
                inner = len([item for item in layers if source in item.inputs]) > 1
                if inner and len(nodes) == 1 and nodes[0].op_type == "StreamFork_rtl" and not self.known(nodes[0]):
                    self.found(nodes[0], Unit(f"{name}_fork{forks}", None, "_fork", layer.stage, layer.head))
                    forks += 1
            node = self.first(layer, [ends[source] for source in layer.inputs])
            tensor = self.follow(layer, node)
            ends[layer.name] = tensor
        return tensor

    def known(self, node: Any) -> bool:
        return any(unit.name == node.name for unit in self.units)

    def branches(self, tensor: str) -> list[str]:
        """Where ``tensor`` can be read: itself, or the outputs of the fork inside a part that reads it."""
        nodes = self.model.find_consumers(tensor) or []
        named = {unit.name: unit.role for unit in self.units}
        return list(nodes[0].output) if len(nodes) == 1 and named.get(nodes[0].name) == "_fork" else [tensor]

    def first(self, layer: GoldenLayer, tensors: list[str]) -> Any:
        """The first operation of ``layer``, which reads ``tensors``, or a branch of each."""
        op = _parts(layer)[0][1]
        ways = [{node.name: node for branch in self.branches(tensor) for node in self.model.find_consumers(branch) or []}
                for tensor in tensors]
        if len(self.branches(tensors[0])) == 1 and len(tensors) == 1:
            return self.reader(tensors[0], layer.name, op)
        found = [node for name, node in ways[0].items() if node.op_type == op and not self.known(node) and all(name in way for way in ways)]
        found = [node for node in found if len(found) == 1 or self.fits(layer, node)]
        if not found:
            raise CompileError(f"{layer.name}: the model has no {op} that reads {' and '.join(tensors)}, as the golden model has")
        return found[0]

    def fits(self, layer: GoldenLayer, node: Any) -> bool:
        """Whether the operations from ``node`` on can be those of ``layer``."""
        for place, (_, op) in enumerate(_parts(layer)):
            if place:
                nodes = self.model.find_consumers(node.output[0]) or []
                if len(nodes) != 1 or nodes[0].op_type != op:
                    return False
                node = nodes[0]
            try:
                self.check(node, layer)
            except CompileError:
                return False
        return True

    def follow(self, layer: GoldenLayer, node: Any) -> str:
        """Name the operations of ``layer`` from ``node`` on; where they end."""
        tensor = ""
        for place, (role, op) in enumerate(_parts(layer)):
            node = self.reader(tensor, layer.name, op) if place else node
            self.found(node, Unit(layer.name + role, layer, role, layer.stage, layer.head))
            self.check(node, layer)
            tensor = node.output[0]
        return tensor

    def check(self, node: Any, layer: GoldenLayer) -> None:
        unit, spec = getCustomOp(node), layer.spec
        match node.op_type:
            case "FMPadding_rtl":
                _same(layer, "pad", list(unit.get_nodeattr("Padding")), _both(spec["pad"]) * 2)
            case "ConvolutionInputGenerator_rtl":
                _same(layer, "kernel", list(unit.get_nodeattr("ConvKernelDim")), _both(spec["kernel"]))
                _same(layer, "stride", list(unit.get_nodeattr("Stride")), _both(spec["stride"]))
                _same(layer, "dilation", list(unit.get_nodeattr("Dilation")), [1, 1])
            case "MaxPool_rtl":
                _same(layer, "kernel", list(unit.get_nodeattr("Kernel")), _both(spec["kernel"]))
                _same(layer, "stride", list(unit.get_nodeattr("Stride")), _both(spec["stride"]))
            case "MVAU_rtl":
                self.check_weights(node, layer)
                kind = unit.get_input_datatype(0)
                _same(layer, "in_bits", kind.bitwidth(), spec["in_bits"])
                _same(layer, "in_signed", kind.signed(), spec["in_signed"])
            case "Thresholding_rtl":
                kind = unit.get_output_datatype()
                _same(layer, "out_bits", kind.bitwidth(), spec["out_bits"])
                _same(layer, "out_signed", kind.signed(), spec["out_signed"])
                _same(layer, "out_min", unit.get_nodeattr("ActVal"), spec["out_min"])

    def check_weights(self, node: Any, layer: GoldenLayer) -> None:
        weights = np.rint(self.model.get_initializer(node.input[1])).astype(np.int64)
        matrix = layer.matrix
        if weights.shape != matrix.shape:
            raise CompileError(f"{layer.name}: weights must be {list(matrix.shape)} as in the golden model, not {list(weights.shape)}")
        wrong = np.argwhere(weights != matrix)
        if wrong.size:
            row, column = wrong[0]
            raise CompileError(
                f"{layer.name}: weight {row} of output {column} must be {matrix[row, column]} as in the golden model, "
                f"not {weights[row, column]}"
            )
        # -1 and 1 are 2 bits in FINN's graph.
        _same(layer, "weight_bits", getCustomOp(node).get_input_datatype(1).bitwidth(), max(2, layer.spec["weight_bits"]))


def _both(size: int | list[int]) -> list[int]:
    """A size of the golden model by height and by width."""
    return size if isinstance(size, list) else [size, size]


def _same(layer: GoldenLayer, what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise CompileError(f"{layer.name}: {what} must be {wanted} as in the golden model, not {found}")


def _parts(layer: GoldenLayer) -> list[tuple[str, str]]:
    """Roles and operations of one layer, in streaming order."""
    spec = layer.spec
    act = ["_thr"] if "thresholds" in spec else []
    match layer.kind:
        case "conv":
            kernel, pads, stride = (_both(spec[key]) for key in ("kernel", "pad", "stride"))
            pad = ["_pad"] if any(pads) else []
            window = ["_swg"] if (kernel, pads, stride) != ([1, 1], [0, 0], [1, 1]) else []
            roles = [*pad, *window, "_mvau", *act]
        case "linear":
            roles = ["_mvau", *act]
        case "maxpool":
            return [("", "MaxPool_rtl")]
        case "global_sum":
            return [("", "GlobalAccPool_rtl"), *((role, OPS[role]) for role in act)]
        case "add":
            return [("", "StreamAdd_rtl"), *((role, OPS[role]) for role in act)]
        case "concat":
            return [("", "StreamConcat_rtl")]
        case "threshold":
            roles = act
        case kind:
            raise CompileError(f"{layer.name}: no hardware is known for a layer of kind {kind!r}")
    return [(role, OPS[role]) for role in roles]
