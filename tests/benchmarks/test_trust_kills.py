"""What comes after a kill is judged by exit code, results and what is left over."""

from itertools import islice

import pytest

from benchmarks.trust_fork import KILLED, Told
from benchmarks.trust_kills import SCENARIOS, outcome, turns
from build_flows.cli.main import cli

DEAD, FINE, FAILED = Told(KILLED, "", "", 0), Told(0, "", "", 0), Told(1, "", "offramp: in use\n", 0)


@pytest.mark.parametrize(("told", "again", "differing", "left", "found"), [
    (DEAD, FINE, [], [], "equal"),
    (FINE, FINE, [], [], "too late"),
    (FAILED, FINE, [], [], "fails by itself: exit code 1"),
    (DEAD, DEAD, [], [], "the next run does not end"),
    (DEAD, FAILED, [], [], "the next run fails"),
    (DEAD, Told(1, "", "Traceback\n", 0), [], [], "the next run ends in a traceback"),
    (DEAD, FINE, ["sim.json"], [], "results differ: sim.json"),
    (DEAD, FINE, [], ["train.work"], "left over: train.work"),
])
def test_outcomes(told: Told, again: Told, differing: list[str], left: list[str], found: str) -> None:
    assert outcome(told, again, differing, left) == found


def test_every_command_that_works_long_is_killed_and_those_that_have_caches_cold_too() -> None:
    killed = {item.args[0] for item in SCENARIOS}
    assert {"train", "compile", "simulate", "synth", "compare", "cosim"} <= killed <= set(cli.commands)
    assert {item.args[0] for item in SCENARIOS if item.cold} == {"compile", "simulate", "synth", "cosim"}


def test_short_runs_come_more_often_and_a_later_start_goes_on_in_the_same_order() -> None:
    lasts = {"train": 1.0, "synth": 4.0, "compare": 16.0}
    found = list(islice(turns(lasts), 70))
    assert [found.count(name) for name in lasts] == [40, 20, 10]
    assert list(islice(turns(lasts, 33), 37)) == found[33:]
