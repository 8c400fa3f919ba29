"""Integer layers as a multi-output QONNX in the one form that the compiler reads: whole weights, one ``Mul`` and ``Add`` a layer."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from build_flows.artefacts.own_layers import IMAGE, OwnLayer, OwnNetwork
from build_flows.base.files import write_bytes

__all__ = ["write_qonnx"]

QONNX = "qonnx.custom_op.general"
OPSETS = (helper.make_opsetid("", 20), helper.make_opsetid(QONNX, 2))
IR = 10


def write_qonnx(network: OwnNetwork, path: Path) -> None:
    """Write ``network`` to ``path``, atomically: input ``image``, float ``[1, channels, height, width]`` that holds pixels times
    ``network.scale``; outputs ``exit0``, ``exit1``, ... The same network gives the same bytes."""
    writer = _Writer()
    height, width, channels = network.shape
    tensors = {IMAGE: writer.quant("image", "input", network.scale, 8, signed=False)}
    outputs = []
    for k, (stage, head) in enumerate(zip(network.stages, network.heads, strict=True)):
        for layer in (*stage, *head):
            tensors[layer.name] = writer.layer(layer, [tensors[name] for name in layer.inputs])
        writer.node("Identity", [tensors[head[-1].name]], f"exit{k}")
        outputs.append(helper.make_tensor_value_info(f"exit{k}", TensorProto.FLOAT, [1, head[-1].out_shape[2]]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, height, width])
    graph = helper.make_graph(writer.nodes, "network", [image], outputs, writer.constants)
    write_bytes(path, helper.make_model(graph, opset_imports=OPSETS, ir_version=IR, producer_name="offramp").SerializeToString(
        deterministic=True))


class _Writer:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.NDArray[Any] | float) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def quant(self, tensor: str, name: str, scale: npt.NDArray[Any] | float, bits: int, *, signed: bool, narrow: bool = False) -> str:
        constants = [self.constant(f"{name}.{key}", value) for key, value in (("scale", scale), ("zero", 0.0), ("bits", bits))]
        return self.node(
            "Quant", [tensor, *constants], f"{name}.quantised", QONNX, signed=int(signed), narrow=int(narrow), rounding_mode="ROUND"
        )

    def layer(self, layer: OwnLayer, given: list[str]) -> str:
        """The nodes of one layer that reads the tensors ``given``; the tensor that it gives."""
        name, (tensor, *others) = layer.name, given
        if layer.kind == "concat":
            return self.node("Concat", given, name, axis=1)
        if layer.kind == "upsample":
            scales = self.constant(f"{name}.scales", np.array([1, 1, *layer.factor]))
            return self.node("Resize", [tensor, "", scales], name, mode="nearest", coordinate_transformation_mode="asymmetric",
                             nearest_mode="floor")
        if layer.kind == "maxpool":
            return self.node("MaxPool", [tensor], name, kernel_shape=list(layer.kernel), strides=list(layer.stride))
        assert layer.slope is not None
        assert layer.offset is not None
        unit = np.full(len(layer.slope), layer.in_scale)
        shape: tuple[int, ...] = (1, -1, 1, 1)
        for place, other in enumerate(others):
            tensor = self.node("Add", [tensor, other], f"{name}.sum{place}")
        if layer.kind == "global_sum":
            pixels = layer.in_shape[0] * layer.in_shape[1]
            tensor, unit = self.node("GlobalAveragePool", [tensor], f"{name}.mean"), unit / pixels
        elif layer.weight is not None:
            tensor = self.products(layer, tensor)
            assert layer.weight_scale is not None
            unit = unit * layer.weight_scale
        factor, offset = layer.slope / unit, layer.offset
        if layer.kind == "linear":
            shape = (1, -1)
        if layer.bias is not None:
            # One scale for all logits, in the weights already: what is left is the bias.
            return self.node("Add", [tensor, self.constant(f"{name}.bias", (layer.bias * layer.scale).reshape(shape))], f"{name}.biased")
        tensor = self.node("Mul", [tensor, self.constant(f"{name}.factor", factor.reshape(shape))], f"{name}.scaled")
        tensor = self.node("Add", [tensor, self.constant(f"{name}.offset", offset.reshape(shape))], f"{name}.moved")
        if layer.act_low is not None or layer.act_sign:
            return self.levels(layer, tensor)
        if not layer.act_signed:
            tensor = self.node("Relu", [tensor], f"{name}.positive")
        return self.quant(tensor, name, layer.scale, layer.act_bits, signed=layer.act_signed)

    def levels(self, layer: OwnLayer, tensor: str) -> str:
        """An activation that gives not all integers of its bits: their steps one by one, for a Quant has no such form."""
        assert layer.slope is not None
        assert layer.offset is not None
        name, steps = layer.name, np.arange(1, 1 << layer.act_bits) + layer.minimum
        low, high = (given if given is not None else np.full(len(layer.slope), least) for given, least in (
            (layer.act_low, layer.minimum), (layer.act_high, layer.minimum + len(steps))))
        # Farther than any accumulator goes: a step there is always taken, or never.
        far = 2 * (abs(layer.slope) * layer.reach + abs(layer.offset) + layer.scale * len(steps))[:, None]
        real = np.broadcast_to(0.0 if layer.act_sign else (steps - 0.5) * layer.scale, (len(far), len(steps)))
        real = np.where(steps <= low[:, None], -far, np.where(steps > high[:, None], far, real))
        kind = f"{'' if layer.act_signed else 'U'}INT{layer.act_bits}"
        tensor = self.node("MultiThreshold", [tensor, self.constant(f"{name}.steps", real)], f"{name}.level", QONNX, out_dtype=kind,
                           out_bias=float(layer.minimum))
        return self.node("Mul", [tensor, self.constant(f"{name}.scale", layer.scale)], f"{name}.quantised")

    def products(self, layer: OwnLayer, tensor: str) -> str:
        name, weight, scale = layer.name, layer.weight, layer.weight_scale
        assert weight is not None
        assert scale is not None
        bits = max(2, layer.weight_bits)    # FINN's matrix unit has no weights of 1 bit; -1 and 1 are narrow ones of 2
        if layer.kind == "conv":
            real = weight.transpose(0, 3, 1, 2) * scale.reshape(-1, 1, 1, 1)
            kernel = self.quant(self.constant(f"{name}.weight", real), f"{name}.weight", scale.reshape(-1, 1, 1, 1), bits,
                                signed=True, narrow=True)
            return self.node("Conv", [tensor, kernel], f"{name}.sum", kernel_shape=list(layer.kernel), pads=list(layer.pad) * 2,
                             strides=list(layer.stride), dilations=[1, 1], group=1)
        # A map is flattened channel by channel here, pixel by pixel in the hardware.
        rows, columns, channels = layer.in_shape
        flat = weight.reshape(-1, rows, columns, channels).transpose(0, 3, 1, 2).reshape(len(weight), -1).T
        if layer.bias is None:
            real, scale = flat * scale, scale.reshape(1, -1)
        else:
            real, scale = flat * scale[0], scale[:1].reshape(())
        matrix = self.quant(self.constant(f"{name}.weight", real), f"{name}.weight", scale, bits, signed=True, narrow=True)
        return self.node("MatMul", [self.node("Flatten", [tensor], f"{name}.flat", axis=1), matrix], f"{name}.sum")
