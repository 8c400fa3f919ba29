"""A project's data set, as its steps read it, and the part of it that validates."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from build_flows.base.errors import ConfigError
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import take, train
from build_flows.steps.data import (
    Held,
    data_inputs,
    data_settings,
    dataset,
    held_out,
    input_record,
    project_dataset,
    read_data,
    split_off,
)
from build_flows.steps.engine import Step
from quant_models.datasets import idx
from tests.build_flows.alone import alone, work_of
from tests.build_flows.projects import configured, with_data
from tests.build_flows.uis import Listening


def test_windows_of_sensors_and_image_folders_are_data_sets(small: Project) -> None:
    folder = small.file.parent
    text = small.file.read_text()
    with np.load(small.data, allow_pickle=False) as found:  # type: ignore[arg-type]
        windows = {key: found[key].reshape(-1, 16, 4) / 7 if key[0] == "x" else found[key] for key in found}
    np.savez(folder / "digits.npz", **windows)
    small.file.write_text(text.replace('name = "npz"', 'name = "sensors"'))
    data = project_dataset(load_config(small.file))
    assert (data.shape, data.x_train.max()) == ((16, 1, 4), 255)
    assert data.scale is not None
    assert input_record(data).to_json()["scale"] == {"low": list(data.scale.low), "step": list(data.scale.step)}
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            (folder / "pets" / part / label).mkdir(parents=True)
            Image.new("L", (3, 2), 9).save(folder / "pets" / part / label / "a.png")
    small.file.write_text(text.replace('name = "npz"', 'name = "folder"\nresize = [8, 6]').replace("digits.npz", "pets"))
    data = project_dataset(load_config(small.file))
    assert (data.shape, data.names) == ((8, 6, 1), ("cat", "dog"))
    assert len(list((folder / "out" / ".data").iterdir())) == 1


def test_a_step_reads_what_it_was_given_and_nothing_else(small: Project, tmp_path: Path) -> None:
    """Settings and inputs alone say which images these are, wherever the project lies."""
    settings, inputs = data_settings(small), data_inputs(small)
    assert inputs == {"data": small.data}
    moved = {"data": inputs["data"].rename(tmp_path / "elsewhere.npz")}
    assert dataset(settings, moved, tmp_path / "caches").x_train.shape == (700, 8, 8, 1)


@pytest.mark.parametrize("there", [True, False])
def test_what_ships_with_a_library_is_no_input(
    there: bool, small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = small.file.read_text().replace('path = "digits.npz"\n', "")
    small.file.write_text(text.replace('"npz"', '"digits"'))
    digits = load_config(small.file)
    assert data_inputs(digits) == {}
    assert project_dataset(digits).name == "digits"
    small.file.write_text(text.replace('"npz"', '"fashion-mnist"'))
    place = tmp_path / ("." if there else "nowhere")
    monkeypatch.setattr(idx, "FASHION_DIR", place)
    assert data_inputs(load_config(small.file)) == ({"data": place} if there else {})


@pytest.mark.parametrize("way", [train.step, take.step])
def test_unfit_data_are_told_with_their_key_and_their_shape_is_always_told(way: object, small: Project, tmp_path: Path) -> None:
    (small.file.parent / "net").touch()
    made = configured(small.file.parent, checkpoint='"net"') if way is take.step else small
    step: Step = way(made)  # type: ignore[operator]
    ui = Listening()
    read_data(data_settings(made), step.inputs, work_of(made, tmp_path, ui, step))
    assert ui.data == ["data: 700 training and 60 test images, 8 high, 8 wide, 1 channel, pixels 0 to 240, 10 classes"]
    first = {key: np.zeros((count, 1, 8, 8), np.uint8) for key, count in (("x_train", 700), ("x_test", 60))}
    made = with_data(made, **first)
    with pytest.raises(ConfigError) as caught:
        alone(made, step, tmp_path / "work")
    assert caught.value.message.startswith(f'{small.file}: data.path = "digits.npz": {made.data}: x_train is [700, 1, 8, 8], ')


def test_the_split_follows_share_and_seed(small: Project, tmp_path: Path) -> None:
    assert held_out(small) == Held(fraction=0.2, seed=1)
    data, work = project_dataset(small), work_of(small, tmp_path)
    kept, held = split_off(held_out(small), data, work)
    assert (len(kept), len(held)) == (560, 140)
    assert not set(kept) & set(held)
    assert not np.array_equal(split_off(Held(fraction=0.2, seed=2), data, work)[1], held)


@pytest.mark.parametrize("way", [train.step, take.step])
def test_a_class_that_is_missing_from_the_validation_split_is_told(way: object, small: Project, tmp_path: Path) -> None:
    labels = np.arange(700) % 10
    labels[labels == 7] = 8
    labels[3] = 7
    (small.file.parent / "net").touch()
    made = with_data(configured(small.file.parent, checkpoint='"net"') if way is take.step else small, y_train=labels)
    step: Step = way(made)  # type: ignore[operator]
    with pytest.raises(ConfigError) as caught:
        alone(made, step, tmp_path / "work")
    assert caught.value.message == (
        f"{small.file}: data.validation = 0.2: none of the 1 training samples of class 7 is in the validation split; "
        "allowed: another share, or more samples"
    )
