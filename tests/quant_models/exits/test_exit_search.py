"""What is given for a wrong answer: small cases in which the best cuts can be seen."""

import numpy as np
import pytest

from quant_models.exits.exit_search import Ranked, by_loss


def ranked(surest, right, samples=10):
    """An exit that is as sure of the samples ``surest`` as it ever is, and right about those of ``right`` alone."""
    index = np.arange(samples)
    return Ranked(np.where(np.isin(index, surest), 5, 0), np.isin(index, right), True, np.zeros(samples, np.int64), 1)


@pytest.mark.parametrize(("first", "second", "wanted"), [
    # Three samples that leave at the first exit spare two stages each, four at the second one each.
    (([0, 1, 2], [0, 1]), ([3, 4, 5, 6], [3, 4, 5]), ([5], [6])),
    # Of one at the first and four at the second the latter spare more.
    (([0], []), ([3, 4, 5, 6], [3, 4, 5]), ([6], [5])),
])
def test_one_wrong_answer_is_spent_where_it_spares_most_stages(first, second, wanted):
    exits = [ranked(*first), ranked(*second)]
    last_right = np.ones(10, bool)
    cuts = by_loss(exits, last_right, 0.1)
    assert [item.tolist() for item in cuts] == [*wanted]
    present, lost = last_right.copy(), 0
    for item, cut in zip(exits, cuts, strict=True):
        leave = present & item.leaves(cut)
        lost += int((leave & ~item.right).sum())
        present &= ~leave
    assert lost == 1
