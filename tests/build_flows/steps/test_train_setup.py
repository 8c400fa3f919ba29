"""The configuration's words of training reach the trainer."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import train
from build_flows.steps import train_setup as setup
from build_flows.steps.data import held_out, project_dataset
from build_flows.steps.train_setup import training
from quant_models.datasets.base import Dataset
from quant_models.errors import QuantModelError
from quant_models.networks.presets import preset
from quant_models.training.schemes import Consistent, Distill, ExitsOnly, Import, Joint, Personal, Scheme
from quant_models.training.train import TrainSettings
from tests.build_flows.alone import alone
from tests.build_flows.projects import configured, project

SPEC = preset("digits", weight_bits=3, act_bits=3)


@pytest.fixture
def small(tmp_path: Path, model_cache: Path) -> Project:
    return project(tmp_path, model_cache, epochs="1")


def train_settings(chosen: Project) -> TrainSettings:
    return setup.train_settings(training(chosen), held_out(chosen))


def train_scheme(chosen: Project) -> Scheme:
    return setup.train_scheme(training(chosen))


def trained_on(chosen: Project, data: Dataset) -> Dataset:
    return setup.trained_on(training(chosen), train.step(chosen).inputs, data, SPEC)


def unlabelled(chosen: Project, data: Dataset) -> np.ndarray | None:
    return setup.unlabelled(training(chosen), train.step(chosen).inputs, data)


def again(small: Project, train: str = "", tables: str = "") -> Project:
    """``small`` with more lines in [train], and more tables."""
    text = small.file.read_text().replace("threads = 1\n", f"threads = 1\n{train}\n")
    file = small.file.with_name("other.toml")
    file.write_text(f"{text}\n{tables}\n")
    return load_config(file)


def test_every_setting_is_the_one_that_is_written(small: Project) -> None:
    lines = """learning_rate = 0.01
        schedule = "step"
        weight_decay = 0.5
        clip = 2.5
        shift = 3
        flip = true
        perturb = ["noise", "cutout"]
        perturb_strength = 0.25
        early_stop = 7
        seed = 9
        device = "cpu"
    """
    assert train_settings(again(small, lines)) == TrainSettings(
        epochs=1, batch=64, learning_rate=0.01, schedule="step", weight_decay=0.5, clip=2.5, shift=3, flip=True,
        perturb=("noise", "cutout"), perturb_strength=0.25, validation=0.2, early_stop=7, seed=9, device="cpu",
    )
    assert train_settings(small) == TrainSettings(epochs=1, batch=64, validation=0.2, seed=1)


WEIGHTS = (1.0, 0.65, 0.3)


@pytest.mark.parametrize(("name", "table", "scheme"), [
    ("joint", "", Joint(exit_weights=WEIGHTS)),
    ("distill", "", Distill(exit_weights=WEIGHTS)),
    ("distill", 'teacher = "next"\ntemperature = 2.0\nalpha = 0.25',
     Distill(exit_weights=WEIGHTS, teacher="next", temperature=2.0, alpha=0.25)),
    ("consistent", "", Consistent(exit_weights=WEIGHTS)),
    ("consistent", 'weight = 2.0\nramp = 3\nperturb = ["noise", "cutout"]\nstrength = 0.25\nunlabelled = 0.5',
     Consistent(exit_weights=WEIGHTS, weight=2.0, ramp=3, perturb=("noise", "cutout"), strength=0.25, unlabelled=0.5)),
    ("exits_only", "", ExitsOnly(backbone_epochs=1)),
    ("exits_only", "backbone_epochs = 5\nexits = [1]", ExitsOnly(backbone_epochs=5, exits=(1,))),
])
def test_every_scheme_has_its_settings(small: Project, name: str, table: str, scheme: Scheme) -> None:
    found = again(small, f'scheme = "{name}"\nexit_weights = "branchynet"', f"[{name}]\n{table}" if table else "")
    assert train_scheme(found) == scheme


def test_an_import_is_fine_tuned_for_epochs_of_its_own(small: Project) -> None:
    (small.file.parent / "net.pt").touch()
    for table, epochs in (("", 1), ("fine_tune = 7", 7)):
        found = again(small, 'scheme = "import"\nexit_weights = "branchynet"', f'[import]\nweights = "net.pt"\n{table}')
        assert train_scheme(found) == Import(exit_weights=WEIGHTS)
        assert train_settings(found).epochs == epochs


def test_a_start_is_a_trained_backbone(small: Project) -> None:
    (small.file.parent / "net").touch()
    assert train_scheme(again(small, 'scheme = "exits_only"\nstart = "net"')) == ExitsOnly()
    both = again(small, 'scheme = "exits_only"\nstart = "net"', "[exits_only]\nbackbone_epochs = 2")
    assert train_scheme(both) == ExitsOnly(backbone_epochs=2)


def personal(small: Project, labels: str, **arrays: np.ndarray) -> Project:
    np.savez(small.file.parent / "user.npz", **arrays)
    if not (small.file.parent / "checkpoint.safetensors").exists():
        alone(small, train.step(configured(small.file.parent, epochs="1")), small.file.parent)
    table = f'[personal]\nsamples = "user.npz"\nlabels = "{labels}"'
    return again(small, 'scheme = "personal"\nstart = "checkpoint.safetensors"', table)


def test_a_users_samples_are_trained_on(small: Project) -> None:
    data = project_dataset(small)
    assert trained_on(small, data) is data
    x, y = data.x_test[:20, ..., 0], np.arange(20) % 10
    own = personal(small, "true", x=x, y=y)
    found = trained_on(own, data)
    assert train_scheme(own) == Personal(labels="true")
    assert np.array_equal(found.x_train[..., 0], x)
    assert np.array_equal(found.y_train, y)
    assert found.x_test is data.x_test
    taught = trained_on(personal(small, "last_exit", x=x), data)
    assert np.array_equal(taught.x_train, found.x_train)
    assert not np.array_equal(taught.y_train, y)


def test_samples_that_do_not_fit_are_named(small: Project) -> None:
    data = project_dataset(small)
    with pytest.raises(QuantModelError, match=r"user\.npz lacks y; it must hold x, y"):
        trained_on(personal(small, "true", x=data.x_test), data)
    with pytest.raises(QuantModelError, match=r"user\.npz: x must be \[n, 8, 8, 1\] as .* is, n at least 1, not \[60, 8, 4, 1\]"):
        trained_on(personal(small, "true", x=data.x_test[:, :, :4], y=data.y_test), data)


def test_more_samples_without_labels_are_of_the_consistent_scheme(small: Project) -> None:
    data = project_dataset(small)
    np.savez(small.file.parent / "more.npz", x_unlabelled=data.x_test)
    assert unlabelled(small, data) is None
    assert unlabelled(again(small, 'scheme = "consistent"'), data) is None
    found = unlabelled(again(small, 'scheme = "consistent"', '[consistent]\nsamples = "more.npz"'), data)
    assert found is not None
    assert np.array_equal(found, data.x_test)
    np.savez(small.file.parent / "more.npz", x_unlabelled=data.x_test.astype(float))
    with pytest.raises(QuantModelError, match=r"more\.npz: x_unlabelled must be uint8, not float64"):
        unlabelled(again(small, 'scheme = "consistent"', '[consistent]\nsamples = "more.npz"'), data)
