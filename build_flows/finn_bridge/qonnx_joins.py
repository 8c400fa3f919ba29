"""Where paths of a QONNX join: sums, and channels side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_sum import NO_MARGIN, Sum, Value

__all__ = ["joined", "side_by_side"]

NEAR = 1e-6


def joined(node: Any, given: Sequence[tuple[Value, Sum | None]]) -> Sum:
    """The sums where paths join: an Add of quantised maps of one shape and one scale. The path with the most layers comes first.

    Raises :class:`CompileError` naming the node, and what to do.
    """
    where = called(node)
    values = [value for source, total in given for value in ((source,) if total is None or not total.pure else total.sources)]
    if node.op_type != "Add":
        raise CompileError(f"{where} joins {len(given)} paths; allowed: an Add of two that are quantised to one scale")
    if len({value.tensor for value in values}) < len(values):
        raise CompileError(f"{where} adds {values[0].tensor} to itself; allowed: a Mul by 2")
    for value in values:
        if not value.bits:
            raise CompileError(f"{where}: {value.tensor} must be quantised before it is added (one QuantIdentity for both paths)")
        if value.margin != NO_MARGIN:
            raise CompileError(f"{where}: {value.tensor} has zeros around it; allowed: a Pad before a convolution or pool")
        if value.flat != values[0].flat or value.order != values[0].order or value.shape != values[0].shape:
            raise CompileError(f"{where}: must add maps of one shape, not {_told(values[0])} and {_told(value)}")
        if abs(value.scale / values[0].scale - 1) > NEAR:
            raise CompileError(f"{where}: what it adds must have one scale, not {values[0].scale:g} ({values[0].tensor}) and "
                               f"{value.scale:g} ({value.tensor}); allowed: one and the same QuantIdentity on both paths")
    first, *others = sorted(values, key=lambda value: -value.made)
    channels = first.shape[2]
    return Sum(kind="add", node=where, source=first, others=tuple(others), shape=first.shape, slope=np.full(channels, first.scale),
               offset=np.zeros(channels))


def side_by_side(graph: Graph, node: Any, given: Sequence[tuple[Value, Sum | None]]) -> OwnLayer:
    """The layer of a Concat of quantised maps, of one type and scale, along their channels.

    Raises :class:`CompileError` naming the node, and what to do.
    """
    where, values = called(node), [value for value, _ in given]
    if len(values) != len(node.input) or len(values) < 2:
        raise CompileError(f"{where}: must join maps that depend on the images, not constants")
    first = values[0]
    for value, total in given:
        if total is not None or not value.bits or value.margin != NO_MARGIN:
            raise CompileError(f"{where}: {value.tensor} must be quantised before it is joined (one quantiser for all paths)")
        if value.flat or value.order[graph.attribute(node, "axis", 1) % 4] != 1 or value.shape[:2] != first.shape[:2]:
            raise CompileError(f"{where}: must join the channels of maps of one height and width")
        if abs(value.scale / first.scale - 1) > NEAR or (value.bits, value.signed) != (first.bits, first.signed):
            raise CompileError(f"{where}: what it joins must have one scale and type, not {first.scale:g} ({first.tensor}) and "
                               f"{value.scale:g} ({value.tensor}); allowed: one and the same QuantReLU or QuantIdentity on all paths")
    channels = sum(value.shape[2] for value in values)
    return OwnLayer(
        name="", kind="concat", node=where, in_shape=first.shape, out_shape=(*first.shape[:2], channels), in_bits=first.bits,
        in_signed=first.signed, in_scale=first.scale, others=tuple((value.bits, value.signed) for value in values[1:]),
    )


def _told(value: Value) -> str:
    return "x".join(map(str, value.shape)) + (" (flat)" if value.flat else "")
