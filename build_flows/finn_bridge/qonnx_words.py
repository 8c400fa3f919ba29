"""The one list of what a user's QONNX may be made of, and what to do instead of the rest."""

from typing import Any

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import called

__all__ = ["ALLOWED", "unknown"]

ALLOWED = (
    "Conv, Gemm, MatMul, BatchNormalization, Add, Sub, Mul, Div (of constants), Relu, Quant, MaxPool, GlobalAveragePool, "
    "AveragePool and ReduceMean (over the whole map), Flatten, Reshape and Squeeze (to a vector), Transpose, Identity, Dropout"
)
QCDQ = "a QuantizeLinear must have a DequantizeLinear behind it, a Clip between them allowed"
BIPOLAR = "1 bit is not built yet; the least is 2 (ternary weights: SignedTernaryWeightPerTensorConst; activations: QuantReLU(bit_width=2))"
CUT = "at the end of the network it is cut off where it goes over the classes; elsewhere leave it out"
CURVED = "no thresholds are made of it; a QuantHardTanh, QuantReLU or QuantIdentity in its place"
NORM = "a batch norm in its place"
RECURRENT = "convolutions over time, on images of time x 1"
INSTEAD = {
    **dict.fromkeys(("BipolarQuant", "Sign"), BIPOLAR),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), QCDQ),
    **dict.fromkeys(("Softmax", "LogSoftmax", "ArgMax", "TopK"), CUT),
    **dict.fromkeys(("Tanh", "Sigmoid", "HardSigmoid", "HardSwish", "Elu", "Gelu", "Erf", "LeakyRelu", "PRelu", "Selu"), CURVED),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization", "GroupNormalization"), NORM),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), RECURRENT),
    "Clip": "leave it out: the quantiser behind it has an upper end of its own",
    "Pad": "give the padding to the convolution behind it, the same on opposite sides",
    "Trunc": "nn.AdaptiveAvgPool2d(1) and a QuantIdentity in the place of TruncAvgPool2d",
    "Concat": "allowed: paths that do not join again",
    "GlobalMaxPool": "a MaxPool whose kernel is the whole map",
}


def unknown(node: Any) -> CompileError:
    """The refusal of a node that no hardware layer is made of."""
    more = f"; {INSTEAD[node.op_type]}" if node.op_type in INSTEAD else ""
    return CompileError(f"{called(node)} has no hardware layer{more}; allowed: {ALLOWED}")
