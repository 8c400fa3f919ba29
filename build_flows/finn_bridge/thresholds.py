"""Integer thresholds and accumulator widths: FINN's are held against the golden model's, which win."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.golden_file import IntArray
from build_flows.finn_bridge.name_layers import Unit

__all__ = ["accumulator_range", "integer_type", "reconcile"]

ROUNDING = 0.01
"""How far from a step FINN's float32 may put a threshold that belongs on its other side; a large one some units of its last place."""


def integer_type(low: int, high: int, *, signed: bool) -> str:
    """Name of the narrowest FINN integer type that holds ``low`` to ``high``: ``INT2`` and wider, or ``UINT1`` and wider."""
    if not signed:
        if low < 0:
            raise ValueError(f"an unsigned type cannot hold {low}")
        return f"UINT{max(1, high.bit_length())}"
    return f"INT{max(2, 1 + max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0))}"


def accumulator_range(weights: IntArray, low: int, high: int) -> tuple[IntArray, IntArray]:
    """Smallest and largest accumulator of each output; ``weights`` is ``[in, out]``, inputs are ``low <= 0`` to ``high >= 0``."""
    above, below = np.maximum(weights, 0).sum(axis=0), np.minimum(weights, 0).sum(axis=0)
    return above * low + below * high, above * high + below * low


def reconcile(model: ModelWrapper, units: tuple[Unit, ...], exchangeable: bool = False) -> int:
    """Set accumulator types from the weights and put the golden model's thresholds into every thresholding unit, in place. With
    ``exchangeable`` heads, the types of accumulators and thresholds there hold whatever weights of their data type can make.

    Thresholds that no accumulator of their channel can reach are drawn in to the nearest that decides the same. Returns how many
    thresholds were off by one and no further than float32 rounds; raises :class:`CompileError` on a larger difference, naming layer,
    channel and both values. All others decide what FINN's own do, so that what FINN executes are its own decisions.
    """
    low = high = np.zeros(0, dtype=np.int64)
    rounded = 0
    nodes = {node.name: node for node in model.graph.node}
    for unit in units:
        node = nodes[unit.name]
        op = getCustomOp(node)
        layer = unit.layer
        any_weights = exchangeable and unit.head
        if node.op_type in ("MVAU_rtl", "GlobalAccPool_rtl"):
            kind = op.get_input_datatype(0)
            if node.op_type == "MVAU_rtl":
                assert layer is not None
                least = int(op.get_input_datatype(1).min())
                weights = layer.matrix if not any_weights else np.full_like(layer.matrix, -least - 1)
                low, high = accumulator_range(weights, int(kind.min()), int(kind.max()))
                if any_weights:
                    # Of either sign, each of them.
                    high = np.maximum(high, -low)
                    low = -high
                name = integer_type(int(low.min()), int(high.max()), signed=True)
                op.set_nodeattr("outputDataType", name)
                op.set_nodeattr("accDataType", name)
                if int(layer.matrix.min()) <= least:
                    raise CompileError(f"{layer.name}: weights must be narrow, above {least}, for the MVAU core on DSP48E1")
            else:
                pixels, channels = int(np.prod(op.get_nodeattr("numInputVectors"))), op.get_nodeattr("NumChannels")
                low, high = (np.full(channels, pixels * int(limit), dtype=np.int64) for limit in (kind.min(), kind.max()))
            model.set_tensor_datatype(node.output[0], op.get_output_datatype())
        elif node.op_type in ("StreamConcat_rtl", "Upsample_rtl"):
            op.infer_node_datatype(model)
        elif node.op_type == "StreamAdd_rtl":
            op.infer_node_datatype(model)
            low, high = _everywhere(op.get_output_datatype(), op.get_nodeattr("NumChannels"))
        elif node.op_type == "Thresholding_rtl":
            assert layer is not None
            wanted = layer.arrays["thresholds"]
            if layer.kind == "threshold":
                low, high = _everywhere(model.get_tensor_datatype(node.input[0]), op.get_nodeattr("NumChannels"))
            if wanted.shape != (op.get_nodeattr("NumChannels"), op.get_nodeattr("numSteps")):
                raise CompileError(
                    f"{layer.name}: the golden model must have {op.get_nodeattr('NumChannels')} x {op.get_nodeattr('numSteps')} "
                    f"thresholds, not {wanted.shape[0]} x {wanted.shape[1]}"
                )
            own, ours = np.broadcast_to(model.get_initializer(node.input[1]).astype(np.float64), wanted.shape), wanted
            wanted, found = (np.clip(item, low[:, None], high[:, None] + 1) for item in (ours, np.ceil(own)))
            off = np.abs(found - wanted)
            if off.max() > 1:
                channel, step = np.unravel_index(int(np.argmax(off)), off.shape)
                raise CompileError(
                    f"{layer.name}: threshold {step} of channel {channel} must be {wanted[channel, step]} as in the golden model, "
                    f"not {found[channel, step]:.0f}"
                )
            _refuse_far(layer.name, own, ours, off)
            rounded += int(np.count_nonzero(off))
            kind = model.get_tensor_datatype(node.input[0])
            op.set_nodeattr("inputDataType", kind.name)
            least, most = (int(low.min()), int(high.max()) + 1) if any_weights else (int(wanted.min()), int(wanted.max()))
            name = integer_type(least, most, signed=kind.signed())
            op.set_nodeattr("weightDataType", name)
            model.set_initializer(node.input[1], wanted.astype(np.float32))
            model.set_tensor_datatype(node.input[1], DataType[name])
    return rounded


def _everywhere(kind: Any, channels: int) -> tuple[IntArray, IntArray]:
    """Smallest and largest value of a type, for every channel."""
    low, high = (np.full(channels, int(limit), dtype=np.int64) for limit in (kind.min(), kind.max()))
    return low, high


def _refuse_far(name: str, own: npt.NDArray[np.float64], ours: IntArray, off: npt.NDArray[Any]) -> None:
    """Raise :class:`CompileError` for a threshold of FINN's ``own`` that is ``off`` by one of the golden model's, yet not as near to the
    step between the two as float32 rounds: that is another threshold."""
    past = np.where(own > ours, own - ours, ours - 1 - own)
    for channel, step in np.argwhere((off > 0) & (past > np.maximum(ROUNDING, np.abs(ours) * 2.0**-20))):
        raise CompileError(
            f"{name}: threshold {step} of channel {channel} must be above {ours[channel, step] - 1} and at most {ours[channel, step]} as "
            f"in the golden model, not {own[channel, step]:.6g}, which is further off than float32 rounds"
        )
