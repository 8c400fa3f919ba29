"""A decision is right if some rule in force gives it, and no later image needs an older rule."""

import numpy as np
import pytest

from sim.accelerator.in_force import Rules
from sim.accelerator.rulings import Pool, wrong_decisions
from tests import toy

BEFORE, AFTER = 500, 2000
EASY = np.full((4, 4, 4, 3), 250, np.uint8)


def judged(exits, windows, versions, netlist=None):
    """What is found of images that leave at ``exits``, each inside in its window of cycles; all would leave with a threshold of 500."""
    netlist = netlist or toy.build(None, exits=2)
    pool = Pool(netlist, toy.logits(EASY, netlist), {})
    rules = Rules([-1], [0], [versions[0][1]])
    for cycle, thresholds, mode in versions[1:]:
        rules.change(cycle, mode, thresholds)
    first, last = np.array(windows, np.int64).T
    count = len(exits)
    return wrong_decisions(pool, [rules, Rules([-1], [0], [(0,)])], np.arange(count) % 4, np.array(exits), first, last)


def test_one_rule_alone_must_give_what_came():
    found = judged([0, 1], [(0, 9), (20, 29)], [(-1, (BEFORE,)), (10, (AFTER,), 0)])
    assert (found.decisions, found.exact, found.wrong) == (2, 2, [])
    assert judged([1, 0], [(0, 9), (20, 29)], [(-1, (BEFORE,)), (10, (AFTER,), 0)]).wrong == [(0, 0), (1, 0)]


@pytest.mark.parametrize(("exits", "wrong"), [([0, 0, 0], []), ([0, 0, 1], []), ([1, 1, 1], []), ([1, 0, 1], [(1, 0)])])
def test_after_one_was_decided_by_the_new_rule_none_is_by_the_old_one(exits, wrong):
    found = judged(exits, [(0, 20), (1, 25), (2, 30)], [(-1, (BEFORE,)), (10, (AFTER,), 0)])
    assert (found.exact, found.wrong) == (0, wrong)


def test_modes_overrule():
    versions = [(-1, (AFTER,)), (10, (AFTER,), 1), (20, (BEFORE,), 2)]
    assert judged([1, 0, 1], [(0, 9), (10, 19), (20, 29)], versions).wrong == []
    assert judged([0, 1, 0], [(0, 9), (10, 19), (20, 29)], versions).wrong == [(0, 0), (1, 0), (2, 0)]


def test_the_threshold_of_a_class_may_be_of_a_later_rule_than_the_mode():
    params = {"score": "max_logit", "score_params": {}, "thresholds": [AFTER] * 3}
    netlist = toy.build(None, exits=2, policies=("class_threshold",), params=(params,), thresholds=(0,))
    none, all_ = (AFTER,) * 3, (BEFORE,) * 3
    assert judged([0], [(0, 20)], [(-1, none), (10, all_, 2)], netlist).wrong == []
    assert judged([0], [(0, 20)], [(-1, all_), (5, none, 2), (10, none, 0)], netlist).wrong == []
    assert judged([0], [(6, 20)], [(-1, all_), (5, none, 2), (10, none, 0)], netlist).wrong == [(0, 0)]
    # The winning class is the first one, whatever the others have.
    assert judged([0], [(20, 29)], [(-1, none), (10, (BEFORE, AFTER, AFTER), 0)], netlist).wrong == []
