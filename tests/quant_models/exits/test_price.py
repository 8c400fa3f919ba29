import numpy as np
import pytest

from quant_models.errors import QuantModelError
from quant_models.exits.price import Price


def test_a_mean_is_every_step_times_the_share_that_reaches_it() -> None:
    price = Price(steps=(2.0, 3.0, 5.0), whole=9.0)
    assert price.mean([5, 3, 2], 10) == pytest.approx(2 + 3 * 0.5 + 5 * 0.2)
    assert np.allclose(price.mean([np.array([0, 10]), np.array([0, 0]), np.array([10, 0])], 10), [10, 2])


def test_the_slowest_stage_sets_the_pace() -> None:
    assert Price(steps=(2.0, 6.0), whole=6.0, slowest=True).mean([5, 5], 10) == pytest.approx(3.0)


@pytest.mark.parametrize(("changes", "message"), [
    ({"steps": ()}, "steps must be"), ({"steps": (1.0, -1.0)}, "steps must be"), ({"whole": 0.0}, "whole must be positive"),
])
def test_what_is_no_price(changes, message) -> None:
    with pytest.raises(QuantModelError, match=message):
        Price(**{"steps": (1.0,), "whole": 1.0, **changes})
