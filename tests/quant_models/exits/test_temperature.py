"""The temperature is where the loss is least, and makes probabilities mean what they say."""

import numpy as np
import pytest

from quant_models.errors import QuantModelError
from quant_models.exits.metrics import calibration_error, probabilities
from quant_models.exits.temperature import LIMITS, fit, log_loss

SCALE = 0.02


def drawn(temperature, classes=6, n=4000, seed=0):
    """Logits, and labels drawn with the probabilities that these have at the temperature."""
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(0, 2, (n, classes)) / SCALE).astype(np.int64)
    share = probabilities(logits, SCALE / temperature)
    return logits, (share.cumsum(1) < rng.random((n, 1))).sum(1).clip(max=classes - 1)


def test_loss_by_hand():
    logits, labels = np.array([[0, 100], [300, 100]]), np.array([1, 1])
    each = [-np.log(np.exp(2) / (1 + np.exp(2))), -np.log(1 / (1 + np.exp(4)))]
    assert log_loss(logits, 0.04, labels, 2.0) == pytest.approx(np.mean(each))
    assert log_loss(100_000 * logits, 1.0, labels) == pytest.approx(100_000 * 200 / 2)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.7])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature):
    logits, labels = drawn(temperature)
    assert fit(logits, SCALE, labels) == pytest.approx(temperature, rel=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_no_other_temperature_has_less_loss(seed):
    logits, labels = drawn(1.5, n=60, seed=seed)
    found = fit(logits, SCALE, labels)
    least = log_loss(logits, SCALE, labels, found)
    assert all(log_loss(logits, SCALE, labels, other) >= least - 1e-9 for other in np.geomspace(*LIMITS, 2000))


def test_what_is_too_sure_is_not_so_any_more():
    logits, labels = drawn(2.7)
    scaled = SCALE / fit(logits, SCALE, labels)
    before, after = (calibration_error(probabilities(logits, scale), labels).ece for scale in (SCALE, scaled))
    assert before > 0.15
    assert after < 0.03


def test_only_the_product_of_logits_and_scale_counts():
    logits, labels = drawn(0.8, n=300)
    assert fit(logits * 4, SCALE / 4, labels) == fit(logits, SCALE, labels)
    assert fit(logits, SCALE * 2, labels) == pytest.approx(2 * fit(logits, SCALE, labels), rel=1e-5)
    assert fit(logits + 10**9, SCALE, labels) == fit(logits, SCALE, labels)


def test_the_range_ends_where_the_loss_has_no_minimum():
    logits = np.round(np.random.default_rng(1).normal(0, 40, (50, 3))).astype(np.int64)
    assert fit(logits, SCALE, logits.argmax(1)) == pytest.approx(LIMITS[0])
    assert fit(logits, SCALE, logits.argmin(1)) == pytest.approx(LIMITS[1])


@pytest.mark.parametrize(("count", "scale", "message"), [
    (0, 1.0, "needs a label for each sample, and some, not 0 for 0"), (3, 0.0, "scale must be positive, not 0.0"),
    (3, float("nan"), "scale must be positive, not nan"),
])
def test_what_cannot_be_fitted(count, scale, message):
    with pytest.raises(QuantModelError, match=message):
        fit(np.zeros((count, 2), np.int64), scale, np.zeros(count, np.int64))
    with pytest.raises(QuantModelError, match="not 2 for 3"):
        fit(np.zeros((3, 2), np.int64), 1.0, np.zeros(2, np.int64))
