import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from quant_models.bring import importing
from quant_models.bring.float_net import FloatNet, train_float
from quant_models.bring.importing import Seen, import_network, seen_pixels, seen_values
from quant_models.bring.matching import match
from quant_models.bring.weights_file import WeightsFile, read_weights
from quant_models.datasets.load import load, split
from quant_models.errors import QuantModelError
from quant_models.integers.view import integer_layers, integer_logits, thresholds
from quant_models.networks.net import MIN_GAMMA, MultiExitNet
from quant_models.networks.presets import preset
from quant_models.networks.spec import trace
from quant_models.training.evaluate import evaluate
from quant_models.training.train import TrainSettings
from tests.quant_models.conftest import build_spec, residual_spec, scales_spec, separable_spec

OURS = seen_pixels(1, 256)


def wide(spec):
    """``spec`` at 8 bits."""
    return preset(spec, weight_bits=8, act_bits=8)


@pytest.fixture(scope="module")
def data():
    return load("digits")


@pytest.fixture(scope="module", params=[True, False], ids=["norm", "plain"])
def trained(request, tmp_path_factory, data):
    """A float network trained on digits, with and without batch norm."""
    path = tmp_path_factory.mktemp("float") / "net.safetensors"
    epochs = 8 if request.param else 14
    train_float(preset("digits"), data, TrainSettings(epochs=epochs, batch=64, seed=5), path, norm=request.param)
    return path


def imported(data, path, spec, **how):
    kept, _ = split(data, 0.1, 5)
    file = path if isinstance(path, WeightsFile) else read_weights(path)
    return import_network(spec, file, data.x_train[kept[:256]], (data.x_test, data.y_test), **{"seen": OURS, **how})


def right(found):
    return np.array([item["accuracy"] for item in found])


def test_at_8_bits_it_is_as_good_as_the_float_network(data, trained):
    found = imported(data, trained, wide("digits"))
    assert right(found.float_exits)[-1] > 0.8
    # Of 360 test images.
    assert (right(found.float_exits) - right(found.exits)).max() <= 0.005 + 1e-9
    integers = np.array([(logits.argmax(1) == data.y_test).mean() for logits in integer_logits(found.model, data.x_test)])
    assert np.allclose(integers, right(found.exits), atol=0.006)


def test_fewer_bits_cost_accuracy_and_bias_correction_gives_some_back(data, trained):
    spec = preset("digits", weight_bits=3, act_bits=3)
    plain, corrected = (right(imported(data, trained, spec, bias_correction=chosen).exits) for chosen in (False, True))
    assert (plain < right(imported(data, trained, wide("digits")).exits) - 0.01).any()
    assert corrected.mean() > plain.mean() + 0.05


def test_what_it_makes_does_not_hang_on_chance(data, trained):
    one, other = (imported(data, trained, preset("digits")).model.state_dict() for _ in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)


def noisy(spec, norm=True, seed=0):
    """A float network with statistics and weights of no pattern, gammas below 0, 0 and tiny ones among them."""
    torch.manual_seed(seed)
    model = FloatNet(spec, norm)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.normal_()
                module.bias.normal_()
                module.weight[0], module.weight[1], module.weight[2] = -1.5, 0.0, -1e-5
    for _ in range(5):
        model.train()(torch.rand(32, spec.channels, spec.height, spec.width))
    return model.eval()


def file_of(model, ordered=True):
    return WeightsFile(Path("net.pt"), {key: value.clone() for key, value in model.state_dict().items()}, ordered)


def folded(spec, model, seen, images=None):
    """The float network that is quantised, and notes."""
    file = file_of(model)
    found = importing._filled(spec, file, match(spec, file)[0], seen)
    notes = importing._fold(found, seen)
    names = {unit.name for _, _, unit in trace(spec)} if model.kind != "float" else set()
    importing._settle(found, names, [torch.rand(40, spec.channels, spec.height, spec.width)] if images is None else images)
    for name in importing._affine(found):
        importing._rising(*importing._parts(found, name))
    return found.eval(), notes


