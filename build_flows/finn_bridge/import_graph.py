"""QONNX to FINN's graph of hardware layers: quantisers streamlined into integer thresholds, pools and forks as units of ours."""

from pathlib import Path
from typing import Any

import numpy as np
from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
from finn.transformation.fpgadataflow.convert_to_hw.fm_padding import InferFMPadding
from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import InferQuantizedMatrixVectorActivation
from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.transformation.move_reshape import RemoveCNVtoFCFlatten
from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
from finn.transformation.streamline import absorb, reorder
from finn.transformation.streamline.collapse_repeated import CollapseRepeatedAdd, CollapseRepeatedMul
from onnx import helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.batchnorm_to_affine import BatchNormToAffine
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import (
    ConvertDivToMul,
    ConvertSubToAdd,
    GiveReadableTensorNames,
    GiveUniqueNodeNames,
    RemoveStaticGraphInputs,
    RemoveUnusedTensors,
    SortGraph,
)
from qonnx.transformation.infer_data_layouts import InferDataLayouts
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
from qonnx.transformation.remove import RemoveIdentityOps
from qonnx.util.cleanup import cleanup_model

import build_flows.finn_bridge.rtl_layers  # noqa: F401 - registers our layers with FINN
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.graph_paths import fork_paths, join_paths
from build_flows.finn_bridge.maps_in_nhwc import NCHW_TO_NHWC, maps_in_nhwc

__all__ = ["import_graph"]

STREAMLINE = (
    ConvertSubToAdd, ConvertDivToMul, BatchNormToAffine, reorder.MoveMulPastMaxPool, absorb.AbsorbScalarBiasIntoMultiThreshold,
    reorder.MoveMulPastJoinAdd, reorder.MoveMulPastJoinConcat, reorder.MoveScalesPastIm2Col, reorder.MoveScalarLinearPastInvariants,
    reorder.MoveAddPastMul, reorder.MoveScalarAddPastMatMul, reorder.MoveAddPastConv, reorder.MoveScalarMulPastMatMul,
    reorder.MoveScalarMulPastConv, reorder.MoveAddPastMul, CollapseRepeatedAdd, CollapseRepeatedMul, reorder.MoveMulPastMaxPool,
    absorb.AbsorbAddIntoMultiThreshold, absorb.FactorOutMulSignMagnitude, absorb.AbsorbMulIntoMultiThreshold,
    absorb.Absorb1BitMulIntoMatMul, absorb.Absorb1BitMulIntoConv,
)
RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
HW_DOMAIN = "finn.custom_op.fpgadataflow"


def import_graph(model_onnx: Path, part: str) -> ModelWrapper:
    """Read a multi-output QONNX and return FINN's graph of hardware layers, in RTL variants for ``part``.

    The graph's input is NHWC, unsigned integers as the input quantiser makes them. Its outputs are still the real-valued logits, in
    exit order, those of gate heads behind them: after the last hardware layer of each head stand a ``Mul`` and perhaps an ``Add``. Raises
    :class:`CompileError` naming the operation that has no hardware layer.
    """
    try:
        model = ModelWrapper(str(model_onnx))
        learned = [int(item.name.removeprefix("gate")) for item in model.graph.output if item.name.startswith("gate")]
        model = cleanup_model(model)
    except Exception as error:
        raise CompileError(f"{model_onnx.name} is not a QONNX model: {error}") from error
    _drop_idle_flattens(model)
    _open_input(model)
    model = model.transform(ConvertQONNXtoFINN())
    for step in (InferShapes(), FoldConstants(), GiveUniqueNodeNames(), GiveReadableTensorNames(), InferDataTypes(),
                 RemoveStaticGraphInputs(), absorb.AbsorbScalarBiasIntoMultiThreshold()):
        model = model.transform(step)
    model = _streamline(model)
    model = model.transform(LowerConvsToMatMul())
    _of_one_channel(model)
    maps_in_nhwc(model)
    for step in (InferShapes(), InferDataTypes(), InferDataLayouts()):
        model = model.transform(step)
    model = _turn(model).transform(absorb.AbsorbTransposeIntoFlatten())
    model = _streamline(model)
    model = model.transform(InferDataLayouts())
    for step in (InferThresholdingLayer(), InferQuantizedMatrixVectorActivation(), InferConvInpGen(), InferFMPadding(),
                 RemoveCNVtoFCFlatten(), absorb.AbsorbConsecutiveTransposes()):
        model = model.transform(step)
    _drop_input_transpose(model)
    _drop_input_flatten(model)
    join_paths(model)
    # A linear layer may read what is joined there, which FINN knows as hardware only now.
    model = model.transform(RemoveCNVtoFCFlatten())
    fork_paths(model, learned)
    for node in model.graph.node:
        if node.domain == HW_DOMAIN:
            getCustomOp(node).set_nodeattr("preferred_impl_style", "rtl")
    for step in (SpecializeLayers(part), SortGraph(), InferShapes(), InferDataTypes(), RemoveUnusedTensors(), GiveReadableTensorNames()):
        model = model.transform(step)
    _bits_in_rtl(model)
    _only_hardware(model)
    return model


