"""Every perturbation does what its summary says, to each sample by itself, from its generator alone."""

import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.training.names import PerturbationName
from quant_models.training.perturb import PERTURBATIONS, check_names, names_for, perturb, perturb_any

IMAGES = [item.value for item in PerturbationName if item.kind == "image"]
WINDOWS = [item.value for item in PerturbationName if item.kind == "window"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(kind, n=64):
    shape = (n, 3, 12, 8) if kind == "image" else (n, 4, 40, 1)
    return torch.randint(0, 256, shape, generator=seeded(1)).float() / 256


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_result_is_an_8_bit_input_again_and_a_function_of_the_seed(name):
    x = batch(PerturbationName(name).kind)
    before = x.clone()
    found = perturb(x, name, 1.0, seeded())
    assert torch.equal(x, before)
    assert (found.shape, found.dtype) == (x.shape, x.dtype)
    assert torch.equal((found * 256).round(), found * 256)
    assert found.min() >= 0
    assert found.max() <= 255 / 256
    assert torch.equal(found, perturb(x, name, 1.0, seeded()))
    assert not torch.equal(found, perturb(x, name, 1.0, seeded(1)))
    same = perturb(x[:1].repeat(64, 1, 1, 1), name, 1.0, seeded())
    assert len({item.numpy().tobytes() for item in same}) > 4


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_strength_0_changes_nothing_and_more_strength_changes_more(name):
    x = batch(PerturbationName(name).kind, 400)
    far = [float((perturb(x, name, strength, seeded()) - x).abs().mean()) for strength in (0.0, 0.25, 0.5, 1.0)]
    assert far[0] == 0
    assert far == sorted(far)
    assert far[3] > far[1] > 0


def ramp(kind):
    """Samples whose every value tells its place."""
    if kind == "image":
        return (torch.arange(12).reshape(-1, 1) * 8 + torch.arange(8)).reshape(1, 1, 12, 8).repeat(200, 1, 1, 1) / 256
    return (torch.arange(40).reshape(1, 1, 40, 1) * torch.tensor([1, 2]).reshape(1, 2, 1, 1)).repeat(200, 1, 1, 1) / 256


def test_shift_moves_by_up_to_a_quarter_and_repeats_the_edge():
    x = ramp("image")
    found = (perturb(x, "shift", 1.0, seeded()) * 256).long()
    seen = set()
    for image in found[:, 0]:
        down, right = 5 - image[5, 4].item() // 8, 4 - image[5, 4].item() % 8
        rows, columns = (torch.arange(12) - down).clamp(0, 11), (torch.arange(8) - right).clamp(0, 7)
        assert torch.equal(image, rows.reshape(-1, 1) * 8 + columns)
        seen.add((down, right))
    assert {down for down, _ in seen} == set(range(-3, 4))
    assert {right for _, right in seen} == set(range(-2, 3))


def test_time_shift_moves_all_channels_together():
    found = (perturb(ramp("window"), "time_shift", 1.0, seeded()) * 256).long()[..., 0]
    by = 20 - found[:, 0, 20]
    assert set(by.tolist()) == set(range(-10, 11))
    for window, late in zip(found, by, strict=True):
        moved = (torch.arange(40) - late).clamp(0, 39)
        assert torch.equal(window, torch.stack([moved, 2 * moved]))


@pytest.mark.parametrize(("name", "spread"), [("noise", 0.4), ("jitter", 0.2)])
def test_noise_has_the_spread_that_is_said(name, spread):
    x = torch.full((50, 2, 30, 1 if name == "jitter" else 30), 0.5)
    found = perturb(x, name, 0.25, seeded()) - x
    assert float(found.std()) == pytest.approx(spread * 0.25, rel=0.05)
    assert float(found.mean()) == pytest.approx(0, abs=0.01)


def test_cutout_replaces_one_rectangle_by_the_mean():
    x = batch("image")
    found = perturb(x, "cutout", 1.0, seeded())
    mean = (x.mean((2, 3), keepdim=True) * 256).round() / 256
    gone = (found != x).any(1)
    seen = set()
    # 0.6 of 12 and of 8 are 7 and 5.
    for one, image, middle in zip(gone, found, mean, strict=True):
        rows, columns = one.any(1).nonzero()[:, 0], one.any(0).nonzero()[:, 0]
        assert (len(rows), len(columns)) == (7, 5)
        assert (rows[-1] - rows[0], columns[-1] - columns[0]) == (6, 4)
        part = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert torch.equal(part, middle.expand_as(part))
        seen.add((int(rows[0]), int(columns[0])))
    # It may lie at any edge.
    assert [{place[dim] for place in seen} for dim in (0, 1)] == [set(range(12 - 7 + 1)), set(range(8 - 5 + 1))]


def test_brightness_multiplies_each_image_by_a_factor_of_its_own():
    x = torch.full((300, 2, 4, 4), 100 / 256)
    found = perturb(x, "brightness", 1.0, seeded())
    factor = found[:, 0, 0, 0] / x[:, 0, 0, 0]
    assert torch.equal(found, found[:, :1, :1, :1].expand_as(found))
    assert 0.3 - 0.01 <= factor.min() < 0.35
    assert 1.65 < factor.max() <= 1.7 + 0.01


def test_scaling_stretches_each_channels_swing_about_its_mean():
    wave = torch.tensor([0.25, 0.75]).repeat(20).reshape(1, 1, 40, 1).repeat(200, 2, 1, 1)
    found = perturb(wave, "scaling", 1.0, seeded())
    assert torch.allclose(found.mean((2, 3)), torch.full((200, 2), 0.5), atol=1 / 256)
    swing = (found.amax(2) - found.amin(2))[..., 0] / 0.5
    assert 0.5 - 0.01 <= swing.min() < 0.55
    assert 1.45 < swing.max() <= 1.5 + 0.01
    assert float((swing[:, 0] - swing[:, 1]).abs().mean()) > 0.1


def test_channel_drop_silences_whole_channels_and_never_all():
    x = batch("window", 1000)
    found = perturb(x, "channel_drop", 1.0, seeded())
    silent = (found == 0.5).all(2)[..., 0]
    assert torch.equal(found[~silent], x[~silent])
    assert float(silent.float().mean()) == pytest.approx(0.5, abs=0.05)
    assert not silent.all(1).any()
    assert (silent.sum(1) == 3).any()


def test_each_sample_gets_one_perturbation():
    x = batch("image", 300)
    found = perturb_any(x, ["brightness", "cutout"], 1.0, seeded())
    assert torch.equal(found, perturb_any(x, ["brightness", "cutout"], 1.0, seeded()))
    bright = (found != x).flatten(1).float().mean(1) > 0.7
    assert 0.4 < float(bright.float().mean()) < 0.6
    assert torch.equal(perturb_any(x, ["shift"], 0.0, seeded()), x)


def test_perturbations_are_chosen_by_kind_of_data():
    assert names_for(1) == ("jitter", "scaling", "time_shift", "channel_drop")
    assert names_for(28) == ("shift", "noise", "cutout", "brightness")
    assert sorted(IMAGES + WINDOWS) == sorted(PERTURBATIONS)


def test_faults_are_named():
    with pytest.raises(QuantModelError, match=r"perturb must name at least one of shift, noise, .*, channel_drop"):
        check_names([])
    with pytest.raises(QuantModelError, match=r"perturb must be of shift, .*, channel_drop, not 'blur'"):
        check_names(["shift", "blur"])
    for strength in (-0.1, 1.1):
        with pytest.raises(QuantModelError, match=f"strength must be 0 to 1, not {strength}"):
            perturb(batch("image"), "noise", strength, seeded())
