"""Name the graph's nodes after the layers of the golden model, walking from the input through every fork to every exit."""

from collections import Counter
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
    unit that has the layer's name, and forks where an exit leaves; ``"_fork"`` for other ones). ``inside`` are the
    layers behind that one that are part of the unit, in order."""

    name: str
    layer: GoldenLayer | None
    role: str
    stage: int
    head: bool
    inside: tuple[GoldenLayer, ...] = ()


def name_layers(model: ModelWrapper, golden: GoldenFile) -> tuple[Unit, ...]:
    """Rename nodes in place and return them in streaming order: stage 0 with its forks, head 0, gate head 0, stage 1, ...

    Checks weights, kernels and feature map sizes on the way. Raises :class:`CompileError` naming the layer and the operation where the
    two networks differ.
    """
    walk = _Walk(model)
    there = {IMAGE: model.graph.input[0].name}
    for k, (stage, head) in enumerate(zip(golden.stages, golden.heads, strict=True)):
        last, gate = k == len(golden.stages) - 1, golden.gates.get(k, ())
        ways = {} if last else {"head": _read(head), "stage": set(golden.cuts[k]), "gate head": _read(gate)}
        part = _Part(walk, f"stage{k}", k, False, {name: [tensor] for name, tensor in there.items()}, ways, head if last else ())
        part.follow(stage)
        part.branch_off()
        walk.ends(f"head {k}", _Part(walk, f"head{k}", k, True, part.at if last else part.led("head")).follow(head), k)
        if gate:
            end = _Part(walk, f"gatehead{k}", k, True, part.led("gate head")).follow(gate)
            walk.ends(f"gate head {k}", end, len(golden.heads) + list(golden.gates).index(k))
        there = {name: tensor for name, (tensor,) in part.led("stage").items()}
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

    def known(self, node: Any) -> bool:
        return any(unit.name == node.name for unit in self.units)

    def first(self, layer: GoldenLayer, given: list[list[str]]) -> Any:
        """The first operation of ``layer``, which reads of each of ``given``, where that can be read, one tensor."""
        op = _parts(layer)[0][1]
        if len(given) == len(given[0]) == 1:
            return self.reader(given[0][0], layer.name, op)
        ways = [{node.name: node for tensor in tensors for node in self.model.find_consumers(tensor) or []} for tensors in given]
        found = [node for name, node in ways[0].items() if node.op_type == op and not self.known(node) and all(name in way for way in ways)]
        found = [node for node in found if len(found) == 1 or self.fits(layer, node)]
        if not found:
            told = " and ".join(", ".join(tensors) for tensors in given)
            raise CompileError(f"{layer.name}: the model has no {op} that reads {told}, as the golden model has")
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
            case "Upsample_rtl":
                _same(layer, "factor", list(unit.get_nodeattr("Factor")), _both(spec["factor"]))
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


class _Part:
    """A stage or head called ``name``, of exit ``stage``. ``at``: by name of a layer, the tensors at which what it gives can be read here.
    ``ways``: by where they lead, what is read elsewhere; a fork has an output for each of those, and then one for each reader here, those
    of the layers ``beside`` among them."""

    def __init__(self, walk: _Walk, name: str, stage: int, head: bool, at: dict[str, list[str]], ways: dict[str, set[str]] | None = None,
                 beside: tuple[GoldenLayer, ...] = ()) -> None:
        self.walk, self.name, self.stage, self.head, self.at, self.beside = walk, name, stage, head, at, beside
        self.ways = {} if ways is None else ways
        self.readers = Counter(name for layer in beside for name in layer.inputs)
        self.branches: dict[str, dict[str, str]] = {}
        self.forks = dict.fromkeys(("inside", "exit"), 0)

    def follow(self, layers: tuple[GoldenLayer, ...]) -> str:
        """Name the nodes of ``layers``; where the last one ends."""
        self.readers.update(name for layer in layers for name in layer.inputs)
        tensor = ""
        for layer in layers:
            for source in layer.inputs:
                self.spread(source)
            tensor = self.walk.follow(layer, self.walk.first(layer, [self.at[source] for source in layer.inputs]))
            self.at[layer.name] = [tensor]
        return tensor

    def branch_off(self) -> None:
        """Name the forks of what is read elsewhere alone."""
        for name in list(self.at):
            if any(name in names for names in self.ways.values()):
                self.spread(name)

    def led(self, where: str) -> dict[str, list[str]]:
        """By name, the tensors that lead there."""
        return {name: [ends[where]] for name, ends in self.branches.items() if where in ends}

    def spread(self, source: str) -> None:
        """Find where what ``source`` gives can be read, behind the fork that there is where it is read more than once."""
        if source in self.branches or len(self.at[source]) > 1:
            return
        (tensor,) = self.at[source]
        leads = [way for way, names in self.ways.items() if source in names]
        count = len(leads) + self.readers[source]
        if count < 2:
            self.branches[source] = dict.fromkeys(leads, tensor)
            return
        leaves = bool({"head", "gate head"}.intersection(leads))
        number = self.forks["exit" if leaves else "inside"]
        self.forks["exit" if leaves else "inside"] += 1
        name = f"fork{self.stage}{f'_{number}' if number else ''}" if leaves else f"{self.name}_fork{number}"
        node = self.walk.reader(tensor, name, "StreamFork_rtl")
        self.walk.found(node, Unit(name, None, "" if leaves else "_fork", self.stage, self.head))
        if len(node.output) != count:
            told = [f"a {way}" for way in leads] + ["a layer of its own"] * self.readers[source]
            raise CompileError(f"{name} must feed {_and(told)}, not {len(node.output)} layers")
        self.branches[source] = dict(zip(leads, node.output, strict=False))
        self.at[source] = list(node.output)[len(leads) :]


def _read(layers: tuple[GoldenLayer, ...]) -> set[str]:
    return {name for layer in layers for name in layer.inputs}


def _and(told: list[str]) -> str:
    return " and ".join(item for item in (", ".join(told[:-1]), told[-1]) if item)


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
        case "upsample":
            return [("", "Upsample_rtl")]
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
