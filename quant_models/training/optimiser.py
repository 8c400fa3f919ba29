"""Steps of AdamW: which weights decay, how the learning rate goes, and the state that a training resumes from."""

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from quant_models.errors import QuantModelError

__all__ = ["SCHEDULES", "Schedule", "flatten", "optimiser", "rate", "unflatten"]

Schedule = Literal["cosine", "constant", "step"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "constant", "step")
STEPS = (0.5, 0.75)
DROP = 0.1


def optimiser(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW over ``parameters``, decay on weights only."""
    # Decay pulls weights; on gammas, biases and activation ranges it would only fight the quantisers.
    found = list(parameters)
    weights = [p for p in found if p.dim() > 1]
    others = [p for p in found if p.dim() <= 1]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate)


def rate(schedule: Schedule, highest: float, warmup: float, step: int, total: int) -> float:
    """The learning rate of ``step`` (from 0) of ``total``.

    It rises in a line over the share ``warmup`` of all steps (0 to 1) to ``highest``. After that ``cosine`` falls to zero along a half
    cosine, ``constant`` stays, and ``step`` drops to a tenth at half and again at three quarters of all steps.
    """
    if schedule not in SCHEDULES:
        raise QuantModelError(f"schedule must be one of {', '.join(SCHEDULES)}, not {schedule!r}")
    rising = warmup * total
    if step < rising:
        return highest * (step + 1) / (rising + 1)
    if schedule == "cosine":
        return highest * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))
    passed = sum(step >= share * total for share in STEPS) if schedule == "step" else 0
    return highest * DROP**passed


def flatten(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of ``optimizer`` as tensors by name."""
    return {f"{index}.{key}": value for index, state in optimizer.state_dict()["state"].items() for key, value in state.items()}


def unflatten(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put what :func:`flatten` gave back into an ``optimizer`` over the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
