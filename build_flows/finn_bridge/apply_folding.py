"""Set the folding of every unit and join units whose beats differ with FINN's width converter.

What a unit may be folded to, and what the folding of a layer means for each of its units, is :mod:`build_flows.planning.layer_costs`' to
say (in plain Python, for the search); what is applied here is its plan.
"""

from collections.abc import Mapping
from typing import Any

from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.name_layers import Unit
from build_flows.planning.layer_costs import SUFFIXES, Fold, converter, fold_error, units_of_chain
from build_flows.planning.layer_costs import Unit as Plan
from build_flows.planning.network import Layer, Network

__all__ = ["apply_folding", "read_folds"]

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
ATTRIBUTES = {
    "pe": "PE", "simd": "SIMD", "parallel_window": "parallel_window", "pixels": "Pixels", "inputs": "Inputs", "outputs": "Outputs",
    "lanes": "Lanes",
}


def apply_folding(
    model: ModelWrapper, units: tuple[Unit, ...], folds: Mapping[str, Fold], network: Network
) -> tuple[ModelWrapper, tuple[Unit, ...], dict[str, Plan]]:
    """Fold every unit as ``folds`` (by golden layer name) says; a fork takes the PE of the unit in front of it, one of the images
    that of the first layer.

    Converters are called after the unit they feed, ``<unit>_dwc`` (``<unit>_dwc1`` at its second input), and belong to its stage or head.
    Returns the new model, its units, converters included, in streaming order, and the plan of every unit but forks by name.
    """
    plans = {layer.name + SUFFIXES[plan.kind]: plan for chain in network.chains for layer, planned, _ in units_of_chain(chain, folds)
             for plan in planned if plan.kind != "converter"}
    nodes = {node.name: node for node in model.graph.node}
    for unit in units:
        node = nodes[unit.name]
        op = getCustomOp(node)
        if unit.layer is None:
            continue
        plan = plans[unit.name]
        for key, value in plan.folding.items():
            op.set_nodeattr(ATTRIBUTES[key], value)
        if unit.role == "_swg":
            op.set_nodeattr("ram_style", plan.ram_style or "auto")
        if unit.role == "_mvau":
            op.set_nodeattr("mem_mode", "internal_decoupled")
            op.set_nodeattr("resType", "dsp")
            # Weights are only read: "distributed" asks for a writable memory, which Yosys then does not find.
            op.set_nodeattr("ram_style", "block" if plan.ram_style == "block" else "auto")
    first = next(node for node in model.graph.node if node.name == _first_unit(units))
    for unit in units:
        if unit.layer is None:
            node = nodes[unit.name]
            source = model.find_producer(node.input[0])
            op = getCustomOp(first if source is None else source)
            shape = op.get_folded_input_shape() if source is None else op.get_folded_output_shape()
            getCustomOp(node).set_nodeattr("PE", int(shape[-1]))
    model = model.transform(InsertDWC())
    return model, _name_converters(model, units, plans), plans


def read_folds(folding: Mapping[str, Mapping[str, int | str]], network: Network) -> dict[str, Fold]:
    """The table of ``folding.toml`` as checked folds.

    Raises :class:`CompileError` for a layer without folding, an unknown layer or key, and a value that a unit does not take.
    """
    names = [layer.name for layer in network.layers]
    unknown = [name for name in folding if name not in names]
    if unknown:
        raise CompileError(f"folding names {unknown[0]!r}, which is no layer; layers are {', '.join(names)}")
    folds = {layer.name: _fold(layer, folding.get(layer.name)) for layer in network.layers}
    for chain in network.chains:
        try:
            list(units_of_chain(chain, folds))
        except ValueError as error:
            raise CompileError(str(error)) from error
    return folds


def _fold(layer: Layer, values: Mapping[str, int | str] | None) -> Fold:
    if values is None:
        raise CompileError(f"{layer.name} has no folding")
    odd = sorted(set(values) - {*ATTRIBUTES, "body"})
    if odd:
        raise CompileError(f"{layer.name}: folding has no key {odd[0]!r}; keys are {', '.join((*ATTRIBUTES, 'body'))}")
    if values.get("parallel_window", 0) not in (0, 1):
        raise CompileError(f"{layer.name}: parallel_window must be 0 or 1, not {values['parallel_window']}")
    fold = Fold(
        int(values.get("pe", 1)), int(values.get("simd", 1)), bool(values.get("parallel_window", 0)), str(values.get("body", "finn")),
        **{key: int(values.get(key, 1)) for key in ("pixels", "inputs", "outputs", "lanes")},
    )
    reason = fold_error(layer, fold)
    if reason:
        raise CompileError(f"{layer.name}: {reason}")
    return fold


def _first_unit(units: tuple[Unit, ...]) -> str:
    """The first unit of the first layer, which says what of the images comes a beat."""
    return next(unit.name for unit in units if unit.layer is not None)


def _name_converters(model: ModelWrapper, units: tuple[Unit, ...], plans: dict[str, Plan]) -> tuple[Unit, ...]:
    before: dict[str, list[Unit]] = {}
    known = {unit.name: unit for unit in units}
    for node in model.graph.node:
        if node.op_type != "StreamingDataWidthConverter":
            continue
        (reader,) = model.find_consumers(node.output[0])
        fed, place = known[reader.name], list(reader.input).index(node.output[0])
        node.name, node.op_type, node.domain = f"{fed.name}_dwc{place or ''}", "StreamingDataWidthConverter_rtl", RTL_DOMAIN
        model.set_tensor_datatype(node.output[0], model.get_tensor_datatype(node.input[0]))
        before.setdefault(fed.name, []).append(Unit(node.name, fed.layer, "_dwc", fed.stage, fed.head))
        plan = _converter(getCustomOp(node))
        plans[node.name] = plan
    return tuple(item for unit in units for item in (*before.get(unit.name, ()), unit))


def _converter(op: Any) -> Plan:
    width = op.get_instream_width()
    beats = 1
    for side in op.get_folded_input_shape()[:-1]:
        beats *= int(side)
    plan = converter(width, op.get_outstream_width(), beats * width)
    assert plan is not None, "a converter stands where widths differ"
    return plan