def _only(nodes: list[Any] | None, what: str) -> Any:
    if nodes is None or len(nodes) != 1:
        raise CompileError(f"{what} must have one consumer, not {len(nodes or [])}")
    return nodes[0]


def _drop_idle_flattens(model: ModelWrapper) -> None:
    """Flattening a vector does nothing; behind a fork no later step takes it away."""
    for node in list(model.graph.node):
        if node.op_type == "Flatten" and model.get_tensor_shape(node.input[0]) == model.get_tensor_shape(node.output[0]):
            for reader in model.find_consumers(node.output[0]) or []:
                for index, tensor in enumerate(reader.input):
                    if tensor == node.output[0]:
                        reader.input[index] = node.input[0]
            model.graph.node.remove(node)


def _open_input(model: ModelWrapper) -> None:
    """Take the input's quantiser away: the accelerator is fed its integers, so the graph's input is those, its scale a ``Mul``."""
    name = model.graph.input[0].name
    quant = _only(model.find_consumers(name), "the network's input")
    if quant.op_type != "Quant":
        raise CompileError(f"the network's input must go into a quantiser, not into {quant.op_type} {quant.name}")
    scale, zero, bits = (model.get_initializer(tensor) for tensor in quant.input[1:4])
    if scale is None or scale.size != 1 or zero is None or np.any(zero != 0):
        raise CompileError(f"input quantiser {quant.name} must have one scale and zero point 0")
    if getCustomOp(quant).get_nodeattr("signed") or not 1 <= int(bits) <= 8:
        raise CompileError(f"input quantiser {quant.name} must be unsigned with 1 to 8 bits, not bits={int(bits)}")
    place = list(model.graph.node).index(quant)
    model.graph.node.remove(quant)
    model.graph.node.insert(place, helper.make_node("Mul", [name, quant.input[1]], [quant.output[0]], name="input_scale"))
    model.set_tensor_datatype(name, DataType[f"UINT{int(bits)}"])


def _streamline(model: ModelWrapper) -> ModelWrapper:
    """Scales down the graph into thresholds, past forks as well: a round for each fork behind another.

    These are the steps of FINN's ``Streamline``, which tidies the whole graph after each of them; here only after those that found
    something to do, which takes a fraction of the time.
    """
    model = _each(model, STREAMLINE)
    while True:
        before = _wiring(model)
        model = _each(model, (reorder.MoveLinearPastFork,))
        if _wiring(model) == before:
            return model
        model = _each(model, STREAMLINE)


def _each(model: ModelWrapper, steps: tuple[Any, ...]) -> ModelWrapper:
    """``steps`` one after the other, the graph tidied after those that found something."""
    source = model.graph.input[0].name
    kind = model.get_tensor_datatype(source)
    for step in steps:
        before = _wiring(model)
        model = model.transform(step(), make_deepcopy=False, cleanup=False)
        if _wiring(model) != before:
            model.cleanup()
            for tidy in (RemoveIdentityOps, GiveUniqueNodeNames, GiveReadableTensorNames, InferDataTypes, InferDataLayouts):
                model = model.transform(tidy(), make_deepcopy=False, cleanup=False)
            if model.get_tensor_datatype(source) != kind:
                # Moving a scale past a pool makes what the pool reads a float, and nothing works the type of an input out again.
                model.set_tensor_datatype(source, kind)
                model = model.transform(InferDataTypes())
    return model


