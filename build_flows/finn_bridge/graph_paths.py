"""Where paths of FINN's graph join and fork: units of ours there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError

__all__ = ["fork_paths", "join_paths"]

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"


def join_paths(model: ModelWrapper) -> None:
    """Put units where maps of integers are added, one for a sum of several, or concatenated."""
    for node in list(model.graph.node):
        if node.op_type == "Concat":
            _put_side_by_side(model, node)
        if node.op_type != "Add" or any(model.get_initializer(tensor) is not None for tensor in node.input):
            continue
        given: list[str] = []
        for tensor in node.input:
            source = model.find_producer(tensor)
            inner = source is not None and source.op_type == "StreamAdd_rtl" and len(model.find_consumers(tensor)) == 1
            given += list(source.input) if inner else [tensor]
            if inner:
                model.graph.node.remove(source)
        shape, kinds = model.get_tensor_shape(node.input[0]), [model.get_tensor_datatype(tensor) for tensor in given]
        if not all(kind.is_integer() for kind in kinds):
            raise CompileError(f"Add {node.name} must add integers of one scale, but scales of {' and '.join(given)} differ")
        new = helper.make_node("StreamAdd_rtl", given, list(node.output), domain=RTL_DOMAIN, backend="fpgadataflow",
                               NumChannels=shape[-1], PE=1, numInputVectors=shape[:-1], inputDataTypes=[kind.name for kind in kinds])
        model.graph.node.insert(list(model.graph.node).index(node), new)
        model.graph.node.remove(node)
        model.set_tensor_datatype(new.output[0], getCustomOp(new).get_output_datatype())


def _put_side_by_side(model: ModelWrapper, node: Any) -> None:
    """Put a unit that joins the channels of streams where maps of integers are concatenated."""
    kinds, shapes = ([item(tensor) for tensor in node.input] for item in (model.get_tensor_datatype, model.get_tensor_shape))
    axes = [item.i for item in node.attribute if item.name == "axis"]
    if not kinds[0].is_integer() or any(kind != kinds[0] for kind in kinds) or axes not in ([-1], [len(shapes[0]) - 1]):
        raise CompileError(f"Concat {node.name} must join channels of integers of one type and scale")
    new = helper.make_node("StreamConcat_rtl", list(node.input), list(node.output), domain=RTL_DOMAIN, backend="fpgadataflow",
                           Channels=[shape[-1] for shape in shapes], numInputVectors=shapes[0][:-1], inputDataType=kinds[0].name)
    model.graph.node.insert(list(model.graph.node).index(node), new)
    model.graph.node.remove(node)
    model.set_tensor_datatype(new.output[0], kinds[0])


def fork_paths(model: ModelWrapper, learned: Sequence[int]) -> None:
    """Put a fork unit where two layers read one tensor, or more: one in each stage, and head, in which several read it.

    Behind the outputs of the exits come those of the gate heads of the exits ``learned``. A fork's outputs lead, where there are such
    readers, to the head of its stage, to all later stages and heads (through the stage's gate), to its gate head, and then one each to
    the readers in the stage; what goes several ways inside a head or later stage has a fork of its own there. In the last stage its head
    counts as a part of it.
    """
    outputs = [item.name for item in model.graph.output]
    exits = [*range(len(outputs) - len(learned)), *learned]
    parts = _parts(model, outputs, exits)
    sources = {name: part for node, part in zip(model.graph.node, parts, strict=True) for name in node.output}
    sources[model.graph.input[0].name] = ("stage", 0)
    readers: dict[str, list[Reader]] = {}
    for node, part in zip(model.graph.node, parts, strict=True):
        for place, name in enumerate(node.input):
            if name in sources:
                readers.setdefault(name, []).append(Reader(node, place, *part))
    for tensor, found in readers.items():
        _fork(model, tensor, sources[tensor], found)


@dataclass(frozen=True)
class Reader:
    """Input ``place`` of ``node``, which is in stage, head or gate (``part``) ``stage``."""

    node: Any
    place: int
    part: str
    stage: int


def _parts(model: ModelWrapper, outputs: Sequence[str], exits: Sequence[int]) -> list[tuple[str, int]]:
    """For each node the stage, head or gate head that it is in, by the ``outputs`` that depend on it, which are those of ``exits``."""
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    @cache
    def behind(name: str) -> frozenset[int]:
        own = frozenset(place for place, output in enumerate(outputs) if output == name)
        return own.union(*(behind(tensor) for node in readers.get(name, ()) for tensor in node.output))

    count, parts = len(set(exits)), []
    for node in model.graph.node:
        found = frozenset[int]().union(*map(behind, node.output))
        first = min((exits[place] for place in found), default=0)
        alone = len(found) == 1 and first < count - 1
        parts.append(("gate" if alone and min(found) >= count else "head" if alone else "stage", first))
    return parts


def _fork(model: ModelWrapper, tensor: str, where: tuple[str, int], readers: list[Reader]) -> None:
    """Lead ``tensor``, which is there in the part ``where``, to its ``readers``."""
    part, stage = where
    if part != "stage":
        _lead(model, tensor, readers)
        return
    mine, head, gate = ([item for item in readers if (item.part, item.stage) == (part, stage)] for part in ("stage", "head", "gate"))
    later = [item for item in readers if item.stage > stage]
    ways = [way for way in (head, later, gate) if way]
    count = len(ways) + len(mine)
    ends = _forked(model, tensor, count) if count > 1 else [tensor]
    for end, way in zip(ends, [*ways, *([item] for item in mine)], strict=True):
        if way is later:
            _fork(model, end, ("stage", stage + 1), later)
        else:
            _lead(model, end, way)


def _lead(model: ModelWrapper, branch: str, way: list[Reader]) -> None:
    """Let the readers of one ``way`` read ``branch``, of several each a branch of it."""
    ends = _forked(model, branch, len(way)) if len(way) > 1 else [branch]
    for end, item in zip(ends, way, strict=True):
        item.node.input[item.place] = end


def _forked(model: ModelWrapper, tensor: str, count: int) -> list[str]:
    """Put a fork of ``count`` branches behind ``tensor``; the branches."""
    shape, kind = model.get_tensor_shape(tensor), model.get_tensor_datatype(tensor)
    branches = []
    for _ in range(count):
        branches.append(model.make_new_valueinfo_name())
        model.set_tensor_shape(branches[-1], shape)
        model.set_tensor_datatype(branches[-1], kind)
    fork = helper.make_node(
        "StreamFork_rtl", [tensor], branches, domain=RTL_DOMAIN, backend="fpgadataflow", NumChannels=shape[-1], PE=1,
        NumOutputStreams=count, inputDataType=kind.name, numInputVectors=shape[:-1], outFIFODepths=[2] * count,
    )
    source = model.find_producer(tensor)
    model.graph.node.insert(list(model.graph.node).index(source) + 1 if source is not None else 0, fork)
    return branches
