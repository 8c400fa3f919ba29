"""Exits re-trained for one user, on that user's samples."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from quant_models.datasets.load import Dataset
from quant_models.errors import QuantModelError
from quant_models.integers.view import integer_logits
from quant_models.networks.net import MultiExitNet
from quant_models.training.names import SchemeName
from quant_models.training.schemes.base import Batch, Described, Part, Scheme
from quant_models.training.schemes.heads import begin_heads, check_heads, early, head_losses, head_parts

__all__ = ["Personal", "personal_data"]


@dataclass(frozen=True, kw_only=True)
class Personal(Scheme):
    """Early heads re-trained on a backbone from global data, each by itself (PersEPhonEE, Leontiadis 2021).

    The training set is :func:`personal_data`'s. Everything but those heads stays as it was, so the network is the same one.
    """

    name = SchemeName.PERSONAL

    labels: Literal["true", "last_exit"] = "true"
    """Where the samples' labels come from: from the user, or from the last exit, which does not change."""

    def __post_init__(self) -> None:
        if self.labels not in ("true", "last_exit"):
            raise QuantModelError(f"labels must be true or last_exit, not {self.labels!r}")

    def needs_start(self) -> bool:
        return True

    def check(self, spec: Described) -> None:
        check_heads(spec, None)
        if spec.exits == 1:
            raise QuantModelError(f"scheme personal trains early exits, and {spec.name} has none")

    def parts(self, spec: Described) -> tuple[Part, ...]:
        return head_parts(early(spec, None))

    def begin(self, model: MultiExitNet) -> None:
        begin_heads(model, early(model.spec, None))

    def loss(self, model: MultiExitNet, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return head_losses(model, batch, early(model.spec, None))


def personal_data(data: Dataset, model: MultiExitNet, x: np.ndarray, y: np.ndarray | None, labels: str) -> Dataset:
    """``data`` with its training part replaced by one user's samples ``x`` (uint8 ``[n, height, width, channels]``) with labels ``y``
    (integers ``[n]``), or with the classes of ``model``'s last exit when ``labels`` is ``last_exit``.

    Raises :class:`QuantModelError` when true labels are missing, out of range, or not one integer a sample.
    """
    if labels == "last_exit":
        y = integer_logits(model, x)[-1].argmax(1)
    if y is None:
        raise QuantModelError('true labels need y beside the samples; without them labels must be "last_exit"')
    if y.dtype.kind not in "iu" or y.shape != x.shape[:1]:
        raise QuantModelError(f"labels must be integers [{len(x)}] as the samples are, not {y.dtype} {list(y.shape)}")
    if y.min() < 0 or y.max() >= model.spec.classes:
        raise QuantModelError(f"labels must be in 0 to {model.spec.classes - 1}, not {y.min()} to {y.max()}")
    return replace(data, x_train=x, y_train=y.astype(np.int64))
