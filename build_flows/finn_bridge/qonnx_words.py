"""The one list of what a user's QONNX may be made of, and what to do instead of the rest."""

from typing import Any

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import called

__all__ = ["ALLOWED", "unknown"]

ALLOWED = (
    "Conv, Gemm, MatMul, BatchNormalization, Add, Sub, Mul, Div (of constants), Relu, Clip, Quant, BipolarQuant, Pad, MaxPool, "
    "Resize and Upsample (nearest, by whole factors), "
    "AveragePool, GlobalAveragePool, ReduceMean (over the whole map), Flatten, Reshape and Squeeze (to a vector), Transpose, Identity, "
    "Dropout"
)
QCDQ = "a QuantizeLinear must have a DequantizeLinear behind it, a Clip between them allowed"
SIGN = "a quantiser of 1 bit in its place (act_quant=SignedBinaryActPerTensorConst), which makes 1 of 0"
CUT = "at the end of the network it is cut off where it goes over the classes; elsewhere leave it out"
CURVED = "no thresholds are made of it; a QuantHardTanh, QuantReLU or QuantIdentity in its place"
NORM = "a batch norm in its place"
RECURRENT = "convolutions over time, on images of time x 1"
INSTEAD = {
    "Sign": SIGN,
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), QCDQ),
    **dict.fromkeys(("Softmax", "LogSoftmax", "ArgMax", "TopK"), CUT),
    **dict.fromkeys(("Tanh", "Sigmoid", "HardSigmoid", "HardSwish", "Elu", "Gelu", "Erf", "LeakyRelu", "PRelu", "Selu"), CURVED),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization", "GroupNormalization"), NORM),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), RECURRENT),
    "Trunc": "nn.AvgPool2d or nn.AdaptiveAvgPool2d, with a QuantIdentity behind it or without, in the place of TruncAvgPool2d",
    "ConvTranspose": "an Upsample (nearest) and a convolution in its place",
    "GlobalMaxPool": "a MaxPool whose kernel is the whole map",
}


def unknown(node: Any) -> CompileError:
    """The refusal of a node that no hardware layer is made of."""
    more = f"; {INSTEAD[node.op_type]}" if node.op_type in INSTEAD else ""
    return CompileError(f"{called(node)} has no hardware layer{more}; allowed: {ALLOWED}")
