"""Temperature scaling: one number per exit that makes its softmax mean what it says (Guo et al., "On Calibration of Modern Neural
Networks", ICML 2017). Pure numpy."""

import math

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["LIMITS", "fit", "log_loss"]

LIMITS = (0.05, 20.0)
"""The least and the greatest temperature: where every sample is right a lower one is always better, and where none is a higher one."""

HALVINGS = 40


def log_loss(logits: np.ndarray, scale: float, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean negative log likelihood in nats of int64 ``labels`` ``[n]`` under softmax(``logits`` x ``scale`` / ``temperature``).

    ``logits`` are int64 ``[n, classes]`` of unit ``scale``.
    """
    real = _ahead(logits) * (scale / temperature)
    return float((np.log(np.exp(real).sum(1)) - real[np.arange(len(labels)), labels]).mean())


def fit(logits: np.ndarray, scale: float, labels: np.ndarray) -> float:
    """The temperature T, within :data:`LIMITS`, of least :func:`log_loss` on the validation split, to six digits.

    The loss is convex in 1 / T, so T is where its slope (the mean expected logit less the mean logit of the label) changes its sign, found
    by halving. Raises :class:`QuantModelError` without samples, or for a ``scale`` that is not positive.
    """
    if not len(labels) or len(labels) != len(logits):
        raise QuantModelError(f"temperature scaling needs a label for each sample, and some, not {len(labels)} for {len(logits)}")
    if not (math.isfinite(scale) and scale > 0):
        raise QuantModelError(f"scale must be positive, not {scale}")
    real = _ahead(logits) * scale
    wanted = float(real[np.arange(len(labels)), labels].mean())
    low, high = (math.log(limit) for limit in LIMITS)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        share = np.exp(real / math.exp(middle))
        expected = float(((share * real).sum(1) / share.sum(1)).mean())
        # too sure of itself: a higher temperature
        low, high = (middle, high) if expected > wanted else (low, middle)
    return float(f"{math.exp((low + high) / 2):.6g}")


def _ahead(logits: np.ndarray) -> np.ndarray:
    """float64 ``[n, classes]``: logits less the greatest, so that no exponential overflows."""
    found: np.ndarray = (logits - logits.max(1, keepdims=True)).astype(np.float64)
    return found
