"""How a run of hard samples is told."""

from benchmarks.project import HardRun


def test_a_run_in_words() -> None:
    run = HardRun(0.25, 1308.44, 0.253, 3999, 4000)
    assert run.describe() == "1308.4 cycles a sample (25.3 % hard, 3,999 of 4,000 agree)"
