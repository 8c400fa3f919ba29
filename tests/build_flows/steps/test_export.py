"""The trained network as QONNX and as integers."""

from pathlib import Path

import pytest

from build_flows.project.load import Project
from build_flows.steps import export, subnet
from quant_models.errors import QuantModelError
from tests.build_flows.alone import alone, golden_meta
from tests.build_flows.projects import changed, configured


def test_both_files_are_of_the_network(small: Project, first: Path, tmp_path: Path) -> None:
    work = alone(small, export.step(small, first / "checkpoint.safetensors"), tmp_path / "work")
    assert sorted(item.name for item in work.iterdir()) == ["golden.npz", "model.onnx"]
    found = golden_meta(work)
    assert (found["classes"], len(found["heads"])) == (10, 3)
    assert found["input"] == {"height": 8, "width": 8, "channels": 1, "bits": 8, "signed": False}
    assert (work / "model.onnx").stat().st_size > 1000


def test_what_is_exported_of_a_subnet_is_the_subnet(small: Project, first: Path, tmp_path: Path) -> None:
    chosen = changed(small, {"build": {"mode": "subnet", "exit": 1}})
    alone(chosen, subnet.step(chosen, first / "checkpoint.safetensors"), tmp_path)
    alone(chosen, export.step(chosen, tmp_path / "subnet.safetensors"), tmp_path)
    assert len(golden_meta(tmp_path)["heads"]) == 1


def test_a_checkpoint_of_another_network_is_refused(small: Project, first: Path, tmp_path: Path) -> None:
    other = configured(small.file.parent, weight_bits="5")
    with pytest.raises(QuantModelError, match=r"of another network than the configuration \(.*weight_bits is 3 in the checkpoint, 5"):
        alone(other, export.step(other, first / "checkpoint.safetensors"), tmp_path / "work")
