"""Small random networks as ``golden.npz``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import quick_simulator

quick_simulator.install()


class Writer:
    """Builds one golden.npz, layer by layer, with random weights and evenly spread thresholds."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.arrays: dict[str, Any] = {}

    def weight(self, name: str, shape: tuple[int, ...], bits: int) -> str:
        high = (1 << (bits - 1)) - 1
        self.arrays[f"{name}.weight"] = self.rng.integers(-high, high + 1, shape).astype(np.int8)
        return f"{name}.weight"

    def act(self, name: str, channels: int, bits: int, spread: int, signed: bool = False) -> dict[str, Any]:
        steps = np.sort(self.rng.integers(-spread, spread, (channels, (1 << bits) - 1)), axis=1)
        self.arrays[f"{name}.thresholds"] = steps.astype(np.int64)
        return {"thresholds": f"{name}.thresholds", "out_bits": bits, "out_signed": signed, "out_min": -(1 << (bits - 1)) if signed else 0,
                "scale": 0.5}

    def conv(self, name: str, cin: int, cout: int, kernel: Any, pad: Any, stride: Any, signed: bool = False) -> dict[str, Any]:
        sides = kernel if isinstance(kernel, list) else [kernel, kernel]
        return {"name": name, "kind": "conv", "kernel": kernel, "pad": pad, "stride": stride, "weight_bits": 4, "in_bits": 8,
                "in_signed": False, "weight": self.weight(name, (cout, *sides, cin), 4), **self.act(name, cout, 4, 600, signed)}

    def linear(self, name: str, cin: int, cout: int, bits: int = 4) -> dict[str, Any]:
        return {"name": name, "kind": "linear", "weight_bits": bits, "in_bits": 4, "in_signed": False,
                "weight": self.weight(name, (cout, cin), bits), **self.act(name, cout, bits, 100)}

    def logits(self, name: str, cin: int, classes: int) -> dict[str, Any]:
        self.arrays[f"{name}.bias"] = self.rng.integers(-50, 50, classes).astype(np.int64)
        return {"name": name, "kind": "linear", "weight_bits": 4, "in_bits": 4, "in_signed": False,
                "weight": self.weight(name, (classes, cin), 4), "bias": f"{name}.bias", "scale": 0.01}

    def table(self, name: str, kind: str, channels: int, bits: int, signed: bool = False) -> dict[str, Any]:
        """A layer ``threshold`` or ``add``."""
        return {"name": name, "kind": kind, "in_bits": 4, "in_signed": False, **self.act(name, channels, bits, 16, signed)}

    def write(self, path: Path, meta: dict[str, Any]) -> Path:
        np.savez(path, meta=np.array(json.dumps(meta)), **self.arrays)
        return path


def pool(name: str, kernel: Any = 2, stride: Any = 2) -> dict[str, Any]:
    """A max-pool layer."""
    return {"name": name, "kind": "maxpool", "kernel": kernel, "stride": stride}


def up(name: str, factor: Any) -> dict[str, Any]:
    """A layer that repeats pixels."""
    return {"name": name, "kind": "upsample", "factor": factor}


def image(*shape: int) -> dict[str, Any]:
    """Images of ``shape`` in version 2."""
    return {"shape": list(shape), "bits": 8, "signed": False, "encoding": "integer", "scale": 2**-8, "offset": 0.0}


def b_lenet(writer: Writer) -> dict[str, Any]:
    """The shape of b_lenet, with random numbers."""
    w = writer
    return {
        "version": 1, "name": "b_lenet", "classes": 10,
        "input": {"height": 28, "width": 28, "channels": 1, "bits": 8, "signed": False},
        "stages": [
            {"layers": [w.conv("stage0_conv0", 1, 5, 5, 4, 1), pool("stage0_pool0")]},
            {"layers": [w.conv("stage1_conv0", 5, 10, 5, 4, 1), pool("stage1_pool0"),
                        w.conv("stage1_conv1", 10, 20, 5, 3, 1), pool("stage1_pool1")]},
        ],
        "heads": [
            {"layers": [w.conv("head0_conv0", 5, 10, 3, 1, 1), pool("head0_pool0"), w.logits("head0_fc0", 640, 10)]},
            {"layers": [w.logits("head1_fc0", 720, 10)]},
        ],
    }


def mixed(writer: Writer) -> dict[str, Any]:
    """Every kind of layer: strides, signed activations, a global sum, a hidden linear layer, an empty stage."""
    w = writer
    return {
        "version": 1, "name": "mixed", "classes": 3,
        "input": {"height": 7, "width": 9, "channels": 2, "bits": 8, "signed": True},
        "stages": [
            {"layers": [w.conv("stage0_conv0", 2, 4, 3, 1, 2, signed=True)]},
            {"layers": []},
            {"layers": [w.conv("stage2_conv0", 4, 6, 3, 0, 1), pool("stage2_pool0", 2, 1)]},
        ],
        "heads": [
            {"layers": [{"name": "head0_sum0", "kind": "global_sum", **w.act("head0_sum0", 4, 4, 60)}, w.logits("head0_fc0", 4, 3)]},
            {"layers": [pool("head1_pool0", 3, 2), w.linear("head1_fc0", 8, 5), w.logits("head1_fc1", 5, 3)]},
            {"layers": [w.logits("head2_fc0", 12, 3)]},
        ],
    }


