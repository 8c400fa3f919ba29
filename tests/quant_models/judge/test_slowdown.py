"""The attack: within its bounds, deterministic, and towards uniform predictions in the integer network too."""

import numpy as np
import pytest

from quant_models.errors import QuantModelError
from quant_models.integers.view import integer_logits, logit_scales
from quant_models.judge.slowdown import slow_down
from quant_models.networks.net import MultiExitNet


def sureness(model: MultiExitNet, images: np.ndarray) -> np.ndarray:
    """Greatest softmax probability of the integer logits, by exit and sample."""
    found = []
    for logits, scale in zip(integer_logits(model, images), logit_scales(model), strict=True):
        real = np.exp((logits - logits.max(1, keepdims=True)) * scale)
        found.append(1 / real.sum(1))
    return np.array(found)


def test_pixels_stay_within_eps_and_exits_grow_less_sure(model: MultiExitNet, images: np.ndarray) -> None:
    before = images.copy()
    found = slow_down(model, images, eps=8, steps=10)
    assert (images == before).all()
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - images).max() == 8
    assert sureness(model, found).mean() < sureness(model, images).mean()


def test_more_room_and_more_steps_do_more(model: MultiExitNet, images: np.ndarray) -> None:
    little, more = slow_down(model, images, eps=2, steps=3), slow_down(model, images, eps=32, steps=20)
    assert sureness(model, more).mean() < sureness(model, little).mean()


def test_the_same_again_whatever_the_batch_and_the_model_is_as_it_was(model: MultiExitNet, images: np.ndarray) -> None:
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    try:
        first = slow_down(model, images[:20], steps=4)
        assert model.training
    finally:
        model.eval()
    assert (slow_down(model, images[:20], steps=4) == first).all()
    assert all((value == state[name]).all() for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())
    assert slow_down(model, images[:0]).shape == images[:0].shape


@pytest.mark.parametrize(("settings", "told"), [({"eps": 0}, "eps must be 1 to 255, not 0"), ({"steps": 0}, "steps must be 1 to")])
def test_errors(model: MultiExitNet, images: np.ndarray, settings: dict[str, int], told: str) -> None:
    with pytest.raises(QuantModelError, match=told):
        slow_down(model, images, **settings)
    with pytest.raises(QuantModelError, match="images must be uint8"):
        slow_down(model, images[:, 1:])
