"""Joint training in which later exits teach earlier ones."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.training.names import SchemeName
from quant_models.training.schemes.base import Batch, Described, Net, Scheme, check_weights, risen, scalar, weighted

__all__ = ["Distill", "divergence"]


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Mean over samples of T^2 * KL(softmax(teacher / T) || softmax(student / T)), 0-d, of logits ``[n, classes]``; no gradient goes to
    ``teacher``. T^2 keeps the gradients' size at any T (Hinton 2015)."""
    wanted = (teacher.detach() / temperature).log_softmax(1)
    found = (student / temperature).log_softmax(1)
    return temperature**2 * functional.kl_div(found, wanted, reduction="batchmean", log_target=True)


@dataclass(frozen=True, kw_only=True)
class Distill(Scheme):
    """L_i = (1 - alpha) * CE + alpha * T^2 * KL(teacher || exit i), summed with the exits' weights; the last exit learns from labels alone
    (Zhang 2019, Phuong 2019)."""

    name = SchemeName.DISTILL
    takes_own = True

    exit_weights: tuple[float, ...] | None = None
    """Weight of each exit's loss, one per exit, not negative, not all zero; None: all 1."""
    teacher: Literal["last", "next"] = "last"
    """Whose soft labels an exit learns from: the last exit's or the next one's."""
    temperature: float = 3.0
    """T, above 0: softens both predictions."""
    alpha: float = 0.5
    """Share of the teacher in the loss once it has risen, 0 to 1."""
    ramp: int = 0
    """Epochs over which that share rises from 0, in a line: a teacher that learns beside its pupil knows little at first. 0: it is there at
    once."""

    def __post_init__(self) -> None:
        if self.teacher not in ("last", "next"):
            raise QuantModelError(f"teacher must be last or next, not {self.teacher!r}")
        if not 0 < self.temperature <= 1000:
            raise QuantModelError(f"temperature must be above 0 up to 1000, not {self.temperature}")
        if not 0 <= self.alpha <= 1:
            raise QuantModelError(f"alpha must be 0 to 1, not {self.alpha}")
        if self.ramp < 0:
            raise QuantModelError(f"ramp must be at least 0, not {self.ramp}")

    def check(self, spec: Described) -> None:
        check_weights(self.exit_weights, spec)

    def share(self, epoch: int) -> float:
        """The teacher's share in the loss in ``epoch``."""
        return risen(self.alpha, epoch, self.ramp)

    def loss(self, model: Net, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        logits = model(batch.x)
        share = self.share(epoch)
        losses, told = [], {}
        for k, own in enumerate(logits):
            item = functional.cross_entropy(own, batch.y)
            told[f"exit {k}"] = scalar(item)
            if k < len(logits) - 1:
                taught = divergence(logits[-1 if self.teacher == "last" else k + 1], own, self.temperature)
                told[f"exit {k}'s teacher"] = scalar(taught)
                item = (1 - share) * item + share * taught
            losses.append(item)
        return weighted(losses, self.exit_weights), told
