"""Results as they are shown."""

import numpy as np

from offramp_driver import Results


def test_they_tell_how_many_left_where() -> None:
    columns = np.array([3, 1, 2]), np.array([0, 2, 0]), np.array([9, 8, 7])
    results = Results(*columns, None)
    assert len(results) == 3
    assert repr(results) == "Results(3 images: 2 at exit 0, 1 at exit 2)"
    assert repr(Results(*(column[:0] for column in columns), None)) == "Results(0 images)"
