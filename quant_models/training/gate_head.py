"""Gate heads: small heads beside the classifiers, trained last, that say whether leaving here is fine (Scardapane 2020; EPNet, Dai 2020;
Bolukbasi 2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.networks.net import MultiExitNet
from quant_models.training.evaluate import targets
from quant_models.training.schemes.base import UNLABELLED, Batch, Described, Part, Scheme, scalar

__all__ = ["GateHeads"]


@dataclass(frozen=True, kw_only=True)
class GateHeads(Scheme):
    """All gate heads, each by itself, on a network that does not move: binary cross-entropy against :func:`targets` of the network's own
    answers to the batch, samples of either target weighing half in every batch that has both."""

    name = "gate"

    epochs: int | None = None
    """Epochs, at least 1; None: as many as the settings say."""

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise QuantModelError(f"gate epochs must be at least 1, not {self.epochs}")

    def phases(self, spec: Described, epochs: int) -> tuple[tuple[Scheme, int], ...]:
        return ((self, self.epochs or epochs),) if spec.gated else ()

    def parts(self, spec: Described) -> tuple[Part, ...]:
        return tuple(Part(name=f"gate {k}", prefixes=(f"gates.{k}.",), exits=(k,), by="gate_auc") for k in spec.gated)

    def begin(self, model: MultiExitNet) -> None:
        model.eval()
        for k in model.spec.gated:
            model.gates[k].train()

    def loss(self, model: MultiExitNet, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        known = batch.y != UNLABELLED
        with torch.no_grad():
            features = list(model.features(batch.x))
            fine = targets([model.head(k, item).argmax(1) == batch.y for k, item in enumerate(features)])
        losses, told = [], {}
        for k in model.spec.gated:
            logits, wanted = model.gate(k, features[k])[:, 0], fine[k].to(torch.float32)
            each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
            halves = [each[known & (fine[k] == kind)] for kind in (True, False)]
            losses.append(torch.stack([item.mean() if len(item) else each.sum() * 0 for item in halves]).mean())
            told[f"gate {k}"] = scalar(losses[-1])
        return torch.stack(losses).sum(), told
