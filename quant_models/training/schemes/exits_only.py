"""Backbone first, then each head by itself."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.networks.net import MultiExitNet
from quant_models.training.names import SchemeName
from quant_models.training.schemes.base import Batch, Described, Part, Scheme, scalar
from quant_models.training.schemes.heads import begin_heads, check_heads, early, head_losses, head_parts, new_heads

__all__ = ["Backbone", "ExitsOnly"]


@dataclass(frozen=True, kw_only=True)
class Backbone(Scheme):
    """All stages and the last head, by the last exit's cross-entropy; early heads take no part."""

    name = "backbone"

    def parts(self, spec: Described) -> tuple[Part, ...]:
        last = spec.exits - 1
        return (Part(name="backbone", prefixes=("input_quant.", "stages.", f"heads.{last}."), exits=(last,)),)

    def loss(self, model: MultiExitNet, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        last = model.spec.exits - 1
        *_, features = model.features(batch.x)
        loss = functional.cross_entropy(model.head(last, features), batch.y)
        return loss, {f"exit {last}": scalar(loss)}


@dataclass(frozen=True, kw_only=True)
class ExitsOnly(Scheme):
    """Heads on a frozen backbone, each by itself: no cross-talk, the last exit's logits untouched, any number of heads in any order or
    apart with the same result (the exits-only training of HAPI, 2020).

    The epochs of the training are the heads'. A head's weights follow from the backbone, the data, the seed, and its own place and layers.
    """

    name = SchemeName.EXITS_ONLY

    backbone_epochs: int = 0
    """Epochs of :class:`Backbone` that come first; 0: the backbone is taken from a checkpoint as it is."""
    exits: tuple[int, ...] | None = None
    """The exits whose heads are trained, which begin anew, whatever a checkpoint has there; None: all early ones."""

    def __post_init__(self) -> None:
        if self.backbone_epochs < 0:
            raise QuantModelError(f"backbone_epochs must be at least 0, not {self.backbone_epochs}")

    def needs_start(self) -> bool:
        return self.backbone_epochs == 0

    def check(self, spec: Described) -> None:
        check_heads(spec, self.exits)

    def phases(self, spec: Described, epochs: int) -> tuple[tuple[Scheme, int], ...]:
        first: tuple[tuple[Scheme, int], ...] = ((Backbone(), self.backbone_epochs),) if self.backbone_epochs else ()
        return (*first, (self, epochs)) if early(spec, self.exits) else first

    def parts(self, spec: Described) -> tuple[Part, ...]:
        return head_parts(early(spec, self.exits))

    def taken(self, spec: Described) -> tuple[int, ...]:
        trained = early(spec, self.exits)
        return tuple(k for k in range(spec.exits) if k not in trained)

    def initialise(self, model: MultiExitNet, seed: int) -> None:
        new_heads(model, range(model.spec.exits - 1), seed)

    def begin(self, model: MultiExitNet) -> None:
        begin_heads(model, early(model.spec, self.exits))

    def loss(self, model: MultiExitNet, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return head_losses(model, batch, early(model.spec, self.exits))
