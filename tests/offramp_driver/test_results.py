"""Results as they are shown."""

import numpy as np

from offramp_driver import Result, Results


def test_they_tell_how_many_left_where() -> None:
    columns = np.array([3, 1, 2]), np.array([0, 2, 0]), np.array([9, 8, 7])
    results = Results(*columns, None)
    assert len(results) == 3
    assert repr(results) == "Results(3 images: 2 at exit 0, 1 at exit 2)"
    assert repr(Results(*(column[:0] for column in columns), None)) == "Results(0 images)"


def test_one_by_one_they_are_plain_numbers() -> None:
    columns = np.array([3, 1]), np.array([0, 2]), np.array([9, -8])
    found = list(Results(*columns, np.array([20, 70])))
    assert found == [Result(3, 0, 9, 20), Result(1, 2, -8, 70)]
    assert all(type(value) is int for result in found for value in result)
    assert [result.cycles for result in Results(*columns, None)] == [None, None]
