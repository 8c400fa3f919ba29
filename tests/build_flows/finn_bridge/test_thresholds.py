import itertools

import numpy as np
import pytest
from qonnx.core.datatype import DataType

from build_flows.finn_bridge.thresholds import accumulator_range, integer_type


@pytest.mark.parametrize(("low", "high", "signed", "name"), [
    (0, 0, False, "UINT1"), (0, 255, False, "UINT8"), (0, 256, False, "UINT9"), (0, 0, True, "INT2"), (-8, 7, True, "INT4"),
    (-9, 7, True, "INT5"), (-8, 8, True, "INT5"), (3, 4, True, "INT4"),
])
def test_narrowest_type(low, high, signed, name):
    assert integer_type(low, high, signed=signed) == name
    assert DataType[name].allowed(low)
    assert DataType[name].allowed(high)


def test_unsigned_types_hold_no_negatives():
    with pytest.raises(ValueError, match="an unsigned type cannot hold -1"):
        integer_type(-1, 3, signed=False)


@pytest.mark.parametrize(("low", "high"), [(0, 3), (-2, 1)])
def test_accumulator_range_is_reached_and_not_left(low, high):
    weights = np.random.default_rng(2).integers(-3, 4, (4, 5))
    sums = np.array(list(itertools.product(range(low, high + 1), repeat=4))) @ weights
    least, most = accumulator_range(weights, low, high)
    np.testing.assert_array_equal(least, sums.min(axis=0))
    np.testing.assert_array_equal(most, sums.max(axis=0))
