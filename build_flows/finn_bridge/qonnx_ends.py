"""The ends of a user's QONNX: what stands behind the logits cut off, and the outputs put into the order in which exits leave the trunk.

A Softmax, LogSoftmax, ArgMax or TopK keeps the order of an image's logits, which is all that an exit decision looks at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import called
from build_flows.finn_bridge.qonnx_order import exit_order

__all__ = ["Ends", "settle_ends"]

KEEP_ORDER = ("Softmax", "LogSoftmax", "ArgMax", "TopK")
ONLY_SHAPE = ("Identity", "Cast", "Squeeze", "Unsqueeze", "Flatten", "Reshape")
EACH_ALONE = ("Sigmoid", "HardSigmoid", "Tanh", "Softplus")


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What was done: ``notes`` for the user, a line each; ``places``, for each exit which of the user's outputs it is; whether anything
    was ``cut``."""

    notes: tuple[str, ...]
    places: tuple[int, ...]
    cut: bool


def settle_ends(model: ModelWrapper, keep: Sequence[int] | None = None) -> Ends:
    """Change ``model`` in place, so that its outputs are the logits, in exit order, each under a name that the user gave it; of these only
    the exits ``keep``, rising (None: all), and what leads to them.

    Raises :class:`CompileError` for what answers for each class alone (a Sigmoid).
    """
    names = [item.name for item in model.graph.output]
    producers = {tensor: node for node in model.graph.node for tensor in node.output}
    ends = [_logits(model, producers, name) for name in names]
    firsts: dict[str, int] = {}
    for place, (tensor, _) in enumerate(ends):
        firsts.setdefault(tensor, place)
    notes = []
    if cut := [f"{called(node)} (output {name})" for name, (_, nodes) in zip(names, ends, strict=True) for node in nodes]:
        notes.append(f"cut off: {', '.join(cut)}; the exit decision takes the logits themselves, which have the same order")
    for tensor, first in firsts.items():
        if same := [name for place, name in enumerate(names) if ends[place][0] == tensor and place != first]:
            notes.append(f"outputs {', '.join([names[first], *same])} tell of the same logits: they are one exit")
    tensors = list(firsts)
    order = exit_order(model, tensors)
    tensors = [tensors[place] for place in order]
    if order != sorted(order):
        told = ", ".join(f"exit {k} is number {firsts[tensor] + 1} ({names[firsts[tensor]]})" for k, tensor in enumerate(tensors))
        notes.append(f"outputs are in another order than that in which they leave the trunk, which they were put into: {told}")
    if keep is not None:
        tensors = [tensors[k] for k in keep]
    if notes or keep is not None:
        _replace_outputs(model, {tensor: names[firsts[tensor]] for tensor in tensors})
    return Ends(notes=tuple(notes), places=tuple(firsts[tensor] for tensor in tensors), cut=bool(cut))


def _logits(model: ModelWrapper, producers: Mapping[str, Any], output: str) -> tuple[str, list[Any]]:
    """The tensor whose order ``output`` tells, and the nodes between them that are cut off, from the end on."""
    tensor, found, at = output, list[Any](), output
    while (node := producers.get(at)) is not None:
        if node.op_type in KEEP_ORDER and _over_classes(model, node):
            tensor = at = node.input[0]
            found.append(node)
        elif node.op_type in EACH_ALONE:
            raise CompileError(f"{called(node)} stands at output {output} and answers for each class alone; leave it out: an exit decision "
                               "takes logits, and finds which one class is right")
        elif node.op_type in ONLY_SHAPE:
            at = node.input[0]
        else:
            break
    return tensor, found


def _over_classes(model: ModelWrapper, node: Any) -> bool:
    """Whether ``node`` goes over the classes of one image, the largest first."""
    shape = model.get_tensor_shape(node.input[0])
    if shape is None or len(shape) < 2 or any(size != 1 for size in (shape[0], *shape[2:])):
        return False
    given = {item.name: item.i for item in node.attribute}
    opset = next((item.version for item in model.model.opset_import if item.domain in ("", "ai.onnx")), 13)
    standard = {"ArgMax": 0, "TopK": -1}.get(node.op_type, 1 if opset < 13 else -1)
    return given.get("axis", standard) in (1, 1 - len(shape)) and given.get("largest", 1) == 1


def _replace_outputs(model: ModelWrapper, wanted: Mapping[str, str]) -> None:
    """Make the tensors ``wanted`` the outputs, in that order and called by what stands beside each; what leads nowhere goes."""
    graph = model.graph
    shapes = {tensor: model.get_tensor_shape(tensor) for tensor in wanted}
    needed = set(wanted)
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del graph.node[:], graph.output[:]
    graph.node.extend(reversed(kept))
    for node in graph.node:
        for tensors in (node.input, node.output):
            for place, tensor in enumerate(tensors):
                tensors[place] = wanted.get(tensor, tensor)
    stale = {*wanted, *wanted.values()}
    for item in [item for item in graph.value_info if item.name in stale]:
        graph.value_info.remove(item)
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[tensor]) for tensor, name in wanted.items())
