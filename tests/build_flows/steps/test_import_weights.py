"""Scheme import, from a float network's file to checkpoint and metrics, and on to the RTL's inputs."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from build_flows.base.errors import ConfigError
from build_flows.base.files import read_json, write_json
from build_flows.base.ui import SilentUi, Ui
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import calibrate, export, flow, import_weights
from build_flows.steps.data import project_dataset
from build_flows.steps.engine import Work
from build_flows.steps.seen import seen
from quant_models.bring.float_net import train_float
from quant_models.bring.importing import seen_pixels, seen_values
from quant_models.bring.weights_file import read_weights
from quant_models.datasets.load import ChannelScale, Dataset, split
from quant_models.networks.checkpoint import load_checkpoint, load_model
from quant_models.networks.presets import preset
from quant_models.training.evaluate import evaluate
from quant_models.training.train import TrainSettings
from tests.build_flows.alone import alone
from tests.build_flows.projects import project
from tests.build_flows.report_samples import exits
from tests.build_flows.uis import Interrupting, Listening

NAMES = {
    "stages.0.stage0_conv0.linear": "c1", "stages.0.stage0_conv0.norm": "b1", "heads.0.head0_fc0.1": "exits.0",
    "stages.1.stage1_conv0.linear": "c2", "stages.1.stage1_conv0.norm": "b2", "heads.1.head1_fc0.1": "exits.1",
    "stages.2.stage2_conv0.linear": "c3", "stages.2.stage2_conv0.norm": "b3", "heads.2.head2_fc0.1": "exits.2",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a float network trained on the project's data, by offramp's names, and beside them as ``theirs.pt`` by others."""
    folder = tmp_path_factory.mktemp("float")
    data = project_dataset(project(folder, folder / "cache"))
    train_float(preset("digits"), data, TrainSettings(epochs=12, batch=32, validation=0.2, seed=1), folder / "net.safetensors")
    state = read_weights(folder / "net.safetensors").tensors
    theirs = OrderedDict()
    for ours, name in NAMES.items():
        theirs |= {key.replace(ours, name): value for key, value in state.items() if key.startswith(f"{ours}.")}
    torch.save({"epoch": 11, "state_dict": theirs}, folder / "theirs.pt")
    return folder


def importing(folder: Path, cache: Path, trained: Path, own: str = "", **changes: str) -> Project:
    """A project of scheme import in ``folder``, with further lines ``own`` in [import]."""
    small = project(folder, cache, **changes)
    for item in trained.iterdir():
        if item.suffix in (".pt", ".safetensors"):
            (folder / item.name).write_bytes(item.read_bytes())
    lines = own if "weights = " in own else f'weights = "net.safetensors"\n{own}'
    text = small.file.read_text().replace("threads = 1\n", 'threads = 1\nscheme = "import"\n')
    small.file.write_text(f"{text}\n[import]\ndivisor = 256\n{lines}\n")
    return load_config(small.file)


def run(chosen: Project, work: Path, ui: Ui | None = None) -> dict[str, Any]:
    found: dict[str, Any] = read_json(alone(chosen, import_weights.step(chosen), work, ui) / "metrics.json")
    return found


def shares(exits: list[dict[str, float]]) -> np.ndarray:
    return np.array([item["accuracy"] for item in exits])


def test_at_8_bits_the_import_is_as_good_as_the_float_network(trained: Path, tmp_path: Path, model_cache: Path) -> None:
    chosen = importing(tmp_path, model_cache, trained, weight_bits="8", act_bits="8")
    ui = Listening()
    found = run(chosen, tmp_path / "work", ui)
    assert sorted(item.name for item in (tmp_path / "work").iterdir()) == ["checkpoint.safetensors", "metrics.json"]
    told = found["import"]
    # Of 140 images.
    assert abs(shares(told["float"]) - shares(told["quantised"])).max() < 0.015
    assert shares(told["float"])[-1] > 0.8
    assert found["exits"] == told["quantised"]
    assert (found["history"], found["settings"]["epochs"], found["scheme"]["name"]) == ([], 0, "import")
    assert (told["calibration_images"], told["layers"]["head0_fc0"]) == (512, "heads.0.head0_fc0.1")
    data = project_dataset(chosen)
    _, held = split(data, 0.2, 1)
    model = load_model(tmp_path / "work" / "checkpoint.safetensors")
    assert evaluate(model, data.x_train[held], data.y_train[held]) == found["exits"]
    assert ui.said[0] == f"importing float weights from {tmp_path / 'net.safetensors'}"
    assert ui.said[1].startswith("layers: stage0_conv0 from stages.0.stage0_conv0.linear and stages.0.stage0_conv0.norm, ")
    assert ui.said[2].startswith("float: ")
    assert ui.said[4].startswith("warning: where the float network was trained on the validation split too, ")
    checkpoint = tmp_path / "work" / "checkpoint.safetensors"
    alone(chosen, calibrate.step(chosen, {"checkpoint": checkpoint}), tmp_path)
    alone(chosen, export.step(chosen, checkpoint), tmp_path)
    assert len(read_json(tmp_path / "exits.json")["exits"]) == 3
    with np.load(tmp_path / "golden.npz", allow_pickle=False) as golden:
        assert json.loads(str(golden["meta"]))["classes"] == 10


