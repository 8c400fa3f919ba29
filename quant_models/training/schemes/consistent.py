"""Consistent exit training: the same answer for a clean and for a perturbed input, at every exit."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.training.names import SchemeName
from quant_models.training.perturb import check_names, names_for, perturb_any
from quant_models.training.schemes.base import UNLABELLED, Batch, Described, Net, Scheme, check_weights, risen, scalar, weighted
from quant_models.training.schemes.distill import divergence

__all__ = ["Consistent"]


@dataclass(frozen=True, kw_only=True)
class Consistent(Scheme):
    """L = sum over exits of weight * (CE of the labelled samples + lambda * KL(clean prediction || perturbed prediction) of all samples):
    consistent exit training (Saeed 2021, arXiv 2109.13192).

    An exit's own prediction on the clean input is the weak label of its perturbed one, without a gradient through it. Clean and perturbed
    inputs go through the network as one batch, so that batch norm knows both.
    """

    name = SchemeName.CONSISTENT
    takes_own = True
    takes_unlabelled = True

    exit_weights: tuple[float, ...] | None = None
    """Weight of each exit's two losses, one per exit, not negative, not all zero; None: all 1."""
    weight: float = 1.0
    """Lambda once it has risen, at least 0."""
    ramp: int = 0
    """Epochs over which lambda rises from 0, in a line; 0: it is there from the beginning."""
    perturb: tuple[str, ...] | None = None
    """Perturbations of which each sample gets one at random (:mod:`quant_models.training.perturb`); None: all for this kind of data."""
    strength: float = 0.5
    """Of the perturbations, above 0 up to 1."""
    unlabelled: float = 0.0
    """Share of each class's training samples whose labels are not used, 0 to 0.95; each class keeps one label at least."""

    def __post_init__(self) -> None:
        for key, good, allowed in (
            ("weight", 0 <= self.weight < math.inf, "at least 0"),
            ("ramp", self.ramp >= 0, "at least 0"),
            ("strength", 0 < self.strength <= 1, "above 0 up to 1"),
            ("unlabelled", 0 <= self.unlabelled <= 0.95, "0 to 0.95"),
        ):
            if not good:
                raise QuantModelError(f"{key} must be {allowed}, not {getattr(self, key)}")
        if self.perturb is not None:
            check_names(self.perturb)

    def check(self, spec: Described) -> None:
        check_weights(self.exit_weights, spec)

    def labelled(self, labels: np.ndarray, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        mask = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            there = np.flatnonzero(labels == label)
            keep = max(1, len(there) - math.floor(self.unlabelled * len(there) + 1e-9))
            mask[rng.permutation(there)[:keep]] = True
        return mask

    def pull(self, epoch: int) -> float:
        """Lambda in ``epoch``."""
        return risen(self.weight, epoch, self.ramp)

    def loss(self, model: Net, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        names = self.perturb or names_for(model.spec.width)
        changed = perturb_any(batch.x, names, self.strength, generator)
        known = batch.y != UNLABELLED
        pull, losses = self.pull(epoch), []
        told: dict[str, float] = {}
        for k, logits in enumerate(model(torch.cat([batch.x, changed]))):
            clean, perturbed = logits.chunk(2)
            # A batch may happen to hold no label at all; a mean over none would be no number.
            right = functional.cross_entropy(clean[known], batch.y[known]) if bool(known.any()) else clean.sum() * 0
            same = divergence(clean, perturbed, 1.0)
            losses.append(right + pull * same)
            told |= {f"exit {k}": scalar(right), f"exit {k}'s consistency": scalar(same)}
        return weighted(losses, self.exit_weights), told
