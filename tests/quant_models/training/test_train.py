import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from quant_models.datasets.load import Dataset, load, split
from quant_models.errors import Diverged, QuantModelError
from quant_models.exits.promise import parted, seen_by_training
from quant_models.integers.view import integer_logits
from quant_models.networks.checkpoint import load_checkpoint, load_model, save_checkpoint
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.layouts import layout
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset
from quant_models.training.augment import augment, perturbed
from quant_models.training.evaluate import evaluate
from quant_models.training.gate_head import GateHeads
from quant_models.training.schemes import Consistent, Distill, ExitsOnly, Joint, Personal
from quant_models.training.train import TrainSettings, device, run_identity, told, train

SPEC = preset("digits")


@pytest.fixture(scope="module")
def few():
    data = load("digits")
    return dataclasses.replace(data, x_train=data.x_train[:240], y_train=data.y_train[:240])


SETTINGS = TrainSettings(epochs=3, batch=40, shift=1, flip=True, seed=5)
WEIGHTED = Joint(exit_weights=(1.0, 0.5, 2.0))


class Stop(Exception):
    """What Ctrl-C would be."""


@pytest.fixture(scope="module")
def start(tmp_path_factory, few):
    """A checkpoint to start from."""
    path = tmp_path_factory.mktemp("start") / "net"
    train(SPEC, few, TrainSettings(epochs=1, batch=40, seed=9), path)
    found = load_checkpoint(path)
    save_checkpoint(path, dataclasses.replace(found, progress={**found.progress, "note": "first"}))
    return path


def plainly(spec, data):
    """Joint training as plain as it can be written: what every scheme, part, schedule and stop must leave as it is by default."""
    kept, held = split(data, 0.1, 5)
    x = torch.from_numpy(data.x_train[kept].transpose(0, 3, 1, 2).copy()).float() / 256
    y = torch.from_numpy(data.y_train[kept])
    torch.manual_seed(5)
    model = MultiExitNet(spec)
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 1e-4},
              {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0}]
    adam, steps = torch.optim.AdamW(groups), len(x) // 40
    for step in range(3 * steps):
        if step % steps == 0:
            model.train()
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(5 * 1_000_003 + step // steps))
        chosen, warm = order[step % steps * 40 : (step % steps + 1) * 40], 0.05 * 3 * steps
        cosine = 4e-3 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (3 * steps - warm)))
        for group in adam.param_groups:
            group["lr"] = 4e-3 * (step + 1) / (warm + 1) if step < warm else cosine
        adam.zero_grad()
        losses = [w * functional.cross_entropy(z, y[chosen]) for w, z in zip((1.0, 0.5, 2.0), model(x[chosen]), strict=True)]
        torch.stack(losses).sum().backward()
        adam.step()
        model.clamp()
        if step % steps == steps - 1:
            evaluate(model, data.x_train[held], data.y_train[held])
    return model.state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_joint_training_is_what_it_always_was(tmp_path, few):
    settings = TrainSettings(epochs=3, batch=40, seed=5)
    train(SPEC, few, settings, tmp_path / "net", scheme=WEIGHTED)
    assert same(load_checkpoint(tmp_path / "net").model, plainly(SPEC, few))
    train(SPEC, few, settings, tmp_path / "none")
    train(SPEC, few, settings, tmp_path / "ones", scheme=Joint(exit_weights=(1.0, 1.0, 1.0)))
    assert same(load_checkpoint(tmp_path / "none").model, load_checkpoint(tmp_path / "ones").model)


EVERY = [
    (WEIGHTED, {}, 1), (Distill(), {"clip": 0.5, "schedule": "step"}, 1), (Consistent(unlabelled=0.5, ramp=2), {}, 1),
    (ExitsOnly(backbone_epochs=2), {"early_stop": 2}, 1), (ExitsOnly(backbone_epochs=2), {"early_stop": 2}, 3), (Personal(), {}, 1),
]


@pytest.mark.parametrize(
    ("scheme", "changes", "epoch"), [*EVERY[:1], *(pytest.param(*each, marks=pytest.mark.slow) for each in EVERY[1:])],
    ids=lambda item: getattr(item, "name", None))
