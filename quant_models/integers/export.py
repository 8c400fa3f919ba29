"""What leaves this room: ``golden.npz`` (docs/interfaces.md, section 2) and QONNX."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brevitas.export import export_qonnx as brevitas_export
from torch import Tensor, nn

from quant_models.files import atomic
from quant_models.integers.view import IntegerLayer, frozen, integer_layers, integer_logits, thresholds
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import INPUT_BITS, Conv, GlobalPool, Linear, MaxPool, Size, both

__all__ = ["export_golden", "export_qonnx", "golden", "integer_logits"]


def _size(size: Size) -> int | list[int]:
    height, width = both(size)
    return height if height == width else [height, width]


def _layer(layer: IntegerLayer, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    unit, spec = layer.unit, layer.unit.layer
    record: dict[str, Any] = {"name": unit.name}
    if isinstance(spec, MaxPool):
        return {**record, "kind": "maxpool", "kernel": _size(spec.kernel), "stride": _size(spec.stride)}
    if isinstance(spec, GlobalPool):
        record |= {"kind": "global_sum"}
    else:
        record |= {"weight": f"{unit.name}.weight", "weight_bits": spec.weight_bits, "in_bits": unit.in_bits, "in_signed": unit.in_signed}
        assert layer.weight is not None
        weight = layer.weight.numpy().astype(np.int8)
        if isinstance(spec, Conv):
            record |= {"kind": "conv", "kernel": _size(spec.kernel), "pad": _size(spec.pad), "stride": _size(spec.stride)}
            weight = weight.transpose(0, 2, 3, 1)
        else:
            # PyTorch flattens channel by channel, the hardware streams pixel by pixel.
            height, width, channels = unit.in_shape
            record |= {"kind": "linear"}
            weight = weight.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(weight), -1)
        arrays[record["weight"]] = np.ascontiguousarray(weight)
    if isinstance(spec, Linear) and spec.act is None:
        assert layer.bias is not None
        assert layer.scale is not None
        arrays[f"{unit.name}.bias"] = layer.bias.numpy()
        return {**record, "bias": f"{unit.name}.bias", "scale": float(layer.scale)}
    assert spec.act is not None
    arrays[f"{unit.name}.thresholds"] = thresholds(layer)
    return {
        **record, "thresholds": f"{unit.name}.thresholds",
        "out_bits": spec.act.bits, "out_signed": spec.act.signed, "out_min": spec.act.minimum,
    }


def golden(model: MultiExitNet) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """``meta`` and the arrays of ``golden.npz``: the whole network in integers."""
    spec = model.spec
    arrays: dict[str, np.ndarray] = {}
    blocks: dict[str, list[dict[str, Any]]] = {key: [{"layers": []} for _ in range(spec.exits)] for key in ("stage", "head", "gate")}
    with frozen(model):
        for layer in integer_layers(model):
            blocks[layer.where][layer.index]["layers"].append(_layer(layer, arrays))
    image = {"height": spec.height, "width": spec.width, "channels": spec.channels, "bits": INPUT_BITS, "signed": False}
    meta = {"version": 1, "name": spec.name, "classes": spec.classes, "input": image, "stages": blocks["stage"], "heads": blocks["head"]}
    if spec.gates:
        meta["gates"] = blocks["gate"]
    return meta, arrays


def export_golden(model: MultiExitNet, path: Path) -> None:
    """Write ``golden.npz``: the integer network as Brevitas has it. Written atomically; the same model gives the same bytes."""
    meta, arrays = golden(model)
    content: dict[str, Any] = {"meta": np.array(json.dumps(meta, sort_keys=True)), **arrays}
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **content)


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

    Written atomically.
    """
    spec = model.spec
    image = torch.zeros(1, spec.channels, spec.height, spec.width)
    with frozen(model), atomic(path) as temporary:
        brevitas_export(
            _Outputs(model).eval() if spec.gates else model, args=image, export_path=str(temporary), dynamo=False,
            input_names=["image"], output_names=[*(f"exit{k}" for k in range(spec.exits)), *(f"gate{k}" for k in spec.gated)],
        )
