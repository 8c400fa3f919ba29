"""A graph, a golden model or a checkpoint that belongs to another network is found out."""

import json
from pathlib import Path

import pytest
import torch

from build_flows.base.errors import OfframpError
from build_flows.project.load import Project
from build_flows.steps import agree
from quant_models.integers.export import export_golden
from quant_models.networks.checkpoint import load_checkpoint, save_checkpoint
from quant_models.networks.net import MultiExitNet
from tests.build_flows.alone import alone

pytestmark = pytest.mark.cosim


@pytest.fixture
def other(tiny: Project, tmp_path: Path) -> tuple[Path, Path]:
    """Checkpoint and golden model of the same network with other weights in its first layer."""
    checkpoint = load_checkpoint(tiny.output / "checkpoint.safetensors")
    model = MultiExitNet(checkpoint.spec)
    model.load_state_dict(checkpoint.model)
    with torch.no_grad():
        next(iter(parameter for parameter in model.parameters() if parameter.dim() == 4)).neg_()
    model.eval()
    save_checkpoint(tmp_path / "checkpoint.safetensors", type(checkpoint)(spec=checkpoint.spec, model=model.state_dict()))
    export_golden(model, tmp_path / "golden.npz")
    return tmp_path / "checkpoint.safetensors", tmp_path / "golden.npz"


def test_what_belongs_together_agrees(tiny: Project) -> None:
    found = json.loads((tiny.output / "agreement.json").read_text())
    assert (found["version"], found["brevitas"], found["finn"]) == (1, 60, 4)
    assert found["layers"] >= 8


def test_another_checkpoint_is_found_out(tiny: Project, other: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(OfframpError, match=r"logits of exit 0, sample \d+.*the golden model has .*Brevitas' integer view"):
        alone(tiny, agree.step(tiny, {"checkpoint": other[0]}, tiny.output / "golden.npz", tiny.output / "dataflow.onnx"), tmp_path)
    assert not (tmp_path / "agreement.json").exists()


def test_another_graph_is_found_out(tiny: Project, other: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(OfframpError, match=r"logits of exit 0, sample 0.*the golden model has .*FINN's graph"):
        alone(tiny, agree.step(tiny, {"checkpoint": other[0]}, other[1], tiny.output / "dataflow.onnx"), tmp_path)


def test_of_a_network_of_one_s_own_brevitas_is_not_asked(tiny: Project, tmp_path: Path) -> None:
    golden = tiny.output / "golden.npz"
    alone(tiny, agree.step(tiny, {"golden": golden}, golden, tiny.output / "dataflow.onnx"), tmp_path)
    found = json.loads((tmp_path / "agreement.json").read_text())
    assert (found["brevitas"], found["finn"]) == (0, 4)
