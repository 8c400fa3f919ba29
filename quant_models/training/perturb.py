"""What may happen to an input between the world and the network, as seeded functions of a batch and a strength.

``x`` is float32 ``[n, channels, height, width]`` in 0 to 255/256, as networks take it; windows of sensor samples have the time as height
and a width of 1. A result has the same shape and range and holds whole multiples of 1/256, so that it is an 8-bit input again. Every sample
is changed by draws of its own from ``generator``, which is the CPU's on every device. Strength 0 changes nothing, 1 is the most.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from quant_models.errors import QuantModelError
from quant_models.training.names import PerturbationName

__all__ = ["PERTURBATIONS", "check_names", "names_for", "perturb", "perturb_any"]

SHIFT = 0.25
NOISE = 0.4
CUTOUT = 0.6
BRIGHTNESS = 0.7
JITTER = 0.2
SCALING = 0.5
DROP = 0.5
MIDDLE = 0.5

Change = Callable[[Tensor, float, torch.Generator], Tensor]


def _uniform(x: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Uniform in -1 to 1, on the device of ``x``."""
    return (torch.rand(*shape, generator=generator) * 2 - 1).to(x.device)


def _normal(x: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=generator).to(x.device)


def _move(x: Tensor, dim: int, reach: int, generator: torch.Generator) -> Tensor:
    """Each sample moved by up to ``reach`` places along ``dim``; what moves in repeats the edge."""
    size = x.shape[dim]
    by = torch.randint(-reach, reach + 1, (len(x), 1), generator=generator)
    index = (torch.arange(size).reshape(1, -1) + by).clamp(0, size - 1).to(x.device)
    shape = [len(x), 1, 1, 1]
    shape[dim] = size
    return x.gather(dim, index.reshape(shape).expand(x.shape))


def _shift(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    for dim in (2, 3):
        x = _move(x, dim, round(strength * SHIFT * x.shape[dim]), generator)
    return x


def _noise(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return x + strength * NOISE * _normal(x, x.shape, generator)


def _cutout(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    inside = torch.ones(len(x), 1, 1, 1, dtype=torch.bool, device=x.device)
    for dim in (2, 3):
        size = x.shape[dim]
        side = round(strength * CUTOUT * size)
        start = torch.randint(0, size - side + 1, (len(x), 1), generator=generator)
        place = torch.arange(size).reshape(1, -1) - start
        shape = [len(x), 1, 1, 1]
        shape[dim] = size
        inside = inside & ((place >= 0) & (place < side)).reshape(shape).to(x.device)
    return torch.where(inside, x.mean((2, 3), keepdim=True), x)


def _brightness(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return x * (1 + strength * BRIGHTNESS * _uniform(x, (len(x), 1, 1, 1), generator))


def _jitter(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return x + strength * JITTER * _normal(x, x.shape, generator)


def _scaling(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    mean = x.mean((2, 3), keepdim=True)
    return mean + (x - mean) * (1 + strength * SCALING * _uniform(x, (*x.shape[:2], 1, 1), generator))


def _time_shift(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return _move(x, 2, round(strength * SHIFT * x.shape[2]), generator)


def _channel_drop(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    draws = torch.rand(x.shape[0], x.shape[1], 1, 1, generator=generator)
    # One channel stays: without any there would be nothing to recognise.
    dropped = (draws < strength * DROP) & (draws < draws.amax(1, keepdim=True))
    return torch.where(dropped.to(x.device), torch.full_like(x, MIDDLE), x)


PERTURBATIONS: dict[str, Change] = {
    PerturbationName.SHIFT: _shift,
    PerturbationName.NOISE: _noise,
    PerturbationName.CUTOUT: _cutout,
    PerturbationName.BRIGHTNESS: _brightness,
    PerturbationName.JITTER: _jitter,
    PerturbationName.SCALING: _scaling,
    PerturbationName.TIME_SHIFT: _time_shift,
    PerturbationName.CHANNEL_DROP: _channel_drop,
}
"""What every perturbation does, by its name."""


def check_names(names: Sequence[str]) -> None:
    """Raise :class:`QuantModelError` unless ``names`` are perturbations, one at least."""
    if not names:
        raise QuantModelError(f"perturb must name at least one of {', '.join(PERTURBATIONS)}")
    for name in names:
        if name not in PERTURBATIONS:
            raise QuantModelError(f"perturb must be of {', '.join(PERTURBATIONS)}, not {name!r}")


def names_for(width: int) -> tuple[str, ...]:
    """The perturbations for inputs of ``width``: those of windows for 1, else those of images."""
    kind = "window" if width == 1 else "image"
    return tuple(item.value for item in PerturbationName if item.kind == kind)


def perturb(x: Tensor, name: str, strength: float, generator: torch.Generator) -> Tensor:
    """``x`` perturbed by ``name`` with ``strength`` 0 to 1; raises :class:`QuantModelError` for another."""
    check_names([name])
    if not 0 <= strength <= 1:
        raise QuantModelError(f"strength must be 0 to 1, not {strength}")
    return (PERTURBATIONS[name](x, strength, generator) * 256).round().clamp(0, 255) / 256


def perturb_any(x: Tensor, names: Sequence[str], strength: float, generator: torch.Generator) -> Tensor:
    """``x`` with each sample perturbed by one of ``names``, drawn at random for it."""
    check_names(names)
    chosen = torch.randint(0, len(names), (len(x),), generator=generator)
    found = torch.empty_like(x)
    for index, name in enumerate(names):
        here = (chosen == index).to(x.device)
        if bool(here.any()):
            found[here] = perturb(x[here], name, strength, generator)
    return found
