"""What a training scheme is: what a step minimises, and which weights it moves. The loop is :mod:`quant_models.training.train`'s."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from quant_models.errors import QuantModelError

__all__ = ["OWN", "UNLABELLED", "Batch", "Described", "Net", "Part", "Scheme", "check_weights", "risen", "scalar", "weighted"]

UNLABELLED = -1
"""The label of a sample whose class a scheme must not see."""

OWN = "network."
"""What the names of all weights of a network of the user's own begin with."""


class Described(Protocol):
    """What is known of a network that is trained, as :class:`quant_models.networks.spec.NetSpec` has it: ``gated`` are the exits with gate
    heads."""

    @property
    def name(self) -> str: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def classes(self) -> int: ...
    @property
    def exits(self) -> int: ...
    @property
    def gated(self) -> tuple[int, ...]: ...


class Net(Protocol):
    """A network as a scheme takes it that needs nothing but logits: those of every exit, of images as :class:`Batch` has them."""

    @property
    def spec(self) -> Described: ...
    def __call__(self, x: Tensor, /) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class Batch:
    """One step's samples: ``x`` float ``[n, channels, height, width]`` in 0 to 255/256, ``y`` int64 ``[n]``, a class or ``UNLABELLED``."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True, kw_only=True)
class Part:
    """Weights that are trained together, with an optimiser, a clipped norm and an early stop of their own.

    They are those of a model's state whose names begin with one of ``prefixes``; ``exits`` are the exits by whose accuracy, or other figure
    ``by``, they are judged.
    """

    name: str
    prefixes: tuple[str, ...]
    exits: tuple[int, ...]
    by: str = "accuracy"

    def owns(self, key: str) -> bool:
        """Whether ``key`` of a model's state or of its parameters is one of this part's."""
        return key.startswith(self.prefixes)


class Scheme(ABC):
    """A way to train. Subclasses are frozen dataclasses whose fields are its settings, plain data."""

    name: ClassVar[str]
    """As ``train.scheme`` has it."""
    takes_unlabelled: ClassVar[bool] = False
    """Whether samples without labels mean something to it."""
    takes_own: ClassVar[bool] = False
    """Whether it needs nothing but the logits of every exit (:class:`Net`), and so takes a network of the user's own."""

    @abstractmethod
    def loss(self, model: Any, batch: Batch, epoch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """What a step minimises (0-d, with gradient), and by name what it is made of; ``model`` is a :class:`Net`, or, where ``takes_own``
        is false, a :class:`quant_models.networks.net.MultiExitNet`.

        ``epoch`` counts from 0 within the phase; every random draw comes from ``generator``, which is the CPU's on every device.
        """

    def needs_start(self) -> bool:
        """Whether it is of use only to weights that have been trained before."""
        return False

    def check(self, spec: Described) -> None:  # noqa: B027 - most have nothing to check
        """Raise :class:`QuantModelError` when the settings do not fit ``spec``."""

    def phases(self, spec: Described, epochs: int) -> tuple[tuple["Scheme", int], ...]:
        """What is trained one after another, each with its number of epochs and a learning rate that begins anew."""
        return ((self, epochs),)

    def parts(self, spec: Described) -> tuple[Part, ...]:
        """What this phase trains; parts share no weights."""
        return (Part(name="all", prefixes=("input_quant.", "stages.", "heads.", OWN), exits=tuple(range(spec.exits))),)

    def taken(self, spec: Described) -> tuple[int, ...]:
        """The exits whose heads are taken from a checkpoint to start from; the backbone always is."""
        return tuple(range(spec.exits))

    def initialise(self, model: Any, seed: int) -> None:  # noqa: B027 - most keep the weights that the network is made with
        """Change the weights of a new ``model`` before anything is taken from a checkpoint."""

    def begin(self, model: Any) -> None:
        """Put every module of ``model`` into the mode in which it takes part; called before each epoch."""
        model.train()

    def labelled(self, labels: np.ndarray, seed: int) -> np.ndarray:
        """Which of ``labels`` (int64 ``[n]``) may be looked at: bool ``[n]``."""
        return np.ones(len(labels), bool)

    def describe(self) -> dict[str, Any]:
        """Name and settings as JSON data."""
        raw = {key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(self).items()}  # type: ignore[call-overload]
        return {"name": self.name, **raw}


def check_weights(weights: Sequence[float] | None, spec: Described) -> None:
    """Raise :class:`QuantModelError` unless ``weights`` (None: all 1) can weigh the losses of the exits of ``spec``."""
    if weights is None:
        return
    if len(weights) != spec.exits or min(weights) < 0 or max(weights) == 0 or not all(map(math.isfinite, weights)):
        raise QuantModelError(f"exit_weights must be {spec.exits} numbers, not negative and not all zero, not {weights}")


def weighted(losses: Sequence[Tensor], weights: Sequence[float] | None) -> Tensor:
    """Sum of ``losses`` (0-d each), each times its weight (None: all 1)."""
    return torch.stack([weight * item for weight, item in zip(weights or (1.0,) * len(losses), losses, strict=True)]).sum()


def risen(highest: float, epoch: int, ramp: int) -> float:
    """A weight that rises in a line from 0 to ``highest`` over ``ramp`` epochs, in ``epoch`` (from 0); ``ramp`` 0: it is there at once."""
    return highest * min(1.0, epoch / ramp) if ramp else highest


def scalar(loss: Tensor) -> float:
    """The value of ``loss`` (0-d)."""
    return float(loss.detach())
