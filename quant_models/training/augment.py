"""What becomes of training images before a step: their order, and how they are changed."""

import torch
from torch import Tensor
from torch.nn import functional

from quant_models.training.perturb import perturb_any
from quant_models.training.settings import TrainSettings

__all__ = ["augment", "order", "perturbed"]


def augment(x: Tensor, settings: TrainSettings, generator: torch.Generator) -> Tensor:
    """``x`` (``[n, channels, height, width]``) shifted and mirrored as ``settings`` say."""
    if settings.shift:
        reach, (height, width) = settings.shift, x.shape[2:]
        padded = functional.pad(x, (reach,) * 4)
        corner = torch.randint(0, 2 * reach + 1, (2, len(x)), generator=generator)
        if width == 1:
            corner[1] = reach  # windows of sensor samples move in time alone
        out = torch.empty_like(x)
        for top in range(2 * reach + 1):
            for left in range(2 * reach + 1):
                here = (corner[0] == top) & (corner[1] == left)
                out[here] = padded[here, :, top : top + height, left : left + width]
        x = out
    if settings.flip:
        mirrored = torch.rand(len(x), generator=generator) < 0.5
        x = torch.where(mirrored.reshape(-1, 1, 1, 1), x.flip(3), x)
    return x


def perturbed(images: Tensor, settings: TrainSettings, generator: torch.Generator) -> Tensor:
    """``images``, float32 of 256ths, half of them perturbed where that is wanted."""
    if not settings.perturb:
        return images
    chosen = (torch.rand(len(images), generator=generator) < 0.5).reshape(-1, 1, 1, 1).to(images.device)
    return torch.where(chosen, perturb_any(images, settings.perturb, settings.perturb_strength, generator), images)


def order(labelled: Tensor, generator: torch.Generator) -> Tensor:
    """A random order of all samples in which those of bool ``labelled`` lie evenly between the others."""
    if bool(labelled.all()):
        return torch.randperm(len(labelled), generator=generator)
    groups = [torch.nonzero(mask)[:, 0] for mask in (labelled, ~labelled)]
    index = torch.cat([group[torch.randperm(len(group), generator=generator)] for group in groups])
    place = torch.cat([(torch.arange(len(group), dtype=torch.float64) + 0.5) / len(group) for group in groups])
    return index[place.argsort(stable=True)]
