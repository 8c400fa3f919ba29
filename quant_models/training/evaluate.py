"""How good every exit is by itself, and every gate head."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from quant_models.integers.view import frozen

__all__ = ["evaluate", "images_of", "judged", "targets"]

Answers = TypeVar("Answers", Tensor, "np.ndarray[Any, Any]")


def images_of(images: np.ndarray) -> Tensor:
    # A copy: data sets may be read-only, which torch does not know.
    return torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def evaluate(model: Any, images: np.ndarray, labels: np.ndarray, batch: int = 512) -> list[dict[str, float]]:
    """``accuracy`` (0 to 1) and ``loss`` (cross-entropy) of each exit alone over uint8 ``images`` ``[n, height, width, channels]``, on the
    device where ``model`` is: a :class:`quant_models.networks.net.MultiExitNet`, or anything else that gives logits by exit and has a
    ``spec``. Of an exit with a gate head also what :func:`judged` says of that."""
    x, y = images_of(images), torch.from_numpy(labels)
    place = next(model.parameters()).device
    exits = range(model.spec.exits)
    right: list[list[np.ndarray]] = [[] for _ in exits]
    gates: list[list[np.ndarray]] = [[] for _ in exits]
    loss = [0.0] * len(exits)
    with frozen(model):
        for start in range(0, len(x), batch):
            target = y[start : start + batch].to(place)
            for k, (logits, gate) in enumerate(_outputs(model, x[start : start + batch].to(place).to(torch.float32) / 256)):
                right[k].append((logits.argmax(1) == target).cpu().numpy())
                loss[k] += float(functional.cross_entropy(logits, target, reduction="sum"))
                if gate is not None:
                    gates[k].append(gate[:, 0].cpu().numpy())
    answers = [np.concatenate(rows) for rows in right]
    found = [{"accuracy": int(item.sum()) / len(x), "loss": total / len(x)} for item, total in zip(answers, loss, strict=True)]
    for k in model.spec.gated:
        found[k] |= judged(np.concatenate(gates[k]), targets(answers)[k])
    return found


def _outputs(model: Any, x: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Logits of every exit, and of its gate head where it has one."""
    if not model.spec.gated:
        yield from ((logits, None) for logits in model(x))
        return
    for k, features in enumerate(model.features(x)):
        yield model.head(k, features), model.gate(k, features) if k in model.spec.gated else None


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
