"""A graph, a golden model or a checkpoint that belongs to another network is found out."""

import json
from pathlib import Path

import pytest
import torch

from build_flows.base.errors import OfframpError
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps.agree import verify
from quant_models.integers.export import export_golden
from quant_models.networks.checkpoint import load_checkpoint, save_checkpoint
from quant_models.networks.net import MultiExitNet

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
        verify(tiny, SilentUi(), checkpoint=other[0], golden_file=tiny.output / "golden.npz", dataflow=tiny.output / "dataflow.onnx",
               work=tmp_path)
    assert not (tmp_path / "agreement.json").exists()


def test_another_graph_is_found_out(tiny: Project, other: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(OfframpError, match=r"logits of exit 0, sample 0.*the golden model has .*FINN's graph"):
        verify(tiny, SilentUi(), checkpoint=other[0], golden_file=other[1], dataflow=tiny.output / "dataflow.onnx", work=tmp_path)
