"""A network of one's own is trained here: what [train] says is done, what cannot be built is refused before, and nothing is trained
twice."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import hash_path, read_json
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from build_flows.steps.data import project_dataset
from quant_models.training.schemes import Joint
from sim import golden
from tests.build_flows.own_networks import FACTORY
from tests.build_flows.uis import Listening

EXAMPLES = Path(__file__).parents[3] / "examples"

TEXT = """
[project]
name = "mine"
[data]
name = "digits"
validation = 0.2
[model]
factory = "nets:make"
[train]
threads = 1
epochs = 2
batch_size = 64
[[exits]]
policy = "softmax"
[[exits]]
policy = "always"
[calibrate]
shares = [0.5]
[target]
cycles_per_sample = 512
"""


@pytest.fixture
def mine(tmp_path: Path) -> Project:
    """A project with a network that its factory gives untrained."""
    (tmp_path / "nets.py").write_text(FACTORY.partition("def make")[0] + "def make():\n    return Net()\n")
    (tmp_path / "config.toml").write_text(TEXT)
    return load_config(tmp_path / "config.toml")


def other(project: Project, old: str, new: str) -> Project:
    """``project`` with something else in its file."""
    text = project.file.read_text()
    assert old in text
    project.file.write_text(text.replace(old, new))
    return load_config(project.file)


@pytest.fixture
def steps_of() -> Callable[[Project], list[str]]:
    """``steps_of(project)``: the steps of ``offramp train`` that ran."""

    def train(made: Project) -> list[str]:
        with flow.open_flow(made, SilentUi()) as opened:
            opened.train()
            return opened.build.ran

    return train


Ran = Callable[[Project], list[str]]


@pytest.mark.slow
def test_it_is_trained_once_and_anew_when_what_it_depends_on_changed(mine: Project, steps_of: Ran) -> None:
    assert steps_of(mine) == ["train-own", "train", "calibrate"]
    metrics = read_json(mine.output / "metrics.json")
    assert (len(metrics["history"]), metrics["settings"]["epochs"], metrics["scheme"]["name"]) == (2, 2, "joint")
    assert metrics["own"]["weights"] == "weights.safetensors"
    # Brevitas in float on the validation split, and the same in integers.
    assert [item["accuracy"] for item in metrics["exits"]] == pytest.approx(
        [item["accuracy"] for item in metrics["history"][-1]], abs=0.01)
    assert steps_of(mine) == []
    before = hash_path(mine.output / "weights.safetensors")
    assert steps_of(other(mine, '"softmax"', '"margin"')) == ["calibrate"]
    assert steps_of(other(mine, "epochs = 2", "epochs = 2\nlearning_rate = 0.01")) == ["train-own", "train", "calibrate"]
    changed = hash_path(mine.output / "weights.safetensors")
    assert changed != before
    nets = mine.file.parent / "nets.py"
    nets.write_text(nets.read_text().replace("(1, 4, (3, 3)", "(1, 5, (3, 3)").replace("BatchNorm2d(4)", "BatchNorm2d(5)").replace(
        "logits(16)", "logits(20)").replace("(4, 6, (3, 1)", "(5, 6, (3, 1)"))
    assert steps_of(load_config(mine.file)) == ["train-own", "train", "calibrate"]
    assert load_file(mine.output / "weights.safetensors")["first.weight"].shape[0] == 5


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_others(mine: Project, tmp_path: Path) -> None:
    found = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        shutil.copytree(mine.file.parent, tmp_path / name, ignore=shutil.ignore_patterns("one", "two", "build"))
        project = other(load_config(tmp_path / name / "config.toml"), "threads = 1", f"threads = 1\nseed = {seed}")
        flow.train(project, SilentUi())
        found.append((hash_path(project.output / "weights.safetensors"), hash_path(project.output / "golden.npz")))
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


@pytest.mark.slow
def test_training_goes_on_from_the_weights_that_the_model_names(mine: Project) -> None:
    flow.train(mine, SilentUi())
    shutil.copy(mine.output / "weights.safetensors", mine.file.parent / "start.safetensors")
    longer = read_json(mine.output / "metrics.json")["history"]
    again = other(mine, 'factory = "nets:make"', 'factory = "nets:make"\nweights = "start.safetensors"')
    flow.train(other(again, "epochs = 2", "epochs = 1\nlearning_rate = 1e-6"), SilentUi())
    first = read_json(mine.output / "metrics.json")["history"][0]
    assert [item["loss"] for item in first] == pytest.approx([item["loss"] for item in longer[-1]], abs=0.1)


def test_without_training_keys_it_is_taken_as_it_is(mine: Project, steps_of: Ran) -> None:
    ui = Listening()
    made = other(mine, "epochs = 2\nbatch_size = 64\n", "")
    flow.train(made, ui)
    assert any(line.startswith("the network is your own, and is taken as it is") for line in ui.said)
    assert not (made.output / "weights.safetensors").exists()
    assert read_json(made.output / "metrics.json")["settings"] is None


@pytest.mark.parametrize(("keys", "name"), [('scheme = "distill"', "distill"), ('scheme = "consistent"', "consistent")])
def test_schemes_that_need_logits_alone_train_it(keys: str, name: str, mine: Project) -> None:
    made = other(mine, "epochs = 2", f"epochs = 1\nexit_weights = [1.0, 0.5]\n{keys}")
    flow.train(made, SilentUi())
    found = read_json(made.output / "metrics.json")["scheme"]
    assert (found["name"], found["exit_weights"]) == (name, [1.0, 0.5])


def test_samples_without_labels_take_part(mine: Project) -> None:
    np.savez(mine.file.parent / "more.npz", x_unlabelled=project_dataset(mine).x_test[:100])
    made = other(mine, "epochs = 2", 'epochs = 1\nscheme = "consistent"')
    made.file.write_text(made.file.read_text() + '[consistent]\nsamples = "more.npz"\n')
    flow.train(load_config(made.file), SilentUi())
    np.savez(mine.file.parent / "more.npz", x_unlabelled=np.zeros((5, 1, 8, 8), np.uint8))
    with pytest.raises(ConfigError, match=r'consistent\.samples = "more\.npz": .*, not \[5, 1, 8, 8\]'):
        flow.train(load_config(made.file), SilentUi())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight_bit_width=4", "weight_bit_width=9", 'model.factory = "nets:make": Conv .*'),
        ("self.mean(self.act2(", "self.mean((", 'model.factory = "nets:make": .* without a quantiser between them'),
        ("self.late(late.view(late.shape[0], -1))", "self.late(late.view(late.shape[0], -1)).detach()",
         'model.factory = "nets:make": exit 1 has no gradient'),
        ("QuantLinear(size, 10", "QuantLinear(size, 9", 'model.factory = "nets:make": has 9 classes, but data set digits 10'),
    ],
)
def test_what_cannot_be_built_is_refused_before_training(
    old: str, new: str, message: str, mine: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Joint, "loss", lambda *_: pytest.fail("it was trained"))
    nets = mine.file.parent / "nets.py"
    assert old in nets.read_text()
    nets.write_text(nets.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=re.compile(f"config.toml: {message}")):
        flow.train(mine, SilentUi())


def test_a_range_of_pixels_that_training_moves_is_told(mine: Project) -> None:
    nets = mine.file.parent / "nets.py"
    text = nets.read_text().replace("ScalingImplType.CONST", "ScalingImplType.PARAMETER").replace("255 / 256", "1.0")
    nets.write_text(text)
    with pytest.raises(ConfigError, match=r"training moved the range .*: a pixel was worth 0\.00392157, and is read as 0\.00390625 now"):
        flow.train(mine, SilentUi())


def test_a_training_that_diverges_leaves_weights_to_begin_with(mine: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Joint.loss

    def breaking(scheme: Joint, model: Any, batch: Any, epoch: int, generator: Any) -> Any:
        loss, told = plain(scheme, model, batch, epoch, generator)
        return loss * (float("nan") if epoch == 1 else 1), told

    monkeypatch.setattr(Joint, "loss", breaking)
    with pytest.raises(OfframpError, match="training stopped at epoch 2, step 1") as caught:
        flow.train(mine, SilentUi())
    kept = mine.output / "last_good.safetensors"
    assert caught.value.hint == f"{kept} holds the last good weights; model.weights begins with them"
    monkeypatch.undo()
    shutil.copy(kept, mine.file.parent / "start.safetensors")
    flow.train(other(mine, 'factory = "nets:make"', 'factory = "nets:make"\nweights = "start.safetensors"'), SilentUi())


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.timeout(1800)
def test_a_residual_network_is_trained_to_the_rtl(tmp_path: Path, model_cache: Path) -> None:
    """``examples/own_residual.toml``, as it is but for fewer epochs."""
    text = (EXAMPLES / "own_residual.toml").read_text()
    assert "epochs = 30\n" in text
    (tmp_path / "config.toml").write_text(text.replace("epochs = 30\n", "epochs = 10\nthreads = 1\n"))
    shutil.copy(EXAMPLES / "own_residual.py", tmp_path)
    (tmp_path / "build").mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "build" / ".models").symlink_to(model_cache.resolve())
    project = load_config(tmp_path / "config.toml")
    figures = flow.simulate(project, SilentUi(), samples=40)
    assert (figures.samples, figures.agree) == (40, 40)
    data = project_dataset(project)
    logits = golden.load(project.output / "golden.npz").run(data.x_test)
    assert min((item.argmax(1) == data.y_test).mean() for item in logits) > 0.93
    kinds = json.loads(str(np.load(project.output / "golden.npz")["meta"]))
    assert [layer["kind"] for stage in kinds["stages"] for layer in stage["layers"]].count("add") == 3
