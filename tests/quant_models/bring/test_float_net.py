import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from quant_models.bring.float_net import FloatNet, save_weights, train_float
from quant_models.datasets.load import load, split
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import PRESETS, preset
from quant_models.training.evaluate import evaluate
from quant_models.training.schemes import ExitsOnly
from quant_models.training.train import TrainSettings, train
from tests.quant_models.conftest import build_spec, residual_spec, scales_spec

SETTINGS = TrainSettings(epochs=3, batch=40, seed=5)


@pytest.fixture(scope="module")
def few():
    data = load("digits")
    return dataclasses.replace(data, x_train=data.x_train[:240], y_train=data.y_train[:240])


@pytest.mark.parametrize("spec", [*map(preset, PRESETS), build_spec(), residual_spec(), scales_spec()], ids=lambda spec: spec.name)
def test_it_has_the_layers_and_names_of_the_quantised_network(spec):
    quantised, twin = MultiExitNet(spec).state_dict(), FloatNet(spec).state_dict()
    assert {key: value.shape for key, value in twin.items()} == {
        key: value.shape for key, value in quantised.items() if "_quant" not in key and ".act." not in key
    }
    assert not any("norm" in key for key in FloatNet(spec, norm=False).state_dict())


def test_it_computes_what_its_layers_say():
    torch.manual_seed(0)
    model = FloatNet(build_spec()).train()
    for _ in range(5):
        model(torch.rand(32, 2, 9, 7))
    x, state = torch.rand(6, 2, 9, 7), model.eval().state_dict()

    def affine(kind, name, x, **more):
        weight, bias = state[f"{name}.linear.weight"], state[f"{name}.linear.bias"]
        return nn.functional.batch_norm(
            kind(x, weight, bias, **more), *(state[f"{name}.norm.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        )

    conv, linear, pool = nn.functional.conv2d, nn.functional.linear, nn.functional.max_pool2d
    first = pool(affine(conv, "stages.0.stage0_conv0", x, padding=1).relu(), 3, 2)
    second = pool(affine(conv, "stages.1.stage1_conv0", first, padding=1, stride=2), 2, 1)
    third = affine(conv, "stages.2.stage2_conv0", second).relu()
    hidden = affine(linear, "heads.0.head0_fc0.1", first.flatten(1))
    hidden = affine(linear, "heads.0.head0_fc1.1", hidden).relu()
    wanted = [
        linear(vector, state[f"{name}.1.weight"], state[f"{name}.1.bias"])
        for name, vector in (("heads.0.head0_fc2", hidden), ("heads.1.head1_fc0", second.flatten(1)),
                             ("heads.2.head2_fc0", third.mean((2, 3)).relu()))
    ]
    with torch.no_grad():
        found = model(x)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, wanted, strict=True))
    assert bool((second < 0).any())


def test_a_sum_is_of_both_paths():
    torch.manual_seed(0)
    model = FloatNet(residual_spec()).eval()
    x = torch.rand(6, 2, 9, 7)
    block, first = model.stages[1], model.stages[0]
    with torch.no_grad():
        begun = first["stage0_conv0"](x)
        once = (first["stage0_conv2"](first["stage0_conv1"](begun)) + begun).relu()
        twice = (first["stage0_conv4"](first["stage0_conv3"](once)) + once).relu()
        down = block["stage1_conv1"](block["stage1_conv0"](twice)) + block["stage1_conv2"](twice)
        found = [*model.features(x)]
    assert [list(item) for item in found] == [["stage0_add1"], ["stage1_add0"], ["stage2_pool0"]]
    assert torch.equal(found[0]["stage0_add1"], twice)
    assert torch.equal(found[1]["stage1_add0"], down)
    assert bool((down < 0).any())


def test_scales_are_dense():
    """Channels side by side, through one activation each scale; finer maps where they are needed first."""
    torch.manual_seed(0)
    model = FloatNet(scales_spec()).eval()
    x, layers = torch.rand(6, 2, 9, 7), {name: item for stage in model.stages for name, item in stage.items()}

    def conv(place, value):
        return layers[place].norm(layers[place].linear(value))

    with torch.no_grad():
        fine = conv("stage0_conv0", x).relu()
        middle = conv("stage0_conv1", fine)
        coarse = conv("stage0_conv2", middle).relu()
        coarser = torch.cat([coarse, conv("stage0_conv3", coarse).relu(), conv("stage0_conv4", middle).relu()], 1)
        finer = torch.cat([fine, conv("stage1_conv0", fine).relu()], 1)
        between = torch.cat([middle, conv("stage1_conv1", middle), conv("stage1_conv2", fine)], 1)
        first, last = model.features(x)
        made = model._run("stage", 1, first)
    assert [list(item) for item in (first, last)] == [["stage0_conv0", "stage0_conv1", "stage0_concat0"], ["stage1_concat4"]]
    for name, wanted in (("stage0_conv0", fine), ("stage0_conv1", middle), ("stage0_concat0", coarser)):
        assert torch.equal(first[name], wanted)
    assert torch.equal(made["stage1_concat0"], finer)
    assert torch.equal(made["stage1_concat1"], between)
    assert bool((between < 0).any())


def test_training_writes_the_plain_state_and_learns(tmp_path, few):
    data = load("digits")
    found = train_float(preset("digits"), data, TrainSettings(epochs=4, batch=64, seed=5), tmp_path / "net.safetensors")
    assert [item.name for item in tmp_path.iterdir()] == ["net.safetensors"]
    model = FloatNet(preset("digits"))
    model.load_state_dict(load_file(tmp_path / "net.safetensors"))
    _, held = split(data, 0.1, 5)
    assert evaluate(model, data.x_train[held], data.y_train[held]) == found["exits"]
    assert found["exits"][-1]["accuracy"] > 0.85


def test_gammas_may_fall_below_zero(tmp_path, few):
    model = FloatNet(preset("digits"))
    with torch.no_grad():
        model.stages[0]["stage0_conv0"].norm.weight.fill_(-0.5)
    model.clamp()
    assert bool((model.stages[0]["stage0_conv0"].norm.weight == -0.5).all())


class Stop(Exception):
    """What Ctrl-C would be."""


def interrupt(progress):
    if progress.epoch == 1 and progress.step == 2:
        raise Stop


@pytest.mark.parametrize("how", [{}, {"norm": False, "scheme": ExitsOnly(backbone_epochs=2)}])
def test_an_interrupted_training_ends_as_the_uninterrupted_one(tmp_path, few, how):
    spec = preset("digits")
    whole = train_float(spec, few, SETTINGS, tmp_path / "whole", **how)
    with pytest.raises(Stop):
        train_float(spec, few, SETTINGS, tmp_path / "parts", interrupt, **how)
    seen = []
    assert train_float(spec, few, SETTINGS, tmp_path / "parts", seen.append, **how) == whole
    assert seen[0].epoch == 1
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_another_kind_of_network_is_not_taken_up(tmp_path, few):
    spec, path, seen = preset("digits"), tmp_path / "net", []
    with pytest.raises(Stop):
        train_float(spec, few, SETTINGS, path, interrupt)
    train_float(spec, few, SETTINGS, path, seen.append, norm=False)
    assert seen[0].epoch == 0
    with pytest.raises(Stop):
        train_float(spec, few, SETTINGS, path, interrupt)
    (tmp_path / "net.trained.partial").rename(tmp_path / "other.partial")
    train(spec, few, SETTINGS, tmp_path / "other", seen.append)
    assert np.count_nonzero([item.epoch == 0 and item.step == 0 for item in seen]) == 2


def test_state_is_written_whole_or_not(tmp_path):
    model = FloatNet(build_spec())
    save_weights(model, tmp_path / "net.safetensors")
    found = load_file(tmp_path / "net.safetensors")
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[key], value) for key, value in model.state_dict().items())
