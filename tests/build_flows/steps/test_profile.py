"""Step ``profile``: of a network trained here, of an imported one, and of one's own."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from build_flows.base.errors import OfframpError
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow, import_weights, profile
from build_flows.steps.data import project_dataset
from quant_models.bring.float_net import FloatNet, train_float
from quant_models.datasets.load import split
from quant_models.judge.profile_records import ProfileFile
from quant_models.networks.checkpoint import load_model
from quant_models.networks.presets import preset
from quant_models.training.evaluate import evaluate
from quant_models.training.train import TrainSettings
from tests.build_flows.alone import alone
from tests.build_flows.own_networks import FACTORY, own_project, two_exits
from tests.build_flows.projects import project
from tests.build_flows.uis import Listening

pytestmark = pytest.mark.usefixtures("any_drawing")


def profiled(made: Project, folder: Path, **inputs: Path) -> ProfileFile:
    step = profile.step(made, inputs["checkpoint"])
    return ProfileFile.load(alone(made, step, folder / "profile") / "profile.json")


def held(made: Project) -> tuple[np.ndarray, np.ndarray]:
    data = project_dataset(made)
    _, some = split(data, made.config.data.validation, made.config.train.seed)
    return data.x_train[some], np.asarray(data.y_train[some], np.int64)


def test_a_preset_is_compared_with_itself_without_quantisers(small: Project, first: Path, tmp_path: Path) -> None:
    found = profiled(small, tmp_path, checkpoint=first / "checkpoint.safetensors")
    wanted = [item["accuracy"] for item in evaluate(load_model(first / "checkpoint.safetensors"), *held(small))]
    assert found.accuracy == pytest.approx(wanted)
    assert (found.preset, found.samples, found.reference) == (True, len(held(small)[1]), profile.TWIN)
    assert [unit.name for unit in found.units][:3] == ["image", "stage0_conv0", "head0_fc0"]
    assert {path.name for path in (tmp_path / "profile").iterdir()} == set(profile.OUTPUTS)


def test_an_imported_network_is_compared_with_the_float_weights(tmp_path: Path, model_cache: Path) -> None:
    made = project(tmp_path, model_cache)
    weights = tmp_path / "net.safetensors"
    train_float(preset("digits"), project_dataset(made), TrainSettings(epochs=2, batch=32, validation=0.2, seed=1), weights)
    own = '[import]\nweights = "net.safetensors"\ndivisor = 256\nfine_tune = 0\n[train]\nscheme = "import"'
    text = made.file.read_text().replace("[train]", own)
    made.file.write_text(text)
    made = load_config(made.file)
    left = alone(made, import_weights.step(made), tmp_path / "train")
    found = profiled(made, tmp_path, checkpoint=left / "checkpoint.safetensors")
    assert found.reference == "the float weights of net.safetensors"
    model = FloatNet(preset("digits"))
    from safetensors.torch import load_file

    model.load_state_dict(load_file(weights))
    assert found.float_accuracy == pytest.approx([item["accuracy"] for item in evaluate(model, *held(made))])
    assert found.accuracy == pytest.approx(
        [item["accuracy"] for item in evaluate(load_model(left / "checkpoint.safetensors"), *held(made))])
    tuned = profile.step(load_config(_tuned(made)), left / "checkpoint.safetensors")
    assert tuned.settings.own is None
    assert "import" not in tuned.inputs


def _tuned(made: Project) -> Path:
    made.file.write_text(made.file.read_text().replace("fine_tune = 0", "fine_tune = 1"))
    return made.file


@pytest.mark.slow
def test_a_network_of_ones_own_is_profiled_by_its_modules(tiny: Project, tmp_path: Path) -> None:
    (tmp_path / "mynet.py").write_text(FACTORY, encoding="utf-8")
    made = two_exits(own_project(tiny, tmp_path, 'factory = "mynet:make"'))
    listening = Listening()
    left = alone(made, profile.own_step(made), tmp_path / "profile", listening)
    found = ProfileFile.load(left / "profile.json")
    assert not found.preset
    assert [unit.name for unit in found.units] == ["pixels", "first", "second", "act3", "early", "late"]
    assert any(profile.TWIN in line for line in listening.said)
    with flow.open_flow(made, listening) as opened:
        opened.profile()
        opened.profile()
        assert (opened.build.ran.count("profile"), opened.build.skipped.count("profile")) == (1, 1)


def test_a_file_has_no_float_network(tiny: Project, tmp_path: Path) -> None:
    save_file({}, tmp_path / "net.onnx")
    made = two_exits(own_project(tiny, tmp_path, 'qonnx = "net.onnx"'))
    with pytest.raises(OfframpError, match=r'model\.qonnx = "net\.onnx": offramp profile runs a network as a PyTorch module; allowed: '):
        profile.own_step(made)
