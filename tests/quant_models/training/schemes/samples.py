"""A batch for the schemes' losses, and what the tiny network says to it."""

import torch
from torch.nn import functional

from quant_models.training.schemes import Batch
from tests.quant_models.conftest import build_model, build_spec


def batch(n=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (n, 2, 9, 7), generator=generator).float() / 256
    return Batch(x, torch.randint(0, 4, (n,), generator=generator))


def fresh():
    """The network in training mode; every call gives the same one."""
    return build_model(build_spec()).train()


def logits(given):
    """Of each exit, in training mode, of the batch ``given``."""
    with torch.no_grad():
        return fresh()(given.x)


def entropies(given):
    return [float(functional.cross_entropy(item, given.y)) for item in logits(given)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gradients(loss, model):
    """Names of the parameters to which ``loss`` sends a gradient that is not zero."""
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {key for key, value in model.named_parameters() if value.grad is not None and bool((value.grad != 0).any())}


def owners(names):
    """``{"stages.0", "heads.1", ...}`` of parameters' names."""
    return {".".join(name.split(".")[:2]) for name in names}
