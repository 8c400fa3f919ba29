"""Cut what stands behind each head's last hardware layer: logit scale and bias, which the exit decision has as integers."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.golden_file import GoldenFile, GoldenLayer

__all__ = ["cut_tails"]

SCALE_TOLERANCE = 1e-5


def cut_tails(model: ModelWrapper, golden: GoldenFile) -> None:
    """Make each output, those of gate heads behind the others, the integer accumulator of its head's last MVAU, in place.

    The ``Mul`` and ``Add`` cut away must be one scale and, in units of it, the integer biases of ``golden``; raises
    :class:`CompileError` naming the exit when they are not.
    """
    ends = [(f"exit {k}", head[-1]) for k, head in enumerate(golden.heads)]
    ends += [(f"gate head of exit {k}", gate[-1]) for k, gate in golden.gates.items()]
    if len(model.graph.output) != len(ends):
        raise CompileError(f"the model must have {len(ends)} outputs like the golden model, not {len(model.graph.output)}")
    accumulators = []
    for (told, last), output in zip(ends, list(model.graph.output), strict=True):
        scale, offset, tensor = np.float64(1), np.zeros(1), output.name
        while (node := model.find_producer(tensor)) is not None and node.op_type in ("Mul", "Add"):
            value = model.get_initializer(node.input[1])
            if value is None:
                raise CompileError(f"{told}: {node.op_type} {node.name} must have a constant")
            value = np.asarray(value, dtype=np.float64)
            if node.op_type == "Add":
                offset = offset + scale * value
            elif value.size == 1:
                scale = scale * value.reshape(-1)[0]
            else:
                raise CompileError(f"{told}: logits must have one scale, not {value.size}")
            tensor = node.input[0]
            model.graph.node.remove(node)
        _compare(told, float(scale), offset, last)
        shape, kind = model.get_tensor_shape(tensor), model.get_tensor_datatype(tensor)
        accumulators.append((tensor, shape, kind))
    del model.graph.output[:]
    for tensor, shape, kind in accumulators:
        for item in list(model.graph.value_info):
            if item.name == tensor:
                model.graph.value_info.remove(item)
        model.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape))
        model.set_tensor_datatype(tensor, kind)


def _compare(told: str, scale: float, offset: Any, last: GoldenLayer) -> None:
    if "scale" not in last.spec or "bias" not in last.arrays:
        raise CompileError(f"{last.name} must have a bias and a scale: it is the last layer of {told}")
    wanted = last.spec["scale"]
    if abs(scale - wanted) > SCALE_TOLERANCE * wanted:
        raise CompileError(f"{told}: the logit scale must be {wanted} as in the golden model, not {scale}")
    bias = last.arrays["bias"]
    found = np.broadcast_to(offset.reshape(-1) / scale, bias.shape)
    wrong = np.flatnonzero(np.rint(found).astype(np.int64) != bias)
    if wrong.size or np.any(np.abs(found - bias) > 0.25):
        worst = int(wrong[0]) if wrong.size else int(np.argmax(np.abs(found - bias)))
        raise CompileError(f"{told}: the bias of class {worst} must be {bias[worst]} accumulator units, not {found[worst]:.3f}")
