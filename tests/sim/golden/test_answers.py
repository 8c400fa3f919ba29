"""What every exit says, whoever left before."""

import numpy as np
import pytest

from sim.golden import Exit, GoldenError, answers, decide

RUNS = {"id_bits": 8, "run_bits": 3}
EXITS = [Exit(index=0, policy="max_logit", threshold=9), Exit(index=1, policy="patience", threshold=2, params={**RUNS, "first": True}),
         Exit(index=2, policy="patience", threshold=2, params=RUNS), Exit(index=3, policy="always", threshold=0)]
LOGITS = [np.array([[5, 9], [9, 9], [1, 2]]), np.array([[0, 1], [8, 7], [3, 4]]), np.array([[0, 1], [7, 8], [3, 4]]),
          np.array([[1, 0], [2, 2], [-5, -4]])]


def test_every_exit_answers_with_its_own_score():
    found = answers(LOGITS, EXITS)
    assert found.label.tolist() == [[1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]]
    assert found.confidence.tolist() == [[9, 1, 2, 1], [9, 1, 1, 2], [2, 1, 2, -4]]


def test_the_last_answer_is_the_decision():
    found, taken = answers(LOGITS, EXITS), decide(LOGITS, EXITS)
    rows = np.arange(3)
    assert set(taken.exit.tolist()) == {0, 2}
    assert (found.label[rows, taken.exit] == taken.label).all()
    assert (found.confidence[rows, taken.exit] == taken.confidence).all()


def test_exits_that_do_not_fit_are_refused():
    with pytest.raises(GoldenError, match="logits must be one array per exit, not 4 for 3 exits"):
        answers(LOGITS, EXITS[:3])
