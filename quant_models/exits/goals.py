"""What thresholds are searched for."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from quant_models.exits.price import Price

__all__ = ["Cuts", "Goal", "WithinCost", "WithinLoss"]

Cuts = list[np.ndarray | None]
"""By early exit, int64 ``[groups]``; None where none leaves."""


class Goal(Protocol):
    """What is wanted: ``rank(right, leave, samples)`` gives two numbers (or arrays that broadcast) of which the first, then the second, is
    to be small; inf where it is not met. ``right`` are right answers, ``leave`` samples that leave at each exit, the last one included."""

    @property
    def price(self) -> Price: ...

    def rank(self, right: Any, leave: list[Any], samples: int) -> tuple[Any, Any]: ...


@dataclass(frozen=True)
class WithinLoss:
    """The least mean cost with at least so many right answers."""

    price: Price
    right: float

    def rank(self, right: Any, leave: list[Any], samples: int) -> tuple[Any, Any]:
        return np.where(right >= self.right - 1e-9, self.price.mean(leave, samples), np.inf), -right


@dataclass(frozen=True)
class WithinCost:
    """The most right answers with at most so high a mean cost."""

    price: Price
    most: float

    def rank(self, right: Any, leave: list[Any], samples: int) -> tuple[Any, Any]:
        cost = self.price.mean(leave, samples)
        return np.where(cost <= self.most * (1 + 1e-9), -right, np.inf), cost