def same(one, other, tolerance=1e-4):
    return all(torch.allclose(a, b, atol=tolerance * float(b.abs().max())) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("spec", [build_spec(), residual_spec(), dataclasses.replace(scales_spec(), gates=())], ids=lambda spec: spec.name)
@pytest.mark.parametrize("norm", [True, False])
@torch.no_grad()
def test_every_gamma_is_positive_and_nothing_has_changed(norm, spec):
    model, x = noisy(spec, norm), torch.rand(20, 2, 9, 7)
    found, notes = folded(spec, model, seen_pixels(2, 256))
    assert notes == []
    assert same(found(x), model(x))
    for module in found.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert float(module.weight.min()) >= MIN_GAMMA - 1e-9
    # And so each activation's thresholds rise with the accumulator, also in the quantised network.
    quantised = MultiExitNet(spec)
    quantised.load_state_dict({**quantised.state_dict(), **found.state_dict()})
    layer = integer_layers(quantised.eval())[0]
    acc = torch.arange(-400, 400, 40).reshape(-1, 1, 1, 1).expand(-1, 5, 1, 1)
    steps = (acc.reshape(-1, 5, 1) >= torch.from_numpy(thresholds(layer))[None]).sum(2)
    assert torch.equal(steps, layer.respond(acc).reshape(-1, 5))


@torch.no_grad()
def test_without_batch_norm_training_mode_changes_nothing_either():
    spec, x = build_spec(), torch.rand(200, 2, 9, 7)
    model = noisy(spec, norm=False)
    found, _ = folded(spec, model, seen_pixels(2, 256), [x])
    assert same(found.train()(x), model(x), 1e-3)


def unpadded(spec):
    (first, *rest), *others = spec.stages
    return dataclasses.replace(spec, stages=((dataclasses.replace(first, pad=0), *rest), *others))


@torch.no_grad()
def test_what_the_float_network_saw_is_folded_exactly_without_padding():
    spec = unpadded(build_spec())
    model, pixels = noisy(spec), torch.randint(0, 256, (20, 2, 9, 7))
    seen = seen_pixels(2, mean=(0.4, 0.6), std=(0.2, 0.3))
    shown = (pixels / 255 - torch.tensor([0.4, 0.6]).reshape(1, 2, 1, 1)) / torch.tensor([0.2, 0.3]).reshape(1, 2, 1, 1)
    found, notes = folded(spec, model, seen)
    assert notes == []
    assert same(found(pixels / 256), model(shown))
    padded, notes = folded(build_spec(), noisy(build_spec()), seen)
    assert notes == ["stage0_conv0 pads: the float network had zeros after normalising at the border, here they are before it; "
                     "the two differ there"]
    assert not same(padded(pixels / 256), noisy(build_spec())(shown))
    only_scaled, notes = folded(build_spec(), noisy(build_spec()), seen_pixels(2, std=(0.2, 0.3)))
    assert notes == []
    assert same(only_scaled(pixels / 256), noisy(build_spec())(pixels / 255 / torch.tensor([0.2, 0.3]).reshape(1, 2, 1, 1)))


@torch.no_grad()
def test_what_it_saw_is_folded_into_a_first_layer_in_groups():
    """Of channels apart, each with its own mean and deviation."""
    (first, *rest), *others = separable_spec().stages
    spec = dataclasses.replace(separable_spec(), stages=((dataclasses.replace(first, pad=0), *rest), *others), gates=())
    model, pixels = noisy(spec), torch.randint(0, 256, (20, 2, 9, 7))
    found, notes = folded(spec, model, seen_pixels(2, mean=(0.4, 0.6), std=(0.2, 0.3)))
    shown = (pixels / 255 - torch.tensor([0.4, 0.6]).reshape(1, 2, 1, 1)) / torch.tensor([0.2, 0.3]).reshape(1, 2, 1, 1)
    assert notes == []
    assert same(found(pixels / 256), model(shown))


@torch.no_grad()
def test_the_float_accuracy_is_that_of_the_network_as_it_was_trained(data):
    spec = preset("digits")
    model = noisy(spec)
    seen = seen_pixels(1, 255, (0.5,), (0.25,))
    found = import_network(spec, file_of(model), data.x_train[:64], (data.x_test, data.y_test), seen=seen)
    model.input_quant = importing._Entry(seen)
    assert found.float_exits == evaluate(model, data.x_test, data.y_test)


def test_what_was_seen():
    assert seen_pixels(2, 255, (0.5,), (0.5, 0.25)) == Seen(gain=(1 / 127.5, 4 / 255), offset=(-1.0, -2.0))
    assert seen_values((1.0, -2.0), (0.5, 0.25), None, (2.0,)) == Seen(gain=(0.25, 0.125), offset=(0.5, -1.0))
    for wrong, message in (
        ({"mean": (1.0, 2.0)}, r"mean must have 3 numbers, one per channel, or one for all, not 2"),
        ({"std": (1.0, 2.0, 0.0)}, r"std must be above 0, not \[1\.0, 2\.0, 0\.0\]"),
        ({"mean": (float("nan"),)}, "gain and offset must be finite"),
    ):
        with pytest.raises(QuantModelError, match=message):
            seen_pixels(3, **wrong)


def test_ranges_are_those_with_the_least_squared_error():
    torch.manual_seed(0)
    spec = preset("digits", act_bits=3)
    model = MultiExitNet(spec)
    values = torch.randn(20_000) * 2
    assert importing._calibrate(model, {"stage0_conv0": values, "head2_gap0": -values.abs()}) == [
        "head2_gap0 gives 0 for all calibration images; its range is the one that training starts with"
    ]
    assert float(importing._scaling(model.heads[2]["head2_gap0"].act).value.detach()) == pytest.approx(1.5)
    act = model.stages[0]["stage0_conv0"].act.eval()
    scale = float(act.act_quant.scale().detach())

    def error(step):
        return float(((values.relu() / step).round().clamp(0, 7) * step - values.relu()).square().mean())

    assert error(scale) == pytest.approx(float((act(values).value - values.relu()).square().mean()), rel=1e-4)
    assert error(scale) <= min(error(scale * factor) for factor in (0.5, 0.7, 0.85, 0.95, 1.05, 1.15, 1.3, 2)) * 1.01


def test_samples_are_what_goes_into_each_activation(monkeypatch):
    spec = build_spec()
    model, x = noisy(spec), torch.rand(60, 2, 9, 7)
    found = importing._samples(model, [x])
    assert set(found) == {unit.name for _, _, unit in trace(spec) if getattr(unit.layer, "act", None)}
    block = model.stages[0]["stage0_conv0"]
    with torch.no_grad():
        wanted = block.norm(block.linear(x)).flatten()
    assert torch.equal(found["stage0_conv0"].sort().values, wanted.sort().values)
    monkeypatch.setattr(importing, "SAMPLES", 100)
    few = importing._samples(model, list(x.split(20)))["stage0_conv0"]
    assert len(few) == 3 * 34
    assert set(few.tolist()) <= set(wanted.tolist())


def test_all_layers_of_a_scale_set_its_range():
    spec = dataclasses.replace(scales_spec(), gates=())
    model, x = noisy(spec), torch.rand(30, 2, 9, 7)
    entering, owner = [], model.stages[0]["stage0_conv1"].act
    owner.register_forward_pre_hook(lambda module, args: entering.append(args[0].flatten()))
    found = importing._samples(model, [x])
    assert len(entering) == 5
    assert torch.equal(found["stage0_conv1"].sort().values, torch.cat(entering).sort().values)
    assert set(found) == {unit.name for _, _, unit in trace(spec) if getattr(unit.layer, "act", None) and not unit.follows}


def test_both_paths_of_a_sum_set_the_range_before_it():
    spec = residual_spec()
    model, x = noisy(spec), torch.rand(30, 2, 9, 7)
    entering = []
    total = model.stages[0]["stage0_add0"]
    total.register_forward_pre_hook(lambda module, args: entering.extend(item.flatten() for item in args))
    found = importing._samples(model, [x])
    assert torch.equal(found["stage0_add0.same"].sort().values, torch.cat(entering).sort().values)
    assert torch.equal(found["stage0_add0"].sort().values, (entering[0] + entering[1]).sort().values)
    own = {name for name in found if not name.endswith(".same")}
    assert own == {unit.name for _, _, unit in trace(spec) if getattr(unit.layer, "act", None) and not unit.shared}
    quantised = MultiExitNet(spec)
    before = float(importing._scaling(quantised.stages[0]["stage0_add0"].same).value)
    importing._calibrate(quantised, found)
    same, values = quantised.stages[0]["stage0_add0"].same.eval(), found["stage0_add0.same"]
    assert float(importing._scaling(same).value) != before
    step = float(same(torch.zeros(1, 1)).scale)

    def error(step):
        return float(((values / step).round().clamp(-16, 15) * step - values).square().mean())

    assert error(step) <= min(error(step * factor) for factor in (0.5, 0.7, 0.85, 1.2, 1.5, 2)) * 1.01


def test_a_network_with_residual_blocks_is_about_as_good_in_8_bits(data, tmp_path):
    spec = preset("resnet8", 8, 8, shape=(8, 8, 1))
    train_float(spec, data, TrainSettings(epochs=3, batch=64, seed=5), tmp_path / "net.safetensors")
    found = imported(data, tmp_path / "net.safetensors", spec)
    assert right(found.float_exits)[-1] > 0.8
    assert (right(found.float_exits) - right(found.exits)).max() <= 0.01 + 1e-9


@pytest.mark.parametrize(("key", "value", "message"), [
    ("stages.0.stage0_conv0.linear.bias", torch.zeros(4), "tensor stages.0.stage0_conv0.linear.bias is [4], layer stage0_conv0 takes [8]"),
    ("stages.1.stage1_conv0.norm.weight", torch.zeros(3), "tensor stages.1.stage1_conv0.norm.weight is [3], layer stage1_conv0 takes [16]"),
    ("stages.1.stage1_conv0.norm.running_var", -torch.ones(16), "tensor stages.1.stage1_conv0.norm.running_var holds -1, below 0"),
    ("heads.0.head0_fc0.1.weight", torch.zeros(10, 3), "tensor heads.0.head0_fc0.1.weight is [10, 3], layer head0_fc0 takes [10, 32]"),
])
def test_a_tensor_that_does_not_fit_is_named(data, key, value, message):
    file = file_of(FloatNet(preset("digits")))
    wrong = dataclasses.replace(file, tensors={**file.tensors, key: value})
    with pytest.raises(QuantModelError, match=re.escape(f"weights net.pt: {message}")):
        imported(data, wrong, preset("digits"))


def test_biases_and_affine_batch_norms_may_be_missing(data):
    spec = preset("digits")
    model = FloatNet(spec)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.zeros_(module.bias)
    file = file_of(model)
    few = {key: value for key, value in file.tensors.items() if not key.endswith((".bias", "norm.weight", "tracked"))}
    one, other = (imported(data, item, spec) for item in (file, dataclasses.replace(file, tensors=few)))
    assert one.float_exits == other.float_exits
    assert all(torch.equal(value, other.model.state_dict()[key]) for key, value in one.model.state_dict().items())


def test_no_images_are_no_calibration(data):
    with pytest.raises(QuantModelError, match="calibration needs an image at least"):
        import_network(preset("digits"), file_of(FloatNet(preset("digits"))), data.x_train[:0], (data.x_test, data.y_test))
    with pytest.raises(QuantModelError, match="gain and offset must be of 1 channels, not 3"):
        imported(data, file_of(FloatNet(preset("digits"))), preset("digits"), seen=seen_pixels(3))
