"""A preset's network is trained as the configuration says; an interrupted training is taken up, one of offramp 0.1 kept or told."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import hash_path, read_json, write_json
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import train
from build_flows.steps.data import project_dataset
from build_flows.steps.engine import Build
from build_flows.steps.metrics import OUTPUTS
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset
from quant_models.training.schemes import Joint
from tests.build_flows.alone import alone
from tests.build_flows.projects import changed, configured, with_data
from tests.build_flows.uis import Interrupting, Listening, Plain


def trained(chosen: Project, work: Path) -> dict[str, Any]:
    """``metrics.json`` of ``chosen``, trained in ``work``."""
    found: dict[str, Any] = read_json(alone(chosen, train.step(chosen), work) / "metrics.json")
    assert [item["accuracy"] > 0 for item in found["exits"]] == [True] * 3
    return found


def test_metrics_tell_what_was_done(first: Path) -> None:
    metrics = read_json(first / "metrics.json")
    assert (metrics["version"], metrics["settings"]["epochs"], len(metrics["history"])) == (1, 2, 2)
    assert metrics["train_samples"] + metrics["validation_samples"] == 700
    assert metrics["input"] == {"shape": [8, 8, 1], "names": [], "scale": None}
    assert sorted(item.name for item in first.iterdir()) == ["checkpoint.safetensors", "metrics.json"]


@pytest.mark.parametrize(
    ("scheme", "own", "told"),
    [
        ("exits_only", {}, {"backbone_epochs": 2, "exits": None}),
        ("exits_only", {"backbone_epochs": 1}, {"backbone_epochs": 1, "exits": None}),
        (
            "distill", {"teacher": "next", "temperature": 2.0, "alpha": 0.25, "ramp": 3},
            {"teacher": "next", "temperature": 2.0, "alpha": 0.25, "ramp": 3},
        ),
        ("consistent", {"ramp": 1, "perturb": ["noise"], "unlabelled": 0.5},
         {"weight": 1.0, "ramp": 1, "perturb": ["noise"], "strength": 0.5, "unlabelled": 0.5}),
    ],
)
def test_a_scheme_gets_its_settings(scheme: str, own: dict[str, Any], told: dict[str, Any], small: Project, tmp_path: Path) -> None:
    found = trained(changed(small, {"train": {"scheme": scheme, "exit_weights": "branchynet"}, scheme: own}), tmp_path / "work")
    weights = found["scheme"].pop("exit_weights", None)
    assert weights is None if scheme == "exits_only" else weights == pytest.approx([1.0, 0.65, 0.3])
    assert found["scheme"] == {"name": scheme, **told}
    assert len(found["history"]) == 2 + told.get("backbone_epochs", 0)


def moved(old: Path, new: Path) -> set[str]:
    """The heads whose weights differ, and ``backbone`` when anything else does."""
    before, after = (load_checkpoint(path).model for path in (old, new))
    return {key.split(".")[1] if key.startswith("heads.") else "backbone" for key in before if not bool((before[key] == after[key]).all())}


def test_a_trained_backbone_is_not_trained_again(small: Project, first: Path, tmp_path: Path) -> None:
    start = first / "checkpoint.safetensors"
    found = trained(changed(small, {"train": {"scheme": "exits_only"}}, start=start), tmp_path / "second")
    assert found["scheme"] == {"name": "exits_only", "backbone_epochs": 0, "exits": None}
    assert moved(start, tmp_path / "second" / "checkpoint.safetensors") == {"0", "1"}


@pytest.mark.parametrize("labels", ["true", "last_exit"])
def test_a_user_s_own_samples_move_the_early_heads_alone(labels: str, small: Project, first: Path, tmp_path: Path) -> None:
    data = project_dataset(small)
    np.savez(tmp_path / "user.npz", x=data.x_train[:120], **({"y": data.y_train[:120]} if labels == "true" else {}))
    start = first / "checkpoint.safetensors"
    chosen = changed(small, {"train": {"scheme": "personal", "batch_size": 16}, "personal": {"labels": labels}}, start=start,
                     samples=tmp_path / "user.npz")
    found = trained(chosen, tmp_path / "second")
    assert (found["scheme"], found["train_samples"] + found["validation_samples"]) == ({"name": "personal", "labels": labels}, 120)
    assert moved(start, tmp_path / "second" / "checkpoint.safetensors") == {"0", "1"}


def test_further_samples_without_labels_take_part(small: Project, tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", x_unlabelled=project_dataset(small).x_test)
    found = trained(changed(small, {"train": {"scheme": "consistent"}}, samples=tmp_path / "more.npz"), tmp_path / "work")
    assert found["train_samples"] + found["validation_samples"] == 700 + 60


def test_files_that_do_not_fit_are_told_with_the_key_that_names_them(small: Project, tmp_path: Path) -> None:
    folder = small.file.parent
    save_file({"a": torch.zeros(1)}, folder / "other.safetensors")
    np.savez(folder / "more.npz", x_unlabelled=np.zeros((5, 1, 8, 8), np.uint8))
    first = preset("digits")
    other = replace(first, classes=9, heads=tuple((*head[:-1], replace(head[-1], out=9)) for head in first.heads))
    save_checkpoint(folder / "nine.safetensors", Checkpoint(spec=other, model=MultiExitNet(other).state_dict()))
    text = small.file.read_text()
    for keys, table, message in (
        ('start = "other.safetensors"', "", r'train\.start = "other\.safetensors": .* holds tensors, but no checkpoint'),
        ('start = "nine.safetensors"', "", r'train\.start = "nine\.safetensors": checkpoint .* has classes = 9, not 10'),
        ('scheme = "consistent"', '[consistent]\nsamples = "more.npz"\n',
         r'consistent\.samples = "more\.npz": .*, not \[5, 1, 8, 8\]; np\.transpose\(x, \(0, 2, 3, 1\)\) makes it so'),
    ):
        small.file.write_text(text.replace("[train]\n", f"[train]\n{keys}\n") + table)
        with pytest.raises(ConfigError, match=message):
            trained(load_config(small.file), tmp_path / "work")


def test_a_training_that_diverges_leaves_its_last_good_weights_where_no_run_removes_them(
    small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Joint.loss

    def breaking(scheme: Joint, model: Any, batch: Any, epoch: int, generator: Any) -> Any:
        loss, told = plain(scheme, model, batch, epoch, generator)
        return (loss * float("nan"), {"exit 1": float("nan")}) if epoch == 1 else (loss, told)

    monkeypatch.setattr(Joint, "loss", breaking)
    where = "training stopped at epoch 2, step 1 of 8: the loss of exit 1 is nan; the weights after epoch 1 are kept"
    with pytest.raises(OfframpError, match=where) as caught:
        alone(small, train.step(small), tmp_path / "work")
    kept = small.output / "last_good.safetensors"
    assert caught.value.hint == f"{kept} holds the last good weights; train.start goes on from them"
    assert not (tmp_path / "work" / "checkpoint.safetensors").exists()
    monkeypatch.undo()
    ui = Plain()
    again = changed(small, {}, start=kept)
    work = alone(again, train.step(again), tmp_path / "again", ui)
    # The project's name, not the preset's.
    assert ui.said[0] == "training tiny"
    epochs = [re.sub(r"\d+\.\d+", "#", line) for line in ui.said[1:]]
    assert re.fullmatch(r"training tiny: epoch 1 of 2: loss #, exits # %  # %  # %, about \d+ s left", epochs[0])
    assert epochs[1:] == ["training tiny: epoch 2 of 2: loss #, exits # %  # %  # %"]
    assert load_checkpoint(work / "checkpoint.safetensors").progress["run"]["start"]


def test_a_training_that_diverges_at_once_leaves_nothing(small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Joint, "loss", lambda *_: (torch.tensor(float("inf")), {}))
    with pytest.raises(OfframpError, match="the loss of all is inf; no epoch was done") as caught:
        alone(small, train.step(small), tmp_path / "work")
    assert caught.value.hint is None
    assert not (small.output / "last_good.safetensors").exists()


def test_a_start_that_has_seen_the_validation_split_is_told(small: Project, first: Path, tmp_path: Path) -> None:
    start, ui = first / "checkpoint.safetensors", Listening()
    other = changed(configured(small.file.parent, epochs="1", validation="0.3"), {}, start=start)
    alone(other, train.step(other), tmp_path / "work", ui)
    [told] = ui.said
    assert told.startswith("warning: the weights were trained with other images, data.validation or train.seed; thresholds may")


def test_an_interrupted_training_is_taken_up_and_ends_the_same(small: Project, first: Path, tmp_path: Path) -> None:
    halves, steps = tmp_path / "halves", (700 - 140) // 64
    with pytest.raises(KeyboardInterrupt):
        alone(small, train.step(small), halves, Interrupting(steps + 2))
    assert not (halves / "checkpoint.safetensors").exists()
    second = Interrupting(1e9)
    alone(small, train.step(small), halves, second)
    assert second.bar.first == steps + 1
    for name in OUTPUTS:
        assert (halves / name).read_bytes() == (first / name).read_bytes()


def leave(chosen: Project, made: Path) -> None:
    """What is in the folder ``made`` in the output folder of ``chosen``, with a stamp of offramp 0.1, whose identities were made
    otherwise."""
    outputs = {}
    (chosen.output / ".steps").mkdir(parents=True, exist_ok=True)
    for name in OUTPUTS:
        content = (made / name).read_bytes()
        (chosen.output / name).write_bytes(content)
        outputs[name] = hash_path(chosen.output / name)
    write_json(chosen.output / ".steps" / "train.json", {"version": 1, "identity": "of 0.1", "outputs": outputs, "seconds": 12.5})


@pytest.fixture
def left(small: Project, first: Path) -> Project:
    """``small`` as offramp 0.1 left it."""
    leave(small, first)
    return small


def again(chosen: Project, interrupt: bool = False) -> tuple[list[str], list[str]]:
    """What step ``train`` said, and the steps that ran; ``interrupt`` it as soon as it trains."""

    class Stopping(Listening, Interrupting):
        def __init__(self) -> None:
            Listening.__init__(self)
            Interrupting.__init__(self, 1)

    ui = Stopping() if interrupt else Listening()
    with Build(chosen.output, ui, chosen.file) as build:
        if interrupt:
            with pytest.raises(KeyboardInterrupt):
                build.run(train.step(chosen))
        else:
            build.run(train.step(chosen))
        return ui.said, build.ran


def test_what_version_0_1_trained_is_kept_when_it_would_be_trained_again(left: Project) -> None:
    before = {name: (left.output / name).read_bytes() for name in OUTPUTS}
    assert again(left) == (["checkpoint.safetensors, metrics.json: kept from offramp 0.1"], [])
    assert before == {name: (left.output / name).read_bytes() for name in before}
    stamp = json.loads((left.output / ".steps" / "train.json").read_text())
    assert (stamp["version"], stamp["seconds"]) == (2, 12.5)
    # From then on it is as if it had been trained here: nothing is said, and another setting trains.
    assert again(left) == ([], [])
    assert again(configured(left.file.parent, epochs="1")) == ([], ["train"])


FOREIGN = "warning: what offramp 0.1 left of step train is not kept: it was trained with "


@pytest.mark.parametrize(("tables", "told"), [
    ({"train": {"learning_rate": 0.002}}, "learning_rate = 0.004, not 0.002"),
    ({"train": {"epochs": 3, "clip": 1.0}}, "epochs = 2, not 3, clip = None, not 1.0"),
    ({"train": {"seed": 2}}, "seed = 1, not 2"),
    ({"data": {"validation": 0.3}}, "validation = 0.2, not 0.3"),
    ({"train": {"exit_weights": "branchynet"}}, "exit_weights = [1.0, 1.0, 1.0], not [1.0, 0.65, 0.3]"),
    ({"model": {"weight_bits": 4}}, "another network"),
])
def test_a_training_of_version_0_1_with_other_settings_is_not_kept_and_told(
    tables: dict[str, dict[str, Any]], told: str, left: Project
) -> None:
    assert again(changed(left, tables), interrupt=True) == ([FOREIGN + told], [])


def test_another_scheme_than_that_of_version_0_1_is_told(left: Project) -> None:
    [told] = again(changed(left, {"train": {"scheme": "distill"}}), interrupt=True)[0]
    assert told.startswith(f"{FOREIGN}name = joint, not distill, ")


def test_further_samples_than_those_of_version_0_1_are_told(small: Project, tmp_path: Path) -> None:
    x = project_dataset(small).x_test
    for name, samples in (("one", x), ("other", x[::-1])):
        np.savez(tmp_path / name, x_unlabelled=samples)
    chosen = changed(small, {"train": {"scheme": "consistent"}}, samples=tmp_path / "one.npz")
    leave(chosen, alone(chosen, train.step(chosen), tmp_path / "work"))
    other = changed(small, {"train": {"scheme": "consistent"}}, samples=tmp_path / "other.npz")
    assert again(other, interrupt=True)[0] == [f"{FOREIGN}other samples without labels"]
    assert again(chosen) == (["checkpoint.safetensors, metrics.json: kept from offramp 0.1"], [])


def test_other_epochs_of_a_gate_head_than_those_of_version_0_1_are_told(small: Project, tmp_path: Path) -> None:
    text = small.file.read_text().replace('policy = "softmax"', 'policy = "gate"')
    small.file.write_text(text)
    gated = load_config(small.file)
    leave(gated, alone(gated, train.step(gated), tmp_path / "work"))
    assert again(changed(gated, {"train": {"gate_epochs": 7}}), interrupt=True)[0] == [f"{FOREIGN}epochs = None, not 7"]
    assert again(gated) == (["checkpoint.safetensors, metrics.json: kept from offramp 0.1"], [])


def test_a_training_of_version_0_1_with_other_exits_is_not_kept_and_told(left: Project) -> None:
    other = configured(left.file.parent, [(0, "preset"), (1, "linear")], epochs="2")
    assert again(other, interrupt=True)[0] == [f"{FOREIGN}another network"]


def test_a_training_of_version_0_1_with_other_images_is_not_kept_and_told(left: Project) -> None:
    with_data(left, x_train=project_dataset(left).x_train[::-1])
    assert again(left, interrupt=True)[0] == [f"{FOREIGN}other images"]


def test_a_training_of_version_0_1_from_another_start_is_not_kept_and_told(left: Project, first: Path) -> None:
    other = changed(left, {}, start=first / "checkpoint.safetensors")
    assert again(other, interrupt=True)[0] == [f"{FOREIGN}another train.start"]


def test_a_checkpoint_of_version_0_1_that_cannot_be_read_is_told(left: Project) -> None:
    broken = left.output / "checkpoint.safetensors"
    broken.write_bytes(b"no checkpoint")
    leave(left, left.output)
    [told] = again(left, interrupt=True)[0]
    assert told.startswith(f"warning: what offramp 0.1 left of step train is not kept: {broken} cannot be read as a checkpoint")


def test_a_checkpoint_that_was_changed_since_is_not_kept(left: Project) -> None:
    (left.output / "metrics.json").write_text("{}")
    assert again(left, interrupt=True)[0] == ["metrics.json: not as step train left it, made anew"]
