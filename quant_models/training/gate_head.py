"""Gate heads: small heads beside the classifiers, trained last, that say whether leaving here is fine (Scardapane 2020; EPNet, Dai 2020;
Bolukbasi 2017)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.integers.view import frozen, integer_layers
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import NetSpec
from quant_models.training.schemes.base import UNLABELLED, Batch, Part, Scheme, scalar

__all__ = ["GateHeads", "GateUnit", "gate_units", "judged", "targets"]

Answers = TypeVar("Answers", Tensor, "np.ndarray[Any, Any]")


def targets(right: Sequence[Answers]) -> list[Answers]:
    """By exit, whether leaving there is fine: this exit is right, or no later one is. ``right``, bool ``[n]`` by exit, says which samples
    each exit gets right; so do the targets."""
    found: list[Answers] = []
    later = right[-1] & ~right[-1]
    for answers in reversed(right):
        found.append(answers | ~later)
        later = later | answers
    return found[::-1]


def judged(logits: np.ndarray, fine: np.ndarray) -> dict[str, float]:
    """How well gate ``logits`` (``[n]``) tell the samples that are ``fine`` (bool ``[n]``) from the others.

    ``gate_accuracy``: the mean of the shares right among either, at a threshold of 0; ``gate_auc``: the share of all pairs of a fine sample
    and another in which the fine one has the greater logit, equal ones half. Chance is 0.5 for both; without such pairs the second is 0.5,
    and the first the share right among all.
    """
    says = logits >= 0
    shares = [float((says[fine == kind] == kind).mean()) for kind in (True, False) if (fine == kind).any()]
    yes, no = logits[fine], np.sort(logits[~fine])
    pairs = len(yes) * len(no)
    ahead = (np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")).sum() / 2
    return {"gate_accuracy": sum(shares) / len(shares) if shares else 0.5, "gate_auc": float(ahead / pairs) if pairs else 0.5}


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

    def phases(self, spec: NetSpec, epochs: int) -> tuple[tuple[Scheme, int], ...]:
        return ((self, self.epochs or epochs),) if spec.gates else ()

    def parts(self, spec: NetSpec) -> tuple[Part, ...]:
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


@dataclass(frozen=True)
class GateUnit:
    """What a gate head's integer logits are: ``bits`` wide at the most, two's complement, one unit being ``scale``."""

    bits: int
    scale: float


def gate_units(model: MultiExitNet) -> dict[int, GateUnit]:
    """By exit, the width and the scale of the gate heads' logits, from the weights that they have. ``model`` is evaluated, and is
    afterwards as it was."""
    found = {}
    with frozen(model):
        for layer in integer_layers(model):
            if layer.where != "gate" or layer.bias is None:
                continue
            assert layer.weight is not None
            assert layer.scale is not None
            bits, signed = layer.unit.in_bits, layer.unit.in_signed
            low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            above, below = int(layer.weight.clamp(min=0).sum()), int(layer.weight.clamp(max=0).sum())
            offset = int(layer.bias)
            least, most = above * low + below * high + offset, above * high + below * low + offset
            width = 1 + max(max(most, 0).bit_length(), (-least - 1).bit_length() if least < 0 else 0)
            found[layer.index] = GateUnit(width, float(layer.scale))
    return found
