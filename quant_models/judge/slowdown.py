"""Inputs crafted against the exits: a slowdown attack after DeepSloth (Hong et al., 2021).

Projected gradient descent on the float view of the network: every exit's prediction is pushed towards the uniform one, so that no exit is
sure and samples go on to the last. The attacker knows the weights; what comes out are 8-bit images, which integer networks take.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.networks.net import MultiExitNet

__all__ = ["slow_down"]


def slow_down(model: MultiExitNet, images: np.ndarray, *, eps: int = 8, steps: int = 20, step: int = 2, batch: int = 128) -> np.ndarray:
    """``images`` (uint8 ``[n, height, width, channels]``), each pixel changed by at most ``eps`` (1 to 255, of 255).

    Each of ``steps`` steps changes a pixel by ``step`` or not at all; of all the images on the way, the clean one among them, the one
    with the least loss is given: the mean over the exits of the cross-entropy between the uniform prediction and theirs. No random numbers
    take part. ``model`` is evaluated, and is afterwards as it was. Raises :class:`QuantModelError` for other settings.
    """
    for name, value, most in (("eps", eps, 255), ("steps", steps, 10_000), ("step", step, 255)):
        if not 1 <= value <= most:
            raise QuantModelError(f"{name} must be 1 to {most}, not {value}")
    spec = model.spec
    if images.dtype != np.uint8 or images.shape[1:] != (spec.height, spec.width, spec.channels):
        raise QuantModelError(
            f"images must be uint8 [n, {spec.height}, {spec.width}, {spec.channels}], not {images.dtype} {list(images.shape)}"
        )
    training = model.training
    model.eval()
    try:
        parts = [_attack(model, images[start : start + batch], eps, steps, step) for start in range(0, len(images), batch)]
    finally:
        model.train(training)
    return np.concatenate([images[:0], *parts])


def uniformity(logits: tuple[Tensor, ...]) -> Tensor:
    """By sample, the mean over the exits of the cross-entropy between the uniform prediction and theirs: log(classes) at the least."""
    return torch.stack([-functional.log_softmax(item, 1).mean(1) for item in logits]).mean(0)


def _attack(model: MultiExitNet, images: np.ndarray, eps: int, steps: int, step: int) -> np.ndarray:
    clean = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))
    low, high = (clean - eps).clamp(min=0), (clean + eps).clamp(max=255)
    best, least = clean, torch.full((len(clean),), torch.inf)
    x = clean
    for index in range(steps + 1):
        at = (x / 256).requires_grad_()
        loss = uniformity(model(at))
        better = loss.detach() < least
        best, least = torch.where(better.reshape(-1, 1, 1, 1), x, best), torch.where(better, loss.detach(), least)
        if index < steps:
            (gradient,) = torch.autograd.grad(loss.sum(), at)
            x = torch.maximum(torch.minimum(x - step * gradient.sign(), high), low)
    found: np.ndarray = best.to(torch.uint8).numpy().transpose(0, 2, 3, 1)
    return np.ascontiguousarray(found)
