"""Where paths of FINN's graph join and fork: units of ours there."""

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


def fork_paths(model: ModelWrapper, count: int) -> None:
    """Put a fork unit where two layers read one tensor, or more. Where an exit leaves, output 0 leads to the earlier exit: to the head;
    output 1 to the next stage; output 2 to the gate head, whose output comes behind those of all ``count`` exits. What goes several ways
    inside a stage or head behind that has a fork of its own."""
    for tensor in [model.graph.input[0].name, *(tensor for node in model.graph.node for tensor in node.output)]:
        readers = [(node, place) for node in model.graph.node for place, name in enumerate(node.input) if name == tensor]
        if len(readers) < 2:
            continue
        ways = _ways(model, readers)
        behind, learned = [way for exits, way in ways if min(exits) < count], [way for exits, way in ways if min(exits) >= count]
        branch = tensor
        while len(behind) > 1:
            # More than two ways but gate heads: several exits leave here, each of which has a fork of its own.
            ahead = [behind.pop(0), *(learned if len(behind) == 1 else [])]
            first, branch, *gates = _forked(model, branch, len(ahead) + 1)
            for end, way in zip((first, *gates), ahead, strict=True):
                _lead(model, end, way)
        _lead(model, branch, behind[0])


def _lead(model: ModelWrapper, branch: str, way: list[tuple[Any, int]]) -> None:
    """Let the readers of one ``way`` read ``branch``, of several each a branch of it."""
    ends = _forked(model, branch, len(way)) if len(way) > 1 else [branch]
    for end, (node, place) in zip(ends, way, strict=True):
        node.input[place] = end


def _ways(model: ModelWrapper, readers: list[tuple[Any, int]]) -> list[tuple[set[int], list[tuple[Any, int]]]]:
    """``readers`` of a tensor, (node, input), those together that have an exit in common behind them, with their exits, in the order of the
    first of these."""
    ways: list[tuple[set[int], list[tuple[Any, int]]]] = []
    for reader in readers:
        exits = _exits_behind(model, reader[0])
        same = [way for way in ways if way[0] & exits]
        ways = [way for way in ways if way not in same]
        ways.append((exits.union(*(way[0] for way in same)), [*(item for way in same for item in way[1]), reader]))
    return sorted(ways, key=lambda way: min(way[0]))


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


def _exits_behind(model: ModelWrapper, node: Any) -> set[int]:
    outputs = [item.name for item in model.graph.output]
    found: set[int] = set()
    todo = list(node.output)
    while todo:
        tensor = todo.pop()
        if tensor in outputs:
            found.add(outputs.index(tensor))
        for reader in model.find_consumers(tensor) or []:
            todo.extend(reader.output)
    return found