def test_what_images_were_seen_as_is_told_with_its_own_key(trained: Path, tmp_path: Path, model_cache: Path) -> None:
    chosen = importing(tmp_path, model_cache, trained, "mean = [0.5, 0.5, 0.5]")
    with pytest.raises(ConfigError, match=r"config\.toml: \[import\] mean must have 1 numbers, one per channel, or one for all, not 3$"):
        run(chosen, tmp_path / "work")


MAPPING = ", ".join(f'{ours.split(".")[2]} = "{theirs}"' for ours, theirs in NAMES.items() if "norm" not in ours)


@pytest.mark.parametrize("mapping", ["", f'\nmapping = {{ {MAPPING}, "stage0_conv0.norm" = "b1" }}'])
def test_other_names_give_the_same_network(trained: Path, tmp_path: Path, model_cache: Path, mapping: str) -> None:
    run(importing(tmp_path, model_cache, trained), tmp_path / "ours")
    found = run(importing(tmp_path / "x", model_cache, trained, f'weights = "theirs.pt"{mapping}'), tmp_path / "theirs")
    one, other = (load_checkpoint(tmp_path / name / "checkpoint.safetensors").model for name in ("ours", "theirs"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert found["import"]["layers"]["stage2_conv0"] == "c3 and b3"


def test_fine_tuning_brings_few_bits_back_and_can_be_interrupted(trained: Path, tmp_path: Path, model_cache: Path) -> None:
    own = "fine_tune = 4\nbias_correction = false"
    chosen = importing(tmp_path, model_cache, trained, own, weight_bits="3", act_bits="3")
    found = run(chosen, tmp_path / "whole")
    assert (len(found["history"]), found["settings"]["epochs"]) == (4, 4)
    assert found["exits"] == found["history"][-1]
    lost = shares(found["import"]["float"]).mean() - shares(found["import"]["quantised"]).mean()
    assert lost > 0.02
    assert shares(found["exits"]).mean() > shares(found["import"]["quantised"]).mean() + lost / 2
    steps = (700 - 140) // 64
    with pytest.raises(KeyboardInterrupt):
        run(chosen, tmp_path / "halves", Interrupting(steps + 2))
    assert not (tmp_path / "halves" / "checkpoint.safetensors").exists()
    second = Interrupting(1e9)
    run(chosen, tmp_path / "halves", second)
    assert second.bar.first == steps + 1
    assert sorted(item.name for item in (tmp_path / "halves").iterdir()) == ["checkpoint.safetensors", "metrics.json"]
    for name in ("checkpoint.safetensors", "metrics.json"):
        assert (tmp_path / "halves" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_step_is_done_again_when_the_weights_change_and_only_then(
    trained: Path, tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = importing(tmp_path, model_cache, trained, "calibration_images = 40")

    def thresholds(chosen: calibrate.Settings, inputs: Mapping[str, Path], work: Work) -> None:
        """What calibration would take long to find."""
        exits().save(work.folder / "exits.json")
        write_json(work.folder / "tradeoff.json", {})

    def done() -> tuple[list[float], int]:
        found = flow.train(chosen, SilentUi())
        return [item.accuracy for item in found.alone], (chosen.output / "checkpoint.safetensors").stat().st_mtime_ns

    thresholds.__module__ = calibrate.__name__
    monkeypatch.setattr(calibrate, "run", thresholds)
    first, again = done(), done()
    assert first == again
    tensors = dict(read_weights(tmp_path / "net.safetensors").tensors)
    tensors["heads.2.head2_fc0.1.weight"] = -tensors["heads.2.head2_fc0.1.weight"]
    save_file(tensors, tmp_path / "net.safetensors")
    assert done()[0][2] < first[0][2] / 2


def test_weights_that_do_not_fit_are_told_with_file_key_and_tensor(trained: Path, tmp_path: Path, model_cache: Path) -> None:
    chosen = importing(tmp_path, model_cache, trained, 'weights = "theirs.pt"')
    weights = torch.load(tmp_path / "theirs.pt", weights_only=True)
    weights["state_dict"]["c2.weight"] = torch.zeros(16, 8, 5, 5)
    torch.save(weights, tmp_path / "theirs.pt")
    with pytest.raises(ConfigError) as caught:
        run(chosen, tmp_path / "work")
    assert caught.value.message == (
        f'{chosen.file}: import.weights = "theirs.pt": weights {tmp_path / "theirs.pt"}: stage1_conv0 need 1 tensors [16, 8, 3, 3], '
        "it has 0; tensors that fit no layer: c2 [16, 8, 5, 5]"
    )
    assert not list((tmp_path / "work").iterdir())


def test_what_the_float_network_saw(trained: Path, tmp_path: Path, model_cache: Path) -> None:
    chosen = importing(tmp_path, model_cache, trained, "mean = [0.5]\nstd = [0.25]")
    data = project_dataset(chosen)
    assert seen(chosen.config.import_, data) == seen_pixels(1, 256, (0.5,), (0.25,))
    chosen.file.write_text(chosen.file.read_text().replace("divisor = 256\n", ""))
    chosen = load_config(chosen.file)
    assert seen(chosen.config.import_, data) == seen_pixels(1, 255, (0.5,), (0.25,))
    arrays = {key: getattr(data, key) for key in ("x_train", "y_train", "x_test", "y_test")}
    sensors = Dataset(name="sensors", **arrays, scale=ChannelScale(low=(-3.0,), step=(0.5,)))
    assert seen(chosen.config.import_, sensors) == seen_values((-3.0,), (0.5,), (0.5,), (0.25,))
