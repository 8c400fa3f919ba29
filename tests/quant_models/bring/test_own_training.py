"""A network of one's own is trained by the loop that trains presets: what it needs, keeps and leaves."""

import dataclasses

import numpy as np
import pytest
import torch
from brevitas import nn as qnn
from brevitas.core.scaling import ParameterFromRuntimeStatsScaling
from safetensors.torch import load_file
from torch import nn

from quant_models.bring.own_training import OwnNet, OwnSpec, kept_weights, settle, train_own
from quant_models.datasets.load import load, split
from quant_models.errors import Diverged, QuantModelError
from quant_models.networks.net import MIN_GAMMA
from quant_models.training.schemes import Consistent, Distill, ExitsOnly, Joint, Personal
from quant_models.training.settings import TrainSettings

SPEC = OwnSpec(name="mine", height=8, width=8, channels=1, classes=10, exits=2)
SETTINGS = TrainSettings(epochs=3, batch=40, learning_rate=0.01, shift=1, seed=5)


class Stop(Exception):
    """What Ctrl-C would be."""


class Two(nn.Module):
    """The last exit is given first, and both behind a softmax; one quantiser stands in two places, and some activations drop out."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = qnn.QuantConv2d(1, 6, 3, padding=1, weight_bit_width=4, bias=False), nn.BatchNorm2d(6)
        self.act, self.again = qnn.QuantReLU(bit_width=4), qnn.QuantIdentity(bit_width=4)
        self.same, self.drop = self.again, nn.Dropout(0.2)
        self.early, self.last = nn.Linear(6 * 16, 10), nn.Linear(6 * 64, 10)

    def forward(self, x):
        x = self.again(self.act(self.norm(self.conv(x))))
        return self.last(self.drop(self.same(x)).flatten(1)).softmax(1), self.early(nn.functional.max_pool2d(x, 2).flatten(1)).softmax(1)


@pytest.fixture(scope="module")
def few():
    data = load("digits")
    return dataclasses.replace(data, x_train=data.x_train[:240], y_train=data.y_train[:240])


def made(few, fed=1 / 256, module=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        found = OwnNet(module or Two(), SPEC, fed=fed, places=(1, 0), bare=True)
    settle(found, few.x_train, 3)
    return found


def test_exits_are_in_their_order_bare_and_of_pixels_as_the_network_takes_them(few):
    images = torch.from_numpy(few.x_train[:5].transpose(0, 3, 1, 2).copy()).float()
    model = made(few, fed=1.0).eval()
    with torch.no_grad():
        early, last = model(images / 256)
        other = model.network(images)
    assert [tuple(item.shape) for item in (early, last)] == [(5, 10), (5, 10)]
    assert torch.allclose(early.softmax(1), other[1], atol=1e-5)
    assert torch.allclose(last.softmax(1), other[0], atol=1e-5)
    assert not torch.allclose(early.sum(1), torch.ones(5))


@pytest.mark.parametrize("scheme", [Joint(exit_weights=(1.0, 0.5)), Distill(ramp=1), Consistent(unlabelled=0.3)],
                         ids=lambda item: item.name)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(few, tmp_path, scheme):
    whole = train_own(made(few), few, SETTINGS, tmp_path / "whole", scheme=scheme)

    def stop(progress):
        if progress.epoch == 1 and progress.step == 2:
            raise Stop

    with pytest.raises(Stop):
        train_own(made(few), few, SETTINGS, tmp_path / "parts", stop, scheme=scheme)
    seen = []
    parts = train_own(made(few), few, SETTINGS, tmp_path / "parts", seen.append, scheme=scheme)
    assert seen[0].epoch == 1
    assert parts == whole
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["parts", "whole"]


def test_it_learns_and_leaves_a_plain_state_dict(few, tmp_path):
    found = train_own(made(few), few, dataclasses.replace(SETTINGS, epochs=12), tmp_path / "net", scheme=Joint())
    assert len(found["history"]) == 12
    assert found["exits"] == found["history"][-1]
    assert min(item["accuracy"] for item in found["exits"]) > 0.7
    again = Two()
    again.load_state_dict(load_file(tmp_path / "net"))
    _, held = split(few, 0.1, 5)
    images = torch.from_numpy(few.x_train[held].transpose(0, 3, 1, 2).copy()).float() / 256
    with torch.no_grad():
        right = (again.eval()(images)[1].argmax(1).numpy() == few.y_train[held]).mean()
    assert right == pytest.approx(found["exits"][0]["accuracy"])


def test_other_weights_to_begin_with_start_afresh(few, tmp_path):
    def stop(progress):
        if progress.accuracy:
            raise Stop

    def epoch(model):
        seen = []
        with pytest.raises(Stop):
            train_own(model, few, SETTINGS, tmp_path / "net", lambda item: (seen.append(item), stop(item)), scheme=Joint())
        return seen[0].epoch

    assert (epoch(made(few)), epoch(made(few))) == (0, 1)
    other = made(few)
    with torch.no_grad():
        other.network.norm.bias[0] = 0.5
    assert epoch(other) == 0


def test_ranges_are_settled_before_the_first_step(few):
    model = OwnNet(Two(), SPEC, fed=1 / 256, places=(1, 0), bare=True)
    ranges = [module for module in model.modules() if isinstance(module, ParameterFromRuntimeStatsScaling)]
    assert [module.counter for module in ranges] == [0] * 2
    assert settle(model, few.x_train, 1)
    assert all(module.counter > module.collect_stats_steps for module in ranges)
    assert all(0 < float(module.value.detach()) != 1 for module in ranges)
    assert not settle(model, few.x_train, 1)


def test_gammas_stay_positive_unless_they_were_negative_and_a_clamp_of_its_own_is_called(few, tmp_path):
    class Clamping(Two):
        calls = 0

        def clamp(self):
            Clamping.calls += 1

    module = Clamping()
    with torch.no_grad():
        module.norm.weight.copy_(torch.tensor([1e-6, 0.0, -0.5, 1.0, 1.0, -1e-6]))
    model = made(few, module=module)
    # Steps that pull every gamma far below 0.
    pulling = dataclasses.replace(SETTINGS, epochs=1, learning_rate=0.5, schedule="constant")

    class Pulling(Joint):
        def loss(self, model, batch, epoch, generator):
            loss, told = super().loss(model, batch, epoch, generator)
            return loss + 100 * model.network.norm.weight.sum(), told

    train_own(model, few, pulling, tmp_path / "net", scheme=Pulling())
    gamma = module.norm.weight.detach()
    assert gamma[[0, 1, 3, 4]].tolist() == pytest.approx([MIN_GAMMA] * 4)
    assert float(gamma[[2, 5]].max()) < -0.5
    assert Clamping.calls == 5


@pytest.mark.parametrize("scheme", [ExitsOnly(backbone_epochs=1), Personal()], ids=lambda item: item.name)
def test_what_needs_stages_and_heads_is_refused(few, tmp_path, scheme):
    with pytest.raises(QuantModelError, match=f"scheme {scheme.name} needs stages and heads"):
        train_own(made(few), few, SETTINGS, tmp_path / "net", scheme=scheme)


def test_a_network_without_parameters_or_gradient_is_refused(few, tmp_path):
    class Still(Two):
        def forward(self, x):
            return tuple(item.detach() if k else item for k, item in enumerate(super().forward(x)))

    with pytest.raises(QuantModelError, match="exit 0 has no gradient"):
        train_own(made(few, module=Still()), few, SETTINGS, tmp_path / "net", scheme=Joint())
    model = made(few)
    model.requires_grad_(False)
    with pytest.raises(QuantModelError, match="no parameters to train"):
        train_own(model, few, SETTINGS, tmp_path / "net", scheme=Joint())


def test_a_training_that_diverges_keeps_the_weights_of_the_last_good_epoch(few, tmp_path):
    class Breaking(Joint):
        def loss(self, model, batch, epoch, generator):
            loss, told = super().loss(model, batch, epoch, generator)
            return loss * (float("nan") if epoch == 1 else 1), told

    with pytest.raises(Diverged, match="epoch 2, step 1 of 5") as caught:
        train_own(made(few), few, SETTINGS, tmp_path / "net", scheme=Breaking())
    module = Two()
    module.load_state_dict(kept_weights(caught.value.kept))
    assert np.isfinite(module.norm.weight.detach().numpy()).all()
