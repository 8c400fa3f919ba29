"""Set the folding of every unit and join units whose beats differ with FINN's width converter."""

from collections.abc import Mapping
from typing import Any

from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.folding_rules import fold_units
from build_flows.finn_bridge.golden_file import GoldenLayer
from build_flows.finn_bridge.name_layers import Unit

__all__ = ["apply_folding"]

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"


def apply_folding(
    model: ModelWrapper, units: tuple[Unit, ...], folding: Mapping[str, Mapping[str, int]]
) -> tuple[ModelWrapper, tuple[Unit, ...]]:
    """Fold every unit as ``folding`` (by golden layer name) and :mod:`~build_flows.finn_bridge.folding_rules` say.

    A fork takes the PE of the unit in front of it. Converters are called after the unit they feed, ``<unit>_dwc``, and belong to its
    stage or head. Returns the new model and its units, converters included, in streaming order. Raises :class:`CompileError` for a
    layer without folding, an unknown layer, and a value that the unit does not take.
    """
    layers = {unit.layer.name: unit.layer for unit in units if unit.layer is not None}
    for name in folding:
        if name not in layers:
            raise CompileError(f"folding names {name!r}, which is no layer; layers are {', '.join(layers)}")
    nodes = {node.name: node for node in model.graph.node}
    for unit in units:
        node = nodes[unit.name]
        op = getCustomOp(node)
        if unit.layer is None:
            op.set_nodeattr("PE", _lanes(model, node.input[0]))
            continue
        if unit.layer.name not in folding:
            raise CompileError(f"{unit.layer.name} has no folding")
        channels = _channels(model, node, unit.layer)
        try:
            settings = fold_units(unit.layer.spec, *channels, folding[unit.layer.name])[unit.role]
        except ValueError as error:
            raise CompileError(str(error)) from None
        for key, value in settings.items():
            op.set_nodeattr(key, value)
        if unit.role == "_mvau":
            op.set_nodeattr("mem_mode", "internal_decoupled")
            op.set_nodeattr("resType", "dsp")
    model = model.transform(InsertDWC())
    return model, _name_converters(model, units)


def _channels(model: ModelWrapper, node: Any, layer: GoldenLayer) -> tuple[int, int]:
    """Channels into and out of ``layer``."""
    if layer.kind in ("conv", "linear"):
        weight = layer.arrays["weight"]
        return weight.shape[-1], weight.shape[0]
    channels = model.get_tensor_shape(node.input[0])[-1]
    return channels, channels


def _lanes(model: ModelWrapper, tensor: str) -> int:
    """Values in a beat of the unit that writes ``tensor``; units in front of a fork are folded before it."""
    producer = model.find_producer(tensor)
    return 1 if producer is None else int(getCustomOp(producer).get_folded_output_shape()[-1])


def _name_converters(model: ModelWrapper, units: tuple[Unit, ...]) -> tuple[Unit, ...]:
    before: dict[str, Unit] = {}
    known = {unit.name: unit for unit in units}
    for node in model.graph.node:
        if node.op_type != "StreamingDataWidthConverter":
            continue
        (reader,) = model.find_consumers(node.output[0])
        fed = known[reader.name]
        node.name, node.op_type, node.domain = f"{fed.name}_dwc", "StreamingDataWidthConverter_rtl", RTL_DOMAIN
        model.set_tensor_datatype(node.output[0], model.get_tensor_datatype(node.input[0]))
        before[fed.name] = Unit(node.name, fed.layer, "_dwc", fed.stage, fed.head)
    return tuple(item for unit in units for item in ((before[unit.name], unit) if unit.name in before else (unit,)))
