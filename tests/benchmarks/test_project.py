"""How a run of hard samples is told."""

import numpy as np

from benchmarks.project import HardRun, passed


def test_a_run_in_words() -> None:
    run = HardRun(0.25, 1308.44, 0.253, 3999, 4000)
    assert run.describe() == "1308.4 cycles a sample (25.3 % hard, 3,999 of 4,000 agree)"


def test_each_exit_lets_its_share_on() -> None:
    draws = (np.arange(10_000) + 0.5) / 10_000
    assert [float((passed(draws, [0.4, 0.375]) >= k).mean()) for k in (0, 1, 2, 3)] == [1, 0.4, 0.15, 0]
    assert (passed(draws, [0.25]) == (draws < 0.25)).all()