def test_interrupted_run_ends_as_the_uninterrupted_one(tmp_path, few, start, scheme, changes, epoch):
    settings = dataclasses.replace(SETTINGS, **changes)
    how = {"scheme": scheme, "start": start if scheme.needs_start() else None}
    whole = train(SPEC, few, settings, tmp_path / "whole", **how)

    def stop(progress):
        if progress.epoch == epoch and progress.step == 2:
            raise Stop

    with pytest.raises(Stop):
        train(SPEC, few, settings, tmp_path / "parts", stop, **how)
    assert not (tmp_path / "parts").exists()
    seen = []
    parts = train(SPEC, few, settings, tmp_path / "parts", seen.append, **how)
    assert seen[0].epoch == epoch
    assert parts == whole
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["parts", "whole"]
    assert load_checkpoint(tmp_path / "whole").progress["metrics"] == whole
    assert load_checkpoint(tmp_path / "whole").progress["run"]["scheme"] == scheme.describe()


def test_a_checkpoint_tells_how_it_was_made(tmp_path, few, start):
    scheme, more = Consistent(ramp=2), few.x_test[:40]
    train(SPEC, few, SETTINGS, tmp_path / "net", scheme=scheme, start=start, unlabelled=more)
    found = load_checkpoint(tmp_path / "net").progress["run"]
    assert found == run_identity(SPEC, few, SETTINGS, scheme, start=start, unlabelled=more, gates=GateHeads())
    assert set(found) == {"settings", "scheme", "data", "start", "unlabelled"}
    gated = with_gates(SPEC, ["pool", None], 4, 4)
    bare = run_identity(gated, few, SETTINGS, Joint(), start=None, unlabelled=None, gates=GateHeads(epochs=3))
    assert (set(bare), bare["start"]) == ({"settings", "scheme", "data", "start", "gates"}, None)
    assert bare["gates"] == GateHeads(epochs=3).describe()


def test_other_settings_start_afresh(tmp_path, few):
    def stop(progress):
        if progress.accuracy:
            raise Stop

    with pytest.raises(Stop):
        train(SPEC, few, SETTINGS, tmp_path / "net", stop)
    seen = []
    train(SPEC, few, dataclasses.replace(SETTINGS, epochs=1, seed=6), tmp_path / "net", seen.append)
    assert seen[0].epoch == 0


@pytest.mark.parametrize("other", ["scheme", "start", "unlabelled"])
def test_another_scheme_or_start_or_more_samples_start_afresh(tmp_path, few, start, other):
    first = {"scheme": Consistent(), "start": start, "unlabelled": few.x_test[:40]}

    def stop(progress):
        if progress.accuracy:
            raise Stop

    def epoch(how):
        """Where a run begins, which is stopped after one epoch."""
        seen = []
        with pytest.raises(Stop):
            train(SPEC, few, SETTINGS, tmp_path / "net", lambda item: (seen.append(item), stop(item)), **how)
        return seen[0].epoch

    assert (epoch(first), epoch(first)) == (0, 1)
    (tmp_path / "other").write_bytes(start.read_bytes().replace(b"first", b"First"))
    changes = {"scheme": Consistent(weight=0.5), "start": tmp_path / "other", "unlabelled": few.x_test[1:41]}
    assert epoch({**first, other: changes[other]}) == 0


def test_interrupted_run_leaves_the_earlier_checkpoint(tmp_path, few):
    train(SPEC, few, dataclasses.replace(SETTINGS, epochs=1), tmp_path / "net")
    before = (tmp_path / "net").read_bytes()

    def stop(progress):
        raise Stop

    with pytest.raises(Stop):
        train(SPEC, few, SETTINGS, tmp_path / "net", stop)
    assert (tmp_path / "net").read_bytes() == before


