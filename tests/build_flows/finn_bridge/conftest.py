"""Networks for the bridge: exported by quant_models, untrained, every kind of layer, odd sizes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.compile_graph import compile_graph
from build_flows.finn_bridge.import_graph import import_graph
from build_flows.planning.layer_costs import fold_options
from build_flows.planning.read_network import read_network
from quant_models.integers.export import export_golden, export_qonnx
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, MaxPool, NetSpec

PART = "xc7z020clg400-1"


def spec(weight_bits: int = 4, act_bits: int = 4) -> NetSpec:
    """Three exits: forks behind a pool and behind thresholds, strides, overlapping pools, a 1x1 kernel, signed activations."""
    relu, signed = Activation(bits=act_bits), Activation(kind="identity", bits=act_bits)
    bits = {"weight_bits": weight_bits}
    return NetSpec(
        name="odd", height=9, width=7, channels=2, classes=4,
        stages=(
            (Conv(out=5, kernel=3, pad=1, act=relu, **bits), MaxPool(kernel=3, stride=2)),
            (Conv(out=6, kernel=2, pad=1, stride=2, act=signed, **bits),),
            (MaxPool(kernel=2, stride=1), Conv(out=7, kernel=1, act=relu, **bits)),
        ),
        heads=(
            (Linear(out=6, act=signed, **bits), Linear(out=4, **bits)),
            (Linear(out=4, **bits),),
            (GlobalPool(act=relu), Linear(out=4, **bits)),
        ),
    )


def export(folder: Path, net: NetSpec, spread: float | None = None) -> Path:
    """``model.onnx`` and ``golden.npz`` of a network whose batch norms and activations have seen some data. With ``spread``, heads have
    other weights, each of either sign and from 1 to 1 + 1 / ``spread``."""
    torch.manual_seed(3)
    model = MultiExitNet(net)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "scaling_impl" not in name:
                value.add_(0.2 * torch.randn(value.shape))
        model.clamp()
        for _ in range(10):
            model(torch.rand(16, net.channels, net.height, net.width))
        for name, value in model.heads.named_parameters():
            if spread is not None and name.endswith("weight") and value.dim() > 1:
                value.copy_(torch.randn(value.shape).sign() * (1 + torch.rand(value.shape) / spread))
    model.eval()
    folder.mkdir(parents=True, exist_ok=True)
    export_golden(model, folder / "golden.npz")
    export_qonnx(model, folder / "model.onnx")
    return folder


def folding(folder: Path, pick: int) -> dict[str, dict[str, int]]:
    """One possible folding of every layer; ``pick`` says which."""
    chosen = {}
    for place, layer in enumerate(read_network(folder / "golden.npz").layers):
        options = fold_options(layer)
        fold = options[(pick + 7 * place) % len(options)]
        chosen[layer.name] = {"pe": fold.pe}
        if layer.weight_bits:
            chosen[layer.name] |= {"simd": fold.simd, "parallel_window": int(fold.parallel_window)}
    return chosen


_IMPORTED: dict[tuple[bytes, str], ModelWrapper] = {}


@pytest.fixture(scope="module", autouse=True)
def imported() -> Iterator[dict[Any, ModelWrapper]]:
    """What becomes of a network before its folding matters takes seconds, and is kept for all tests; ``clear()`` forgets it."""

    def kept(model_onnx: Path, part: str) -> ModelWrapper:
        known = model_onnx.read_bytes(), part
        if known not in _IMPORTED:
            _IMPORTED[known] = import_graph(model_onnx, part)
        return ModelWrapper(_IMPORTED[known].model, make_deepcopy=True)

    with pytest.MonkeyPatch.context() as patched:
        for module in ("compile_graph", "finn_folding"):
            patched.setattr(f"build_flows.finn_bridge.{module}.import_graph", kept)
        yield _IMPORTED


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    return export(tmp_path_factory.mktemp("odd"), spec())


@pytest.fixture(scope="session")
def compiled(odd, tmp_path_factory):
    rtl = tmp_path_factory.mktemp("compiled") / "rtl"
    return compile_graph(odd / "model.onnx", odd / "golden.npz", folding(odd, 5), PART, 100.0, rtl), rtl
