"""What a sample costs that leaves at an exit, as calibration weighs it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["Price"]


@dataclass(frozen=True, kw_only=True)
class Price:
    """``steps``: what each exit, the last one included, adds for a sample that reaches it, in ``unit``; ``whole``: what a sample costs
    without early exits, to which costs are told as a share.

    The mean cost of samples is the sum of every step times the share that reaches it; with ``slowest`` it is the greatest of these
    products instead: stages work at the same time, and the busiest one sets the pace. Raises :class:`QuantModelError` for numbers that
    are not finite, a step below 0 or a ``whole`` that is not positive.
    """

    steps: tuple[float, ...]
    whole: float
    unit: str = "stages"
    slowest: bool = False

    def __post_init__(self) -> None:
        if not self.steps or not all(math.isfinite(step) and step >= 0 for step in self.steps):
            raise QuantModelError(f"steps must be numbers from 0, and some, not {self.steps}")
        if not (math.isfinite(self.whole) and self.whole > 0):
            raise QuantModelError(f"whole must be positive, not {self.whole}")

    @classmethod
    def stages(cls, exits: int) -> "Price":
        """Each stage costs one."""
        return cls(steps=(1.0,) * exits, whole=float(exits))

    def mean(self, leave: list[Any], samples: int) -> Any:
        """Of counts (numbers, or arrays that broadcast) of samples that leave at each exit, ``samples`` in all."""
        found: Any = 0.0
        reach: Any = samples
        for step, gone in zip(self.steps, leave, strict=True):
            part = reach * (step / samples)
            found = np.maximum(found, part) if self.slowest else found + part
            reach = reach - gone
        return found