def test_training_learns_and_reports(tmp_path):
    data = load("digits")
    data = dataclasses.replace(data, x_train=data.x_train[:720], y_train=data.y_train[:720])
    state, seen = torch.get_rng_state(), []
    metrics = train(SPEC, data, TrainSettings(epochs=10, batch=24, validation=0.2), tmp_path / "net", seen.append)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(seen) == 10 * (576 // 24)
    assert [item.accuracy is not None for item in seen].count(True) == 10
    assert (metrics["train_samples"], metrics["validation_samples"], len(metrics["history"])) == (576, 144, 10)
    model = load_model(tmp_path / "net", SPEC)
    found = evaluate(model, data.x_test, data.y_test)
    assert len(found) == 3
    assert all(item["accuracy"] > 0.5 for item in found)
    right = [(logits.argmax(1) == data.y_test).mean() for logits in integer_logits(model, data.x_test)]
    assert np.allclose(right, [item["accuracy"] for item in found], atol=0.006)
    assert all((value > 0).all() for key, value in model.state_dict().items() if key.endswith("norm.weight"))


@pytest.mark.parametrize(("changes", "message"), [
    ({"epochs": 0}, "epochs must be at least 1, not 0"),
    ({"batch": 1}, "batch must be at least 2, not 1"),
    ({"learning_rate": 0.0}, "learning_rate must be between 0 and 1, not 0.0"),
    ({"warmup": 2.0}, "warmup must be 0 to 1, not 2.0"),
    ({"schedule": "linear"}, "schedule must be one of cosine, constant, step, not linear"),
    ({"clip": 0.0}, "clip must be above 0, not 0.0"),
    ({"shift": -1}, "shift must be at least 0, not -1"),
    ({"early_stop": 0}, "early_stop must be at least 1, not 0"),
    ({"device": "tpu"}, "device must be auto, cpu or cuda, not tpu"),
])
def test_settings_are_checked(changes, message):
    with pytest.raises(QuantModelError, match=message):
        TrainSettings(**{"epochs": 1, **changes})


def test_data_and_net_must_fit(tmp_path, few):
    with pytest.raises(QuantModelError, match=r"images of digits are \(8, 8, 1\), the network b_lenet takes \(28, 28, 1\)"):
        train(preset("b_lenet"), few, SETTINGS, tmp_path / "net")
    with pytest.raises(QuantModelError, match="digits has 10 classes, the network digits has 9"):
        train(preset("digits", classes=9), few, SETTINGS, tmp_path / "net")
    with pytest.raises(QuantModelError, match=r"exit_weights must be 3 numbers, not negative and not all zero, not \(1.0,\)"):
        train(SPEC, few, SETTINGS, tmp_path / "net", scheme=Joint(exit_weights=(1.0,)))
    one = Dataset(name="one", x_train=few.x_train[:9], y_train=few.y_train[:9] * 0, x_test=few.x_test[:1], y_test=few.y_test[:1] * 0)
    with pytest.raises(QuantModelError, match="batch must be at most the 8 training samples, not 40"):
        train(SPEC, one, SETTINGS, tmp_path / "net")
    with pytest.raises(QuantModelError, match="scheme joint has no use for samples without labels"):
        train(SPEC, few, SETTINGS, tmp_path / "net", unlabelled=few.x_test)
    with pytest.raises(QuantModelError, match=r"samples without labels must be uint8 \[n, 8, 8, 1\], not float64 \[9, 8, 8, 1\]"):
        train(SPEC, few, SETTINGS, tmp_path / "net", scheme=Consistent(), unlabelled=np.zeros((9, 8, 8, 1)))


def test_device_is_what_torch_sees(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [device(name).type for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(QuantModelError, match="device must be cpu or auto, not cuda: torch sees no GPU"):
        device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device(name).type for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]


def test_a_start_is_where_it_begins_whatever_its_bits(tmp_path, few, start):
    slow = TrainSettings(epochs=1, batch=40, learning_rate=1e-9, weight_decay=0)
    before = load_checkpoint(start).model
    train(SPEC, few, slow, tmp_path / "net", start=start)
    found = load_checkpoint(tmp_path / "net").model
    assert all(torch.allclose(found[key], before[key], atol=1e-5) for key in found if key.endswith("weight"))
    other = preset("digits", weight_bits=8, act_bits=6)
    train(other, few, slow, tmp_path / "wide", start=start)
    wide = load_checkpoint(tmp_path / "wide", other).model
    assert all(torch.allclose(wide[key], before[key], atol=1e-5) for key in wide if key.endswith("weight"))
    train(SPEC, few, slow, tmp_path / "new")
    new = load_checkpoint(tmp_path / "new").model
    assert not any(torch.allclose(new[key], before[key], atol=1e-3) for key in new if key.endswith("conv0.linear.weight"))
    with pytest.raises(QuantModelError, match="was not trained with the head of exit 0"):
        train(layout("digits", [(0, "linear")]), few, slow, tmp_path / "net", start=start)


def test_clipping_bounds_each_step(tmp_path, few):
    """One step with gradients a thousand times as large spoils Adam's moments for long, unless all are clipped to the same norm."""

    class Bursting(Joint):
        def loss(self, model, batch, epoch, generator):
            loss, told = super().loss(model, batch, epoch, generator)
            calls.append(loss)
            return loss * (1000 if len(calls) == 2 else 1), told

    def far(clip):
        calls.clear()
        settings = dataclasses.replace(SETTINGS, epochs=1, clip=clip)
        train(SPEC, few, settings, tmp_path / "plain", scheme=Joint())
        train(SPEC, few, settings, tmp_path / "burst", scheme=Bursting())
        one, other = (load_checkpoint(tmp_path / name).model for name in ("plain", "burst"))
        return max(float((one[key] - other[key]).abs().max()) for key in one if key.endswith("weight"))

    calls = []
    assert far(1e-3) < 1e-4
    assert far(None) > 1e-3


def test_early_stopping_keeps_the_best_weights(tmp_path, few):
    rough = TrainSettings(epochs=30, batch=40, learning_rate=0.02, warmup=0, schedule="constant", validation=0.3, early_stop=2, seed=5)
    found = train(SPEC, few, rough, tmp_path / "net")
    scores = [sum(item["accuracy"] for item in epoch) / 3 for epoch in found["history"]]
    best = scores.index(max(scores))
    assert found["kept_epochs"] == {"joint": {"all": best}}
    assert len(scores) == best + 3 < 30
    _, held = split(few, 0.3, 5)
    assert evaluate(load_model(tmp_path / "net"), few.x_train[held], few.y_train[held]) == found["exits"]
    seen = held[np.sort(parted(len(held), 5)[: seen_by_training(len(held))])]
    assert evaluate(load_model(tmp_path / "net"), few.x_train[seen], few.y_train[seen]) == found["history"][best]
    whole = train(SPEC, few, dataclasses.replace(rough, epochs=len(scores), early_stop=None), tmp_path / "all")
    assert evaluate(load_model(tmp_path / "all"), few.x_train[seen], few.y_train[seen]) == found["history"][-1]
    assert "kept_epochs" not in whole


def test_early_stopping_counts_from_the_first_of_equal_epochs(tmp_path, few, monkeypatch):
    monkeypatch.setattr("quant_models.training.loop.evaluate", lambda *_: [{"accuracy": 0.5, "loss": 1.0}] * 3)
    found = train(SPEC, few, TrainSettings(epochs=9, batch=40, early_stop=2), tmp_path / "net")
    assert (found["kept_epochs"], len(found["history"])) == ({"joint": {"all": 0}}, 3)


def test_gammas_stay_positive_whatever_a_step_does(tmp_path, few):
    class Falling(Joint):
        def loss(self, model, batch, epoch, generator):
            return torch.stack([value.sum() for key, value in model.named_parameters() if key.endswith("norm.weight")]).sum(), {}

    train(SPEC, few, TrainSettings(epochs=1, batch=40, learning_rate=0.9, warmup=0), tmp_path / "net", scheme=Falling())
    gammas = [value for key, value in load_checkpoint(tmp_path / "net").model.items() if key.endswith("norm.weight")]
    assert len(gammas) == 3
    assert all(0 < float(value.min()) <= float(value.max()) < 0.01 for value in gammas)


def test_labelled_samples_lie_evenly_between_the_others(tmp_path, few):
    seen = []

    class Watching(Consistent):
        def loss(self, model, batch, epoch, generator):
            seen.append(int((batch.y >= 0).sum()))
            return super().loss(model, batch, epoch, generator)

    found = train(SPEC, few, SETTINGS, tmp_path / "net", scheme=Watching(unlabelled=0.5), unlabelled=few.x_test[:216])
    assert found["train_samples"] == 432
    labelled = int(Consistent(unlabelled=0.5).labelled(few.y_train[split(few, 0.1, 5)[0]], 5).sum())
    assert len(seen) == 3 * (432 // 40)
    assert all(abs(count - 40 * labelled / 432) <= 1 for count in seen)


def poisoned(start, path, key):
    """``start`` with one weight that is no number."""
    found = load_checkpoint(start)
    model = {name: value.clone() for name, value in found.model.items()}
    model[key].view(-1)[0] = float("nan")
    save_checkpoint(path, dataclasses.replace(found, model=model))
    return path


def test_a_loss_that_is_no_number_stops_and_says_where(tmp_path, few, start):
    bad = poisoned(start, tmp_path / "bad", "heads.1.head1_fc0.1.bias")
    with pytest.raises(Diverged, match=r"^training stopped at epoch 1, step 1 of 5: the loss of exit 1 is nan; no epoch was done; a lower"):
        train(SPEC, few, SETTINGS, tmp_path / "net", start=bad)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bad"]


def test_the_last_good_weights_are_kept(tmp_path, few):
    class Breaking(Joint):
        def loss(self, model, batch, epoch, generator):
            loss, told = super().loss(model, batch, epoch, generator)
            if epoch == 2:
                loss, told = loss * float("inf"), {**told, "exit 2": float("inf")}
            return loss, told

    train(SPEC, few, dataclasses.replace(SETTINGS, epochs=1), tmp_path / "net")
    before = (tmp_path / "net").read_bytes()
    message = "training stopped at epoch 3, step 1 of 5: the loss of exit 2 is inf; the weights after epoch 2 are kept"
    with pytest.raises(Diverged, match=message) as caught:
        train(SPEC, few, SETTINGS, tmp_path / "net", scheme=Breaking())
    assert (tmp_path / "net").read_bytes() == before
    assert caught.value.kept == tmp_path / "net.partial"
    kept = load_checkpoint(caught.value.kept, SPEC)
    assert len(kept.progress["history"]) == 2
    assert all(bool(value.isfinite().all()) for value in kept.model.values())
    found = train(SPEC, few, SETTINGS, tmp_path / "again", start=caught.value.kept)
    assert len(found["history"]) == 3


def test_weights_that_a_step_spoils_do_not_reach_the_checkpoint(tmp_path, few):
    class Spoiling(Joint):
        def loss(self, model, batch, epoch, generator):
            loss, told = super().loss(model, batch, epoch, generator)
            spoil = next(value for key, value in model.named_parameters() if key.startswith("heads.0.") and key.endswith("bias"))
            # Zero, with a gradient that is infinite.
            return (loss + (spoil.sum() - spoil.sum().detach()).sqrt() if epoch == 1 else loss), told

    with pytest.raises(Diverged, match="the loss of exit 0") as caught:
        train(SPEC, few, SETTINGS, tmp_path / "net", scheme=Spoiling())
    assert len(load_checkpoint(caught.value.kept).progress["history"]) == 1


def test_windows_of_sensor_samples_are_shifted_in_time_alone():
    x = torch.arange(1, 13).reshape(1, 1, 12, 1).expand(64, 1, 12, 1).to(torch.uint8)
    moved = augment(x, dataclasses.replace(SETTINGS, shift=2, flip=True), torch.Generator().manual_seed(1))
    assert {int(row[0, 5, 0]) for row in moved} == {4, 5, 6, 7, 8}
    assert all((row[0, 2:10, 0].diff() == 1).all() for row in moved)


def test_half_of_the_images_are_perturbed():
    x = torch.full((400, 1, 8, 8), 0.5)
    found = perturbed(x, dataclasses.replace(SETTINGS, perturb=("noise",), perturb_strength=0.5), torch.Generator().manual_seed(1))
    changed = (found != x).flatten(1).any(1)
    assert 160 < int(changed.sum()) < 240
    assert perturbed(x, SETTINGS, torch.Generator()) is x


def test_a_training_without_perturbations_is_that_of_before_there_were_any():
    assert not {"perturb", "perturb_strength"} & set(told(SETTINGS, Joint())["settings"])
    with_them = told(dataclasses.replace(SETTINGS, perturb=("noise",)), Joint())["settings"]
    assert (with_them["perturb"], with_them["perturb_strength"]) == (("noise",), 0.5)


@pytest.mark.parametrize(("change", "message"), [
    ({"perturb": ("blur",)}, "perturb must be of shift, .*, not 'blur'"),
    ({"perturb_strength": 1.5}, "perturb_strength must be 0 to 1, not 1.5"),
])
def test_perturbations_that_cannot_be(change, message):
    with pytest.raises(QuantModelError, match=message):
        dataclasses.replace(SETTINGS, **change)


@pytest.mark.slow
def test_early_stopping_looks_at_nothing_that_proves_thresholds(tmp_path, few, monkeypatch):
    """Other labels of the images that are kept for the proof change neither the epoch nor the history."""
    settings = TrainSettings(epochs=4, batch=40, validation=0.3, early_stop=2, seed=5)
    _, held = split(few, 0.3, 5)
    proof = held[parted(len(held), 5)[seen_by_training(len(held)):]]
    other = few.y_train.copy()
    other[proof] = (other[proof] + 1) % 10
    # The same images are held out whatever their labels.
    monkeypatch.setattr("quant_models.training.loop.split", lambda data, fraction, seed: split(few, fraction, seed))
    one, two = (train(SPEC, data, settings, tmp_path / name) for name, data in (
        ("one", few), ("two", dataclasses.replace(few, y_train=other))
    ))
    assert (one["history"], one["kept_epochs"]) == (two["history"], two["kept_epochs"])
    assert one["exits"] != two["exits"]
    assert len(proof) == 60
