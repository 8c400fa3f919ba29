"""Training, calibration and export write their artefacts; an interrupted training is taken up."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.ui import SilentUi
from build_flows.project.config import Config
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import training
from quant_models.errors import QuantModelError
from quant_models.exits.calibrate import ExitLogits, apply, calibrate
from quant_models.networks.checkpoint import load_checkpoint
from quant_models.training.schemes import Joint
from sim import golden
from tests.build_flows.projects import configured, project


class Bar:
    """Interrupts when so many steps are done; remembers where it began."""

    def __init__(self, stop: float) -> None:
        self.stop = stop
        self.first: float | None = None

    def advance(self, amount: float = 1) -> None:
        pass

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        assert completed is not None
        self.first = completed if self.first is None else self.first
        if completed >= self.stop:
            raise KeyboardInterrupt


class Interrupting(SilentUi):
    def __init__(self, stop: float) -> None:
        self.bar = Bar(stop)

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Bar]:
        yield self.bar


@pytest.fixture
def small(tmp_path: Path, model_cache: Path) -> Project:
    return project(tmp_path, model_cache, epochs="2")


def test_train_calibrate_export(small: Project, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    training.train(small, SilentUi(), work)
    metrics = json.loads((work / "metrics.json").read_text())
    assert (metrics["version"], metrics["settings"]["epochs"], len(metrics["history"])) == (1, 2, 2)
    assert metrics["train_samples"] + metrics["validation_samples"] == 700
    training.calibrate(small, SilentUi(), work / "checkpoint.safetensors", work)
    exits = json.loads((work / "exits.json").read_text())["exits"]
    assert [item["policy"] for item in exits] == ["softmax", "max_logit", "always"]
    assert sum(item["leave"] for item in exits) == pytest.approx(1)
    assert exits[0]["leave"] == pytest.approx(0.5, abs=0.05)
    assert len(json.loads((work / "tradeoff.json").read_text())["curves"]) == 2
    training.export(small, SilentUi(), work / "checkpoint.safetensors", work)
    with np.load(work / "golden.npz", allow_pickle=False) as found:
        assert json.loads(str(found["meta"]))["classes"] == 10
    assert (work / "model.onnx").stat().st_size > 1000


SCORED = ("max_logit", "margin", "softmax", "entropy")


def test_a_temperature_reaches_exits_json(tiny: Project, small: Project, tmp_path: Path) -> None:
    training.calibrate(_with(small, {"calibrate": {"temperature": True}}), SilentUi(), tiny.output / "checkpoint.safetensors", tmp_path)
    found, before = (json.loads((folder / "exits.json").read_text()) for folder in (tmp_path, tiny.output))
    assert all(0.1 < entry["temperature"] < 10 for entry in found["exits"])
    assert not any("temperature" in entry for entry in before["exits"])
    for told in found["calibration"]["temperature"]:
        assert told["log_loss_scaled"] < told["log_loss"]
    assert found["exits"][0]["params"] != before["exits"][0]["params"]


@pytest.mark.parametrize(("policy", "score"), [*((name, "softmax") for name in (*SCORED, "patience")),
                                               *(("class_threshold", name) for name in SCORED)])
def test_the_golden_model_decides_the_same_of_a_trained_network_s_logits(policy: str, score: str, tiny: Project) -> None:
    """Every policy, and thresholds by class of every score, on logits of images that calibrated nothing."""
    data, network = training.dataset(tiny), golden.load(tiny.output / "golden.npz")
    seen, logits = network.run(data.x_train[:200]), network.run(data.x_test)
    scales = [entry["scale"] for entry in json.loads((tiny.output / "exits.json").read_text())["exits"]]
    exits = [
        ExitLogits(policy=policy if k < 2 else "always", logits=item, scale=scale, score=score)
        for k, (item, scale) in enumerate(zip(seen, scales, strict=True))
    ]
    for temperature in (False, True):
        found = calibrate(exits, np.asarray(data.y_train[:200], np.int64), shares=[0.4, 0.3], temperature=temperature)
        told = golden.decide(logits, golden.parse_exits(found))
        label, taken = apply(found["exits"], logits)
        assert (told.label == label).all()
        assert (told.exit == taken).all()
        assert policy == "patience" or len(set(taken)) > 1


def _with(small: Project, changes: dict[str, dict], **files: Path) -> Project:
    """``small`` with other values by table and key, and with ``files`` (start, samples)."""
    raw = small.config.model_dump()
    for table, values in changes.items():
        raw[table] = raw[table] | values
    return dataclasses.replace(small, config=Config.model_validate(raw), **files)


def _trained(chosen: Project, work: Path) -> dict:
    work.mkdir()
    training.train(chosen, SilentUi(), work)
    found = json.loads((work / "metrics.json").read_text())
    assert [item["accuracy"] > 0 for item in found["exits"]] == [True] * 3
    return found


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
def test_a_scheme_gets_its_settings(scheme: str, own: dict, told: dict, small: Project, tmp_path: Path) -> None:
    found = _trained(_with(small, {"train": {"scheme": scheme, "exit_weights": "branchynet"}, scheme: own}), tmp_path / "work")
    weights = found["scheme"].pop("exit_weights", None)
    assert weights is None if scheme == "exits_only" else weights == pytest.approx([1.0, 0.65, 0.3])
    assert found["scheme"] == {"name": scheme, **told}
    assert len(found["history"]) == 2 + told.get("backbone_epochs", 0)


def test_a_trained_backbone_is_not_trained_again(small: Project, tmp_path: Path) -> None:
    _trained(small, tmp_path / "first")
    start = tmp_path / "first" / "checkpoint.safetensors"
    found = _trained(_with(small, {"train": {"scheme": "exits_only"}}, start=start), tmp_path / "second")
    assert found["scheme"] == {"name": "exits_only", "backbone_epochs": 0, "exits": None}
    assert _moved(start, tmp_path / "second" / "checkpoint.safetensors") == {"0", "1"}


def _moved(old: Path, new: Path) -> set[str]:
    """The heads whose weights differ, and ``backbone`` when anything else does."""
    before, after = (load_checkpoint(path).model for path in (old, new))
    return {key.split(".")[1] if key.startswith("heads.") else "backbone" for key in before if not bool((before[key] == after[key]).all())}


@pytest.mark.parametrize("labels", ["true", "last_exit"])
def test_a_user_s_own_samples_move_the_early_heads_alone(labels: str, small: Project, tmp_path: Path) -> None:
    _trained(small, tmp_path / "first")
    data = training.dataset(small)
    np.savez(tmp_path / "user.npz", x=data.x_train[:120], **({"y": data.y_train[:120]} if labels == "true" else {}))
    start = tmp_path / "first" / "checkpoint.safetensors"
    chosen = _with(small, {"train": {"scheme": "personal", "batch_size": 16}, "personal": {"labels": labels}}, start=start,
                   samples=tmp_path / "user.npz")
    found = _trained(chosen, tmp_path / "second")
    assert (found["scheme"], found["train_samples"] + found["validation_samples"]) == ({"name": "personal", "labels": labels}, 120)
    assert _moved(start, tmp_path / "second" / "checkpoint.safetensors") == {"0", "1"}


def test_further_samples_without_labels_take_part(small: Project, tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", x_unlabelled=training.dataset(small).x_test)
    found = _trained(_with(small, {"train": {"scheme": "consistent"}}, samples=tmp_path / "more.npz"), tmp_path / "work")
    assert found["train_samples"] + found["validation_samples"] == 700 + 60


def test_bits_of_single_layers(small: Project, tmp_path: Path) -> None:
    chosen = _with(small, {"model": {"layer_bits": {"stage0_conv0": {"weight": 8, "act": 3}}}})
    _trained(chosen, tmp_path / "work")
    first, second = load_checkpoint(tmp_path / "work" / "checkpoint.safetensors").spec.stages[:2]
    assert (first[0].weight_bits, first[0].act.bits, second[0].weight_bits) == (8, 3, small.config.model.weight_bits)
    wrong = _with(small, {"model": {"layer_bits": {"stage9_conv0": {"weight": 8}}}})
    with pytest.raises(ConfigError, match=r"model\.layer_bits = \{stage9_conv0 = \{weight = 8\}\}: digits has no layer 'stage9_conv0'"):
        training.train(wrong, SilentUi(), tmp_path)


def test_a_training_that_diverges_leaves_its_last_good_weights_where_no_run_removes_them(
    small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Joint.loss

    def breaking(scheme: Joint, model: Any, batch: Any, epoch: int, generator: Any) -> Any:
        loss, told = plain(scheme, model, batch, epoch, generator)
        return (loss * float("nan"), {"exit 1": float("nan")}) if epoch == 1 else (loss, told)

    monkeypatch.setattr(Joint, "loss", breaking)
    work = tmp_path / "work"
    work.mkdir()
    where = "training stopped at epoch 2, step 1 of 8: the loss of exit 1 is nan; the weights after epoch 1 are kept"
    with pytest.raises(OfframpError, match=where) as caught:
        training.train(small, SilentUi(), work)
    kept = small.output / "last_good.safetensors"
    assert caught.value.hint == f"{kept} holds the last good weights; train.start goes on from them"
    assert not (work / "checkpoint.safetensors").exists()
    monkeypatch.undo()
    ui = Listening()
    again = _with(small, {}, start=kept)
    work = tmp_path / "again"
    work.mkdir()
    training.train(again, ui, work)
    assert ui.told == []
    assert load_checkpoint(work / "checkpoint.safetensors").progress["run"]["start"]


def test_a_training_that_diverges_at_once_leaves_nothing(small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Joint, "loss", lambda *_: (torch.tensor(float("inf")), {}))
    with pytest.raises(OfframpError, match="the loss of all is inf; no epoch was done") as caught:
        training.train(small, SilentUi(), tmp_path)
    assert caught.value.hint is None
    assert not (small.output / "last_good.safetensors").exists()


def test_a_start_that_has_seen_the_validation_split_is_told(small: Project, tmp_path: Path) -> None:
    start = trained(small.file.parent, validation="0.3")
    ui = Listening()
    training.train(_with(configured(small.file.parent, ALL, epochs="1"), {}, start=start), ui, tmp_path)
    [told] = ui.told
    assert told.startswith("warning: the weights were trained with other images, data.validation or train.seed; thresholds may")


class Listening(SilentUi):
    def __init__(self) -> None:
        self.told: list[str] = []

    def info(self, text: str) -> None:
        self.told.append(text)


ALL = [(0, "preset"), (0, "conv"), (1, "linear")]


def trained(folder: Path, **changes: str) -> Path:
    """A checkpoint with all exits of ALL, of the project in ``folder``."""
    work = folder / "all"
    work.mkdir()
    training.train(configured(folder, ALL, epochs="1", **changes), SilentUi(), work)
    return work / "checkpoint.safetensors"


def test_a_layout_is_cut_out_of_a_training_of_all_heads(small: Project, tmp_path: Path) -> None:
    source, work = trained(small.file.parent), tmp_path / "work"
    work.mkdir()
    ui = Listening()
    part = configured(small.file.parent, [(0, "conv")], checkpoint='"all/checkpoint.safetensors"')
    training.train(part, ui, work)
    assert ui.told == [f"taking the weights from {source}"]
    whole, metrics = (json.loads((folder / "metrics.json").read_text()) for folder in (source.parent, work))
    assert metrics["exits"] == [whole["exits"][1], whole["exits"][3]]
    assert (metrics["history"], metrics["taken"]["exits"], metrics["settings"]["epochs"]) == ([], [1, 3], 1)
    training.calibrate(part, SilentUi(), work / "checkpoint.safetensors", work)
    assert len(json.loads((work / "exits.json").read_text())["exits"]) == 2
    training.export(part, SilentUi(), work / "checkpoint.safetensors", work)
    with np.load(work / "golden.npz", allow_pickle=False) as found:
        heads = [[layer["kind"] for layer in head["layers"]] for head in json.loads(str(found["meta"]))["heads"]]
    assert heads == [["conv", "maxpool", "linear"], ["global_sum", "linear"]]


def test_a_layout_that_was_not_trained_is_told_with_file_key_and_value(small: Project, tmp_path: Path) -> None:
    source = trained(small.file.parent)
    other = configured(small.file.parent, [(1, "pool")], checkpoint='"all/checkpoint.safetensors"')
    with pytest.raises(ConfigError) as caught:
        training.train(other, SilentUi(), tmp_path)
    assert caught.value.message.startswith(
        f'{small.file}: train.checkpoint = "all/checkpoint.safetensors": checkpoint {source} was not trained with the head of exit 0, '
        "after block 1: max-pool, linear 10; it has after block 0: "
    )


def test_weights_that_have_seen_the_validation_split_are_told(small: Project, tmp_path: Path) -> None:
    trained(small.file.parent, validation="0.3")
    ui = Listening()
    training.train(configured(small.file.parent, [], checkpoint='"all/checkpoint.safetensors"'), ui, tmp_path)
    assert ui.told[1].startswith("warning: the weights were trained with other images, data.validation or train.seed")


def test_an_interrupted_training_is_taken_up_and_ends_the_same(small: Project, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for folder in (whole, halves):
        folder.mkdir()
    training.train(small, SilentUi(), whole)
    steps = (700 - 140) // 64
    with pytest.raises(KeyboardInterrupt):
        training.train(small, Interrupting(steps + 2), halves)
    assert not (halves / "checkpoint.safetensors").exists()
    second = Interrupting(1e9)
    training.train(small, second, halves)
    assert second.bar.first == steps + 1
    for name in ("checkpoint.safetensors", "metrics.json"):
        assert (halves / name).read_bytes() == (whole / name).read_bytes()


def test_a_checkpoint_of_another_network_is_refused(tiny: Project, tmp_path: Path, small: Project) -> None:
    other = configured(small.file.parent, weight_bits="5")
    with pytest.raises(QuantModelError, match=r"of another network than the configuration \(.*weight_bits is 3 in the checkpoint, 5"):
        training.export(other, SilentUi(), tiny.output / "checkpoint.safetensors", tmp_path)


def with_data(project: Project, **arrays: np.ndarray) -> Project:
    """``project`` with some arrays of its data set replaced."""
    assert project.data is not None
    with np.load(project.data, allow_pickle=False) as found:
        np.savez(project.data, **{**found, **arrays})
    return project


def test_the_network_has_as_many_classes_as_the_users_images(small: Project, tmp_path: Path) -> None:
    classes = 12
    labels = np.arange(760) % classes
    made = with_data(small, y_train=labels[:700], y_test=labels[700:])
    training.train(made, SilentUi(), tmp_path)
    checkpoint = tmp_path / "checkpoint.safetensors"
    training.calibrate(made, SilentUi(), checkpoint, tmp_path)
    training.export(made, SilentUi(), checkpoint, tmp_path)
    with np.load(tmp_path / "golden.npz", allow_pickle=False) as found:
        assert json.loads(str(found["meta"]))["classes"] == classes


def test_the_network_takes_the_shape_of_the_users_images(small: Project, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = {f"x_{part}": rng.integers(0, 256, (count, 6, 5, 2), np.uint8) for part, count in (("train", 700), ("test", 60))}
    made = with_data(small, **images)
    training.train(configured(made.file.parent, epochs="1"), SilentUi(), tmp_path)
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert told["input"] == {"shape": [6, 5, 2], "names": [], "scale": None}
    training.calibrate(made, SilentUi(), tmp_path / "checkpoint.safetensors", tmp_path)
    training.export(made, SilentUi(), tmp_path / "checkpoint.safetensors", tmp_path)
    with np.load(tmp_path / "golden.npz", allow_pickle=False) as found:
        assert json.loads(str(found["meta"]))["input"] == {"height": 6, "width": 5, "channels": 2, "bits": 8, "signed": False}


def test_images_that_the_preset_does_not_take_are_told_with_file_key_and_value(small: Project, tmp_path: Path) -> None:
    tiny = {f"x_{part}": np.zeros((count, 3, 8), np.uint8) for part, count in (("train", 700), ("test", 60))}
    with pytest.raises(ConfigError) as caught:
        training.train(with_data(small, **tiny), SilentUi(), tmp_path)
    assert caught.value.message == (
        f'{small.file}: model.preset = "digits": its layers do not fit images of 3x8x1: head0_pool0: kernel must fit into the padded '
        "input, not kernel=4, input=3, pad=0; allowed: 4x4 at least with the preset's own heads"
    )


def test_a_class_that_is_missing_from_the_validation_split_is_told(small: Project, tmp_path: Path) -> None:
    labels = np.arange(700) % 10
    labels[labels == 7] = 8
    labels[3] = 7
    with pytest.raises(ConfigError) as caught:
        training.train(with_data(small, y_train=labels), SilentUi(), tmp_path)
    assert caught.value.message == (
        f"{small.file}: data.validation = 0.2: none of the 1 training samples of class 7 is in the validation split; "
        "allowed: another share, or more samples"
    )


def test_windows_of_sensors_and_image_folders_are_data_sets(small: Project, tmp_path: Path) -> None:
    folder = small.file.parent
    text = small.file.read_text()
    with np.load(small.data, allow_pickle=False) as found:  # type: ignore[arg-type]
        windows = {key: found[key].reshape(-1, 16, 4) / 7 if key[0] == "x" else found[key] for key in found}
    np.savez(folder / "digits.npz", **windows)
    small.file.write_text(text.replace('name = "npz"', 'name = "sensors"'))
    data = training.dataset(load_config(small.file))
    assert (data.shape, data.x_train.max()) == ((16, 1, 4), 255)
    assert data.scale is not None
    assert training._input(data)["scale"] == {"low": list(data.scale.low), "step": list(data.scale.step)}
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            (folder / "pets" / part / label).mkdir(parents=True)
            Image.new("L", (3, 2), 9).save(folder / "pets" / part / label / "a.png")
    small.file.write_text(text.replace('name = "npz"', 'name = "folder"\nresize = [8, 6]').replace("digits.npz", "pets"))
    data = training.dataset(load_config(small.file))
    assert (data.shape, data.names) == ((8, 6, 1), ("cat", "dog"))
    assert len(list((folder / "out" / ".data").iterdir())) == 1


def test_a_mean_cost_is_calibrated_and_one_out_of_reach_is_told(small: Project, tmp_path: Path) -> None:
    training.train(small, SilentUi(), tmp_path)
    text = small.file.read_text()

    def wanted(share: str) -> Project:
        small.file.write_text(text.replace("shares = [0.5, 0.3]", f'mean_cost = {share}\ncost = "bit_ops"'))
        return load_config(small.file)

    training.calibrate(wanted("0.6"), SilentUi(), tmp_path / "checkpoint.safetensors", tmp_path)
    told = json.loads((tmp_path / "exits.json").read_text())["calibration"]
    assert told["wanted"] == {"cost": "bit operations", "mean_cost": 0.6}
    assert 0.3 < told["mean_cost"] <= 0.6
    with pytest.raises(ConfigError, match=r"calibrate\.mean_cost = 0\.01: .* the best is (0\.\d+), .*; allowed: 0\.\d+ to 1") as caught:
        training.calibrate(wanted("0.01"), SilentUi(), tmp_path / "checkpoint.safetensors", tmp_path)
    least = caught.value.message.rsplit("allowed: ", 1)[1].removesuffix(" to 1")
    training.calibrate(wanted(least), SilentUi(), tmp_path / "checkpoint.safetensors", tmp_path)


def test_shares_that_ties_do_not_allow_are_told() -> None:
    told: list[str] = []

    class Told(SilentUi):
        def info(self, text: str) -> None:
            told.append(text)

    training._warn_of_shares(Told(), [0.4, 0.2], [0.41, 0.19, 0.4])
    assert told == []
    training._warn_of_shares(Told(), [0.4, 0.2], [0.0, 0.2, 0.8])
    assert "wants 0.400, 0.200; the nearest that thresholds can give is 0.000, 0.200" in told[0]
