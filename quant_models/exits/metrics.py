"""What predictions of several exits are worth, beyond accuracy. Pure numpy, over int64 ``labels`` ``[n]``."""

from collections.abc import Sequence

import numpy as np

from quant_models.records import Record

__all__ = [
    "Overthinking", "Overthought", "Reliability", "ReliabilityBin", "ahead_of_last", "calibration_error", "confusion",
    "overthinking", "probabilities",
]


class ReliabilityBin(Record):
    """Of the ``samples`` of a bin the mean ``confidence``, and their ``accuracy``, 0 to 1."""

    confidence: float
    accuracy: float
    samples: int


class Reliability(Record):
    """The expected calibration error, 0 to 1, None without samples, and the bins that have any."""

    ece: float | None
    bins: list[ReliabilityBin]


class Overthought(Record):
    """Of an exit before the last the shares of all samples that are right here and wrong at the last exit (``lost``), and wrong here and
    right there (``gained``)."""

    lost: float
    gained: float


class Overthinking(Record):
    """Shares of all samples. ``exits``: of each exit but the last. ``destructive``: right at some exit before the last and wrong at the
    last. ``any``: right at some exit, what an exit policy that always chose well would reach. ``first``: by exit, the samples that no exit
    before it gets right and it does. ``pairs``: (i, j, share) for every exit i before exit j, right at i and wrong at j."""

    exits: list[Overthought]
    destructive: float
    any: float
    first: list[float]
    pairs: list[tuple[int, int, float]]


def probabilities(logits: np.ndarray, scale: float) -> np.ndarray:
    """Softmax, float64 ``[n, classes]``, of integer ``logits`` whose unit is ``scale``."""
    real = np.exp((logits - logits.max(1, keepdims=True)) * scale)
    found: np.ndarray = real / real.sum(1, keepdims=True)
    return found


def calibration_error(found: np.ndarray, labels: np.ndarray, bins: int = 15) -> Reliability:
    """The expected calibration error (Guo et al., 2017) of the probabilities ``found`` (``[n, classes]``), over ``bins`` bins of the
    greatest one, all of one width."""
    sure, right = found.max(1), found.argmax(1) == labels
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    rows = [
        ReliabilityBin(confidence=float(sure[here].mean()), accuracy=float(right[here].mean()), samples=int(here.sum()))
        for here in (place == index for index in range(bins)) if here.any()
    ]
    gap = sum(row.samples * abs(row.accuracy - row.confidence) for row in rows)
    return Reliability(ece=gap / len(labels) if len(labels) else None, bins=rows)


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[list[int]]:
    """How many samples of class ``[row]`` were taken for class ``[column]``."""
    found = np.zeros((classes, classes), np.int64)
    np.add.at(found, (labels, predicted), 1)
    return [[int(item) for item in row] for row in found]


def overthinking(predicted: Sequence[np.ndarray], labels: np.ndarray) -> Overthinking:
    """Overthinking (Kaya et al., 2019) of ``predicted``, the classes that each exit finds for all samples, int64 ``[n]`` each."""
    right = np.array([item == labels for item in predicted])
    last, early = right[-1], right[:-1]
    seen = np.cumsum(right, 0) > 0
    new = np.concatenate([seen[:1], seen[1:] & ~seen[:-1]])
    return Overthinking(
        exits=[Overthought(lost=float((item & ~last).mean()), gained=float((~item & last).mean())) for item in early],
        destructive=float((early.any(0) & ~last).mean()),
        any=float(right.any(0).mean()),
        first=[float(item.mean()) for item in new],
        pairs=[(i, j, float((right[i] & ~right[j]).mean())) for i in range(len(right)) for j in range(i + 1, len(right))],
    )


def ahead_of_last(right: Sequence[np.ndarray]) -> list[int]:
    """The early exits that are right more often than the last one, by more than 1.96 deviations of the difference on the same samples (of a
    binomial over those on which the two differ, as McNemar tests it); ``right``, bool ``[n]`` by exit."""
    found = []
    for k, own in enumerate(right[:-1]):
        gained, lost = int((own & ~right[-1]).sum()), int((~own & right[-1]).sum())
        if gained - lost > 1.96 * (gained + lost) ** 0.5:
            found.append(k)
    return found
