"""Cores of processes: all of them are given away, and none twice while there are enough."""

import os
from types import SimpleNamespace

import pytest

from build_flows.explore.worker_cores import WorkerCores, share


@pytest.mark.parametrize(("count", "shares"), [
    (1, [{2, 3, 5, 7}]), (2, [{2, 5}, {3, 7}]), (3, [{2, 7}, {3}, {5}]), (6, [{2}, {3}, {5}, {7}, {2}, {3}]),
])
def test_cores_are_shared_out(count, shares):
    assert [share((2, 3, 5, 7), count, number) for number in range(count)] == shares


def test_a_process_is_given_those_of_its_number(monkeypatch):
    given = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cores: given.append((process, cores)))
    WorkerCores([4, 6], 2).setup(SimpleNamespace(name=1))
    assert given == [(0, {6})]
