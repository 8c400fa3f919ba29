import numpy as np
import pytest

from quant_models.datasets.base import ChannelScale, check_labels, checked, stratified
from quant_models.errors import QuantModelError


def arrays(y_train, y_test):
    return {f"{key}_{part}": value for part, y in (("train", y_train), ("test", y_test))
            for key, value in (("x", np.zeros((len(y), 2, 2), np.uint8)), ("y", np.array(y)))}


def test_classes_missing_from_a_part_are_named():
    check_labels("here", arrays([0, 1, 2], [2, 1, 0]))
    with pytest.raises(QuantModelError, match=r"here: y_test must hold every class from 0 to 3; it has no sample of class 1, 3$"):
        check_labels("here", arrays([0, 1, 2, 3], [2, 0]))
    with pytest.raises(QuantModelError, match=r"y_train must hold every class from 0 to 2; it has no sample of class two$"):
        check_labels("here", arrays([0, 1], [0, 1, 2]), ("zero", "one", "two"))
    with pytest.raises(QuantModelError, match="from 0 to 999; it has no sample of class 1, 2, 3, 4, 5 and 993 more"):
        check_labels("here", arrays([0, 999], [0, 999]))


def test_checked_keeps_names_and_scale():
    scale = ChannelScale(low=(0.0,), step=(1.0,))
    data = checked("mine", "here", arrays([0, 1], [1, 0]), ("no", "yes"), scale)
    assert (data.names, data.scale, data.shape, data.y_train.dtype) == (("no", "yes"), scale, (2, 2, 1), np.int64)


def test_the_scale_rounds_to_the_nearest_and_clips():
    scale = ChannelScale(low=(-1.0, 10.0), step=(0.5, 2.0))
    values = np.array([[[-1.0, 10.0], [0.2, 12.9]], [[-9.0, 1e9], [126.5, 520.0]]])
    assert scale.integers(values).tolist() == [[[0, 0], [2, 1]], [[0, 255], [255, 255]]]


def test_a_stratified_mask_holds_each_class_in_proportion():
    mask = stratified(np.repeat([0, 1, 2], [60, 30, 10]), 20, 1)
    assert [int(mask[:60].sum()), int(mask[60:90].sum()), int(mask[90:].sum())] == [12, 6, 2]


def test_what_proportions_leave_over_goes_to_the_largest_remainders():
    """Of 7, 2 and 11 samples 35, 10 and 55 hundredths of 9 are 3.15, 0.9 and 4.95."""
    labels = np.repeat([0, 1, 2], [7, 2, 11])
    mask = stratified(labels, 9, 1)
    assert [int(mask[labels == label].sum()) for label in range(3)] == [3, 1, 5]
