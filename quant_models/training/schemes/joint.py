"""Joint training of all exits."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from quant_models.training.names import SchemeName
from quant_models.training.schemes.base import Batch, Described, Net, Scheme, check_weights, scalar, weighted

__all__ = ["Joint"]


@dataclass(frozen=True, kw_only=True)
class Joint(Scheme):
    """L = sum over exits of weight * cross-entropy (BranchyNet, Teerapittayanon 2016)."""

    name = SchemeName.JOINT
    takes_own = True

    exit_weights: tuple[float, ...] | None = None
    """Weight of each exit's loss, one per exit, not negative, not all zero; None: all 1."""

    def check(self, spec: Described) -> None:
        check_weights(self.exit_weights, spec)

    def loss(self, model: Net, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        losses = [functional.cross_entropy(logits, batch.y) for logits in model(batch.x)]
        return weighted(losses, self.exit_weights), {f"exit {k}": scalar(item) for k, item in enumerate(losses)}
