"""Nearest upsampling in a traced network, in a form that Brevitas takes for what it is: what changes no value keeps its quantiser."""

from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional

__all__ = ["Repeat", "as_repeats"]

Size = Any


class Repeat(nn.Identity):
    """Nearest upsampling by ``scale_factor``, or to ``size``, as :class:`torch.nn.Upsample` has them. It is an identity to Brevitas, whose
    list of what preserves sign and precision has those, but no upsampling."""

    def __init__(self, size: Size, scale_factor: Size) -> None:
        super().__init__()
        self.size, self.scale_factor = size, scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return functional.interpolate(input, self.size, self.scale_factor, "nearest")


def as_repeats(graph: fx.GraphModule) -> None:
    """Put a :class:`Repeat` in the place of every nearest upsampling of ``graph``, in place; other modes, and sizes that are computed, stay
    as they are."""
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        made = None
        if node.op == "call_module" and isinstance(modules[node.target], nn.Upsample):
            module = modules[node.target]
            made = Repeat(module.size, module.scale_factor) if module.mode == "nearest" else None
        elif node.op == "call_function" and node.target is functional.interpolate:
            given = dict(zip(("input", "size", "scale_factor", "mode"), node.args, strict=False)) | node.kwargs
            if given.get("mode", "nearest") == "nearest" and node.all_input_nodes == [given["input"]]:
                made = Repeat(given.get("size"), given.get("scale_factor"))
        if made is not None:
            name = f"{node.name}_repeat"
            graph.add_submodule(name, made)
            with graph.graph.inserting_before(node):
                node.replace_all_uses_with(graph.graph.call_module(name, (node.all_input_nodes[0],)))
            graph.graph.erase_node(node)
    graph.recompile()