def _turn(model: ModelWrapper) -> ModelWrapper:
    """Transposes down the graph, into thresholds and past forks and sums, until they cancel: once for each fork or sum behind another."""
    while True:
        before = _wiring(model)
        for step in (absorb.AbsorbTransposeIntoMultiThreshold(), reorder.MoveTransposePastFork(),
                     reorder.MoveTransposePastJoinAdd(), reorder.MoveTransposePastJoinConcat(),
                     absorb.AbsorbTransposeIntoMultiThreshold(), absorb.AbsorbConsecutiveTransposes()):
            model = model.transform(step)
        if _wiring(model) == before:
            return model


def _of_one_channel(model: ModelWrapper) -> None:
    """A convolution of one channel to one is taken for depthwise by qonnx, which nothing is made of then; it is one as every other."""
    for node in model.graph.node:
        if node.op_type == "MatMul" and model.get_tensor_shape(node.input[1])[-1] == 1 and model.get_tensor_sparsity(node.input[1]):
            model.set_tensor_sparsity(node.input[1], None)
            before = model.find_producer(node.input[0])
            if before is not None and before.op_type == "Im2Col":
                getCustomOp(before).set_nodeattr("depthwise", 0)


def _wiring(model: ModelWrapper) -> list[tuple[str, ...]]:
    return [(node.op_type, *node.input, *node.output) for node in model.graph.node]


def _ints(node: Any, name: str, default: list[int]) -> list[int]:
    return next((list(item.ints) for item in node.attribute if item.name == name), default)


def _drop_input_transpose(model: ModelWrapper) -> None:
    """Images arrive in NHWC, so the transposes at the input go, and the input changes shape."""
    name = model.graph.input[0].name
    readers = model.find_consumers(name) or []
    if readers and all(node.op_type == "Transpose" and _ints(node, "perm", []) == NCHW_TO_NHWC for node in readers):
        kind, shape = model.get_tensor_datatype(name), model.get_tensor_shape(readers[0].output[0])
        for first in readers:
            for node in model.find_consumers(first.output[0]):
                node.input[list(node.input).index(first.output[0])] = name
            model.graph.node.remove(first)
        model.set_tensor_shape(name, shape)
        model.set_tensor_datatype(name, kind)


def _drop_input_flatten(model: ModelWrapper) -> None:
    """A linear layer that reads the images takes them in NHWC, as they arrive: its weights change places."""
    name = model.graph.input[0].name
    flat = (model.find_consumers(name) or [None])[0]
    if flat is None or flat.op_type not in ("Flatten", "Reshape"):
        return
    layer = _only(model.find_consumers(flat.output[0]), f"{flat.op_type} {flat.name}")
    if not layer.op_type.startswith("MVAU"):
        raise CompileError(f"{flat.op_type} {flat.name} must lead to a linear layer, not to {layer.op_type} {layer.name}")
    kind, (_, channels, height, width) = model.get_tensor_datatype(name), model.get_tensor_shape(name)
    weight = model.get_initializer(layer.input[1])
    maps = weight.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
    model.set_initializer(layer.input[1], maps.reshape(weight.shape))
    layer.input[0] = name
    model.graph.node.remove(flat)
    model.set_tensor_shape(name, [1, height, width, channels])
    model.set_tensor_datatype(name, kind)


def _bits_in_rtl(model: ModelWrapper) -> None:
    """Layers that read one bit a value, which FINN's RTL matrix unit does not take: they are named as such all the same, for they are
    executed alike, and planned as units of ours alone (:func:`build_flows.planning.layer_costs.fold_error`)."""
    for node in model.graph.node:
        if node.op_type == "MVAU_hls" and getCustomOp(node).get_input_datatype(0).bitwidth() == 1:
            node.op_type, node.domain = "MVAU_rtl", RTL_DOMAIN


def _only_hardware(model: ModelWrapper) -> None:
    """Refuse what has no hardware layer, apart from the scale and bias behind each head."""
    for node in model.graph.node:
        if node.domain == RTL_DOMAIN:
            continue
        behind = model.find_direct_successors(node) or []
        if node.op_type in ("Mul", "Add") and all(item.op_type in ("Mul", "Add") for item in behind):
            continue
        if node.domain.startswith(HW_DOMAIN):
            raise CompileError(f"layer {node.op_type} {node.name} has no RTL variant for these data types")
        raise CompileError(f"operation {node.op_type} {node.name} has no hardware layer")
