"""In which order the outputs of a QONNX leave its trunk, told by the nodes that they share."""

from collections.abc import Sequence

from qonnx.core.modelwrapper import ModelWrapper

__all__ = ["exit_order"]

WEIGHTS = ("Conv", "Gemm", "MatMul")
LAYERS = (*WEIGHTS, "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "Resize", "Upsample")


def exit_order(model: ModelWrapper, tensors: Sequence[str]) -> list[int]:
    """The places of ``tensors``, logits each, in exit order: the trunk that exit k leaves holds all that exit k - 1 leaves. What leaves at
    one place stays as it is given.

    The last two always do; the later one ends the trunk, unless that looks like a head alone, and the other does not.
    """
    above = [_above(model, tensor) for tensor in tensors]
    shared = [{node for node in mine if sum(node in other for other in above) > 1} for mine in above]
    order = sorted(range(len(tensors)), key=lambda place: len(shared[place]))
    behind = [_goes_on([model.graph.node[node].op_type for node in mine - ours]) for mine, ours in zip(above, shared, strict=True)]
    last = [place for place in order if len(shared[place]) == len(shared[order[-1]])]
    if behind[last[-1]] < 2:
        last.sort(key=lambda place: behind[place])
    return [*order[: len(order) - len(last)], *last]


def _goes_on(kinds: Sequence[str]) -> int:
    """How surely nodes of these ``kinds`` hold more of the trunk than a head: 2 by two layers with weights, 1 by a pool or an
    upsampling, else 0."""
    weights, layers = (sum(kind in some for kind in kinds) for some in (WEIGHTS, LAYERS))
    return 2 if weights > 1 else int(layers > 1)


def _above(model: ModelWrapper, tensor: str) -> set[int]:
    """The nodes, by number, between the images and ``tensor``: those of weights alone are not among them."""
    fed = {item.name for item in model.graph.input if model.get_initializer(item.name) is None}
    nodes = []
    for number, node in enumerate(model.graph.node):
        if fed.intersection(node.input):
            fed.update(node.output)
            nodes.append((number, node))
    needed, found = {tensor}, set()
    for number, node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            found.add(number)
    return found
