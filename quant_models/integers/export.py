"""What leaves this room: ``golden.npz`` (docs/interfaces.md, section 2) and QONNX."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brevitas.export.onnx.qonnx.function import BrevitasQuantOp
from brevitas.export.onnx.qonnx.handler import BrevitasActQuantProxyHandler
from brevitas.export.onnx.qonnx.manager import QONNXManager
from torch import Tensor, nn

from quant_models.files import atomic
from quant_models.integers.describe import describe
from quant_models.integers.plain import plain, spread
from quant_models.integers.view import IntegerLayer, frozen, integer_layers, integer_logits, thresholds
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import Conv

__all__ = ["export_golden", "export_qonnx", "golden", "integer_logits"]


def _fill(layer: IntegerLayer, record: dict[str, Any], arrays: dict[str, np.ndarray], scaled: bool) -> None:
    """The arrays that ``record`` names, and in it the scale of a head's last layer, and, where layers are ``scaled``, that of what it
    gives."""
    if "weight" in record:
        assert layer.weight is not None
        weight = layer.weight.numpy().astype(np.int8)
        if isinstance(layer.unit.layer, Conv):
            weight = spread(layer.weight, layer.unit.layer.groups).numpy().astype(np.int8).transpose(0, 2, 3, 1)
        else:
            # PyTorch flattens channel by channel, the hardware streams pixel by pixel.
            height, width, channels = layer.unit.in_shape
            weight = weight.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(weight), -1)
        arrays[record["weight"]] = np.ascontiguousarray(weight)
    if "bias" in record:
        assert layer.bias is not None
        assert layer.scale is not None
        arrays[record["bias"]] = layer.bias.numpy()
        record["scale"] = float(layer.scale)
    if "thresholds" in record:
        arrays[record["thresholds"]] = thresholds(layer)
        if scaled:
            record["scale"] = float(layer.act(torch.zeros(1, 1)).scale)


def golden(model: MultiExitNet) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """``meta`` and the arrays of ``golden.npz``: the whole network in integers."""
    meta, _ = describe(model.spec)
    blocks = [block for part in ("stages", "heads", "gates") for block in meta.get(part, ())]
    records = {record["name"]: record for block in blocks for record in block["layers"]}
    arrays: dict[str, np.ndarray] = {}
    with frozen(model):
        for layer in integer_layers(model):
            _fill(layer, records[layer.unit.name], arrays, scaled=meta["version"] > 1)
    return meta, arrays


def export_golden(model: MultiExitNet, path: Path) -> None:
    """Write ``golden.npz``: the integer network as Brevitas has it. Written atomically; the same model gives the same bytes."""
    meta, arrays = golden(model)
    content: dict[str, Any] = {"meta": np.array(json.dumps(meta, sort_keys=True)), **arrays}
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **content)


class _ActHandler(BrevitasActQuantProxyHandler):
    """Brevitas takes every activation of 1 bit for one of -1 and 1; those here are 0 and 1."""

    def prepare_for_export(self, module: Any) -> None:
        super().prepare_for_export(module)
        self.quant_op = BrevitasQuantOp


class _Manager(QONNXManager):
    """Brevitas' own export, with that."""

    handlers = (_ActHandler, *QONNXManager.handlers)


class _Outputs(nn.Module):
    """``model`` with the gate heads' logits among what it gives."""

    def __init__(self, model: MultiExitNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        logits, gates = [], []
        for k, features in enumerate(self.model.features(x)):
            logits.append(self.model.head(k, features))
            if k in self.model.spec.gated:
                gates.append(self.model.gate(k, features))
        return (*logits, *gates)


def export_qonnx(model: MultiExitNet, path: Path) -> None:
    """Write QONNX: input ``image``, float ``[1, channels, height, width]`` that holds ``pixel / 256``; outputs ``exit0``,
    ``exit1``, ... in exit order, then ``gate<k>``, ``[1, 1]``, of each gate head in exit order.

    Convolutions in groups are those of all channels, and weights of 1 bit those of 2, that :func:`quant_models.integers.plain.plain` makes
    of them. Written atomically.
    """
    model = plain(model)
    spec = model.spec
    image = torch.zeros(1, spec.channels, spec.height, spec.width)
    with frozen(model), atomic(path) as temporary:
        _Manager.export(
            _Outputs(model).eval() if spec.gates else model, args=image, export_path=str(temporary), dynamo=False,
            input_names=["image"], output_names=[*(f"exit{k}" for k in range(spec.exits)), *(f"gate{k}" for k in spec.gated)],
        )