def oblong(writer: Writer) -> dict[str, Any]:
    """Windows that are not square: 11x5x2 to 6x4x4, 5x2x4, and 2x2x3."""
    w = writer
    return {
        "version": 1, "name": "oblong", "classes": 3, "input": {"height": 11, "width": 5, "channels": 2, "bits": 8, "signed": False},
        "stages": [{"layers": [w.conv("stage0_conv0", 2, 4, [3, 2], [1, 0], [2, 1]), pool("stage0_pool0", [2, 3], [1, 1])]}],
        "heads": [{"layers": [w.conv("head0_conv0", 4, 3, [5, 1], [2, 0], [3, 1]), w.logits("head0_fc0", 12, 3)]}],
    }


def residual(writer: Writer) -> dict[str, Any]:
    """Version 2: a block whose skip begins at the gate, its sum of three, one of them thresholds alone; a head that joins, too, by
    a sum and side by side."""
    w = writer

    def reads(layer: dict[str, Any], *inputs: str) -> dict[str, Any]:
        return {**layer, "inputs": list(inputs)}

    return {
        "version": 2, "name": "residual", "classes": 3, "input": image(6, 5, 2),
        "stages": [
            {"layers": [reads(w.conv("stage0_conv0", 2, 4, 3, 1, 1), "image")]},
            {"layers": [reads(w.conv("stage1_conv0", 4, 3, 3, 1, 1), "stage0_conv0"),
                        reads(w.table("stage1_act0", "threshold", 4, 3, True), "stage0_conv0"),
                        reads(w.conv("stage1_conv1", 3, 4, 1, 0, 1, signed=True), "stage1_conv0"),
                        reads(w.conv("stage1_conv2", 4, 4, 1, 0, 1, signed=True), "stage1_act0"),
                        reads(w.table("stage1_add0", "add", 4, 4), "stage1_conv1", "stage1_act0", "stage1_conv2")]},
        ],
        "heads": [
            {"layers": [reads(pool("head0_pool0"), "stage0_conv0"), reads(w.conv("head0_conv0", 4, 4, 1, 0, 1), "head0_pool0"),
                        reads(w.table("head0_add0", "add", 4, 4), "head0_pool0", "head0_conv0"),
                        reads({"name": "head0_concat0", "kind": "concat"}, "head0_add0", "head0_pool0"),
                        reads(w.logits("head0_fc0", 48, 3), "head0_concat0")]},
            {"layers": [reads(w.logits("head1_fc0", 120, 3), "stage1_add0")]},
        ],
    }


def unet(writer: Writer) -> dict[str, Any]:
    """Version 2: a map made small and large again, beside itself; in a head a pixel becomes a map of 3x2."""
    w = writer

    def reads(layer: dict[str, Any], *inputs: str) -> dict[str, Any]:
        return {**layer, "inputs": list(inputs)}

    return {
        "version": 2, "name": "unet", "classes": 3, "input": image(6, 4, 2),
        "stages": [
            {"layers": [reads(w.conv("stage0_conv0", 2, 3, 3, 1, 1, signed=True), "image"),
                        reads(pool("stage0_pool0", [3, 2], [3, 2]), "stage0_conv0"),
                        reads(up("stage0_up0", [3, 2]), "stage0_pool0"),
                        reads({"name": "stage0_concat0", "kind": "concat"}, "stage0_up0", "stage0_conv0")]},
            {"layers": [reads(up("stage1_up0", 2), "stage0_concat0"),
                        reads(w.conv("stage1_conv0", 6, 2, 3, 0, 1, signed=True), "stage1_up0")]},
        ],
        "heads": [
            {"layers": [reads(pool("head0_pool0", [6, 4], [6, 4]), "stage0_concat0"), reads(up("head0_up0", [3, 2]), "head0_pool0"),
                        reads(w.logits("head0_fc0", 36, 3), "head0_up0")]},
            {"layers": [reads(w.logits("head1_fc0", 120, 3), "stage1_conv0")]},
        ],
    }


@pytest.fixture
def golden_file(tmp_path: Path) -> Callable[..., Path]:
    """``golden_file("b_lenet", seed=0, edit=None)``: a random network's golden.npz; ``edit(meta, arrays)`` may spoil it first."""

    def make(kind: str, seed: int = 0, edit: Callable[[dict[str, Any], dict[str, Any]], None] | None = None) -> Path:
        writer = Writer(seed)
        meta = {"b_lenet": b_lenet, "mixed": mixed, "oblong": oblong, "residual": residual, "unet": unet}[kind](writer)
        if edit is not None:
            edit(meta, writer.arrays)
        return writer.write(tmp_path / f"{kind}-{seed}.npz", meta)

    return make
