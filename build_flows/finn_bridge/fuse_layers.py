"""Replace what FINN makes of a layer by one unit of ours, for the layers that the folding gives a body of ours."""

from collections.abc import Mapping, Sequence
from typing import Any

from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.name_layers import Unit
from build_flows.finn_bridge.rtl_layers.fused_conv import FusedConv
from build_flows.planning.layer_costs import Fold, units_of_chain
from build_flows.planning.network import Layer, Network
from build_flows.planning.shared_units import shared_parameters
from build_flows.planning.static_units import static_parameters

__all__ = ["fuse_layers"]

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"


def fuse_layers(
    model: ModelWrapper, units: tuple[Unit, ...], folds: Mapping[str, Fold], network: Network
) -> tuple[Unit, ...]:
    """Put one ``StaticConv_rtl`` or ``SharedConv_rtl``, called after its layer, where the nodes of a layer of that body and of the pool in
    it stand, in place, ``PixelPool_rtl`` where a pool of body ``pool`` does, and return the units that there are then, in streaming order.

    Every node of before is a unit now, or in the body of exactly one.
    """
    before = [node.name for node in model.graph.node]
    pools = {layer.name: pool for chain in network.chains for layer, planned, pool in units_of_chain(chain, folds)
             if folds[layer.name].fused and not folds[layer.name].by_itself and planned}
    layers = {layer.name: layer for layer in network.layers}
    found: list[Unit] = []
    inside = {pool.name for pool in pools.values() if pool}
    for unit in units:
        name = unit.layer.name if unit.layer is not None else ""
        if name in inside:
            continue
        if name not in pools:
            if name and folds[name].by_itself:
                _exchange(model, unit, folds[name])
            found.append(unit)
        elif not found or found[-1].name != name:
            pool = pools[name]
            parts = [item for item in units if item.layer is not None and item.layer.name in (name, pool.name if pool else "")]
            _fuse(model, parts, layers[name], pool, folds[name])
            after = tuple(item.layer for item in parts if item.layer is not None and item.layer.name != name)
            found.append(Unit(name, unit.layer, "", unit.stage, unit.head, after))
    ops = {node.name: getCustomOp(node) for node in model.graph.node}
    bodies = {name: op.get_nodeattr("Body") for name, op in ops.items() if isinstance(op, FusedConv)}
    held = [node.name for node in model.graph.node if node.name not in bodies]
    held += [node.name for body in bodies.values() for node in body.node]
    assert sorted(held) == sorted(before), "every node is a unit, or in one"
    return tuple(found)


def _fuse(model: ModelWrapper, parts: Sequence[Unit], layer: Layer, pool: Layer | None, fold: Fold) -> None:
    nodes = {node.name: node for node in model.graph.node}
    old = [nodes[part.name] for part in parts]
    ops = [getCustomOp(node) for node in old]
    matrix = next(node for node in old if node.op_type == "MVAU_rtl")
    levels = next((node for node in old if node.op_type == "Thresholding_rtl"), None)
    given = [old[0].input[0], matrix.input[1], *([levels.input[1]] if levels is not None else [])]
    names = {tensor: f"in{place}" for place, tensor in enumerate(given)}
    names |= {node.output[0]: f"t{place}" for place, node in enumerate(old)}
    body_nodes = []
    for node, op in zip(old, ops, strict=True):
        op.set_nodeattr("exec_mode", "cppsim")
        copy = type(node)()
        copy.CopyFrom(node)
        for side in (copy.input, copy.output):
            side[:] = [names[tensor] for tensor in side]
        body_nodes.append(copy)

    def info(tensor: str) -> Any:
        return helper.make_tensor_value_info(names[tensor], TensorProto.FLOAT, model.get_tensor_shape(tensor))

    ends = {part.layer.name: names[node.output[0]] for part, node in zip(parts, old, strict=True) if part.layer is not None}
    body = helper.make_graph(
        body_nodes, f"{layer.name} as FINN has it", [info(tensor) for tensor in given], [info(old[-1].output[0])],
        value_info=[info(node.output[0]) for node in old[:-1]],
    )
    out = old[-1].output[0]
    kind = getCustomOp(levels if levels is not None else matrix).get_output_datatype()
    op_type, attributes = _attributes(layer, pool, fold)
    fused = helper.make_node(
        op_type, given, [out], name=layer.name, domain=RTL_DOMAIN, backend="fpgadataflow", InShape=model.get_tensor_shape(given[0]),
        OutShape=model.get_tensor_shape(out), OutMin=getCustomOp(levels).get_nodeattr("ActVal") if levels is not None else 0,
        inputDataType=model.get_tensor_datatype(given[0]).name, outputDataType=kind.name, Layers=list(ends), Ends=list(ends.values()),
        Body=body, **attributes,
    )
    model.graph.node.insert(list(model.graph.node).index(old[0]), fused)
    for node in old:
        model.graph.node.remove(node)


def _exchange(model: ModelWrapper, unit: Unit, fold: Fold) -> None:
    """Put the pool that takes several pixels a beat where FINN's stands."""
    (old,) = (node for node in model.graph.node if node.name == unit.name)
    op, (given,), (out,) = getCustomOp(old), old.input, old.output
    attributes = {name: op.get_nodeattr(name) for name in ("NumChannels", "ImgDim", "Kernel", "Stride", "inputDataType")}
    new = helper.make_node("PixelPool_rtl", [given], [out], name=old.name, domain=RTL_DOMAIN, backend="fpgadataflow",
                           Pixels=fold.pixels, **attributes)
    model.graph.node.insert(list(model.graph.node).index(old), new)
    model.graph.node.remove(old)


def _attributes(layer: Layer, pool: Layer | None, fold: Fold) -> tuple[str, dict[str, Any]]:
    """The operation that ``layer`` with ``pool`` in it becomes, and what of its attributes follows from layer and fold."""
    shape = static_parameters(layer, fold.pixels, pool) if fold.static else shared_parameters(layer, fold, pool)
    found: dict[str, Any] = {name.capitalize(): list(shape[name]) for name in ("kernel", "stride", "pad", "pool")}
    found |= {"Frame": [shape["height"], shape["width"], shape["channels"]], "Pixels": fold.pixels}
    if fold.static:
        return "StaticConv_rtl", found
    found |= {name.capitalize(): int(shape[name]) for name in ("beat", "inputs", "outputs", "lanes", "lut", "binary", "depthwise")}
    return "SharedConv_rtl", found | {"WeightBits": shape["weight_bits"], "Exchangeable": int(layer.exchangeable)}
