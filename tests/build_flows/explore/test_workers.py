"""Processes that work: what they are given comes back, whoever dies meanwhile."""

import os
import time
import warnings
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.ui import SilentUi
from build_flows.explore import workers as module
from build_flows.explore.workers import Started, Workers, fingerprint, workers
from sim.tools.jobs import cores
from tests.build_flows.uis import Listening


def add(shared, own):
    time.sleep(0.05)
    return shared + own


def die_once(shared, mark):
    """Takes its worker with it, but the first time only."""
    if not os.path.exists(mark):
        with open(mark, "w"):
            pass
        os._exit(9)
    return f"after a death, {shared}"


def full(shared, own):
    raise OSError(f"no space left for {own}")


def allowed():
    """The cores of a process."""
    return os.sched_getaffinity(0)


def task_cores(shared, own):
    """How many a task has."""
    return cores()


def warned():
    """How many times a warning is told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.warn_explicit("never built", UserWarning, "hw/layers/credits.py", 1, registry={})
    return len(told)


@pytest.mark.slow
def test_two_processes_work_though_both_die(tmp_path):
    with workers(SilentUi(), None, 2) as found:
        assert found.count == 2
        tasks = {f"add {k}": (add, k) for k in range(6)} | {f"die {k}": (die_once, str(tmp_path / f"mark {k}")) for k in range(2)}
        results = dict(found.run(tasks, 100))
        assert results == {f"add {k}": 100 + k for k in range(6)} | {f"die {k}": "after a death, 100" for k in range(2)}
        assert dict(found.run({"add 1": (add, 5)}, 1)) == {"add 1": 6}, "a key may come again, with something else"
        with pytest.raises(OSError, match="no space left for b"):
            list(found.run({"a": (full, "b")}, None))
        assert len(set(found.everywhere(os.getpid).values()) - {os.getpid()}) in (1, 2)
        assert {len(mine) for mine in found.everywhere(allowed).values()} == {max(1, len(os.sched_getaffinity(0)) // 2)}
        assert dict(found.run({"a": (task_cores, None)}, None))["a"] == max(1, len(os.sched_getaffinity(0)) // 2)
        assert set(found.everywhere(warned).values()) == {0}, "what is not for the user is told, after a death too"


class Future:
    """A task that is done, or not."""

    def __init__(self, key, outcome):
        self.key, self.outcome = key, outcome
        self.status = "error" if isinstance(outcome, Exception) else "finished"

    def result(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Client:
    """A scheduler whose tasks end as ``script`` says, one list of outcomes a key."""

    def __init__(self, script=None, info=None, lost=None):
        self.script, self.submitted, self.info, self.lost = script or {}, [], info, lost

    def scatter(self, shared, broadcast, hash, timeout=30):
        self.waited = timeout
        if self.lost is not None:
            raise self.lost
        return shared

    def submit(self, function, held, own, key, pure):
        self.submitted.append(key)
        name = key.rsplit("-", 2)[0]
        outcomes = self.script[name]
        return Future(key, outcomes.pop(0) if len(outcomes) > 1 else outcomes[0])

    def run(self, task):
        if self.lost is not None:
            raise self.lost
        return self.info

    def scheduler_info(self, n_workers=5):
        return {"workers": dict(list(self.info.items())[: None if n_workers < 0 else n_workers])}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


@pytest.fixture(autouse=True)
def completed(monkeypatch):
    import distributed

    monkeypatch.setattr(distributed, "as_completed", lambda futures, timeout: list(futures))


def test_what_a_worker_took_with_it_is_handed_out_again_under_another_key():
    from distributed import CancelledError, KilledWorker

    killed = KilledWorker.__new__(KilledWorker)
    client = Client({"a": [killed, CancelledError("a"), 7], "b": [1]})
    assert list(Workers(client, 2).run({"a": (add, 1), "b": (add, 2)}, 0)) == [("b", 1), ("a", 7)]
    assert [(key[0], key.rpartition("-")[2]) for key in client.submitted] == [("a", "0"), ("b", "0"), ("a", "1"), ("a", "2")]


def test_no_run_is_given_what_another_one_made():
    """Of two explorations at one scheduler designs may have one name: to it one key is one task."""
    keys = []
    for _ in range(2):
        client = Client({"a": [1]})
        assert list(Workers(client, 2).run({"a": (add, 1)}, 0)) == [("a", 1)]
        keys += client.submitted
    assert len(set(keys)) == 2


def test_a_task_that_kills_every_worker_is_told():
    from distributed import CancelledError

    client = Client({"a": [CancelledError("a")]})
    with pytest.raises(OfframpError, match="every worker that was given a died"):
        list(Workers(client, 2).run({"a": (add, 1)}, 0))
    assert len(client.submitted) == module.TRIES


def test_a_scheduler_that_is_lost_is_told_and_a_tasks_own_error_is_no_such_thing():
    with pytest.raises(OfframpError, match="the scheduler is lost") as caught:
        list(Workers(Client(lost=OSError("timed out")), 2).run({"a": (add, 1)}, 0))
    assert "goes on" in caught.value.hint
    with pytest.raises(OSError, match="disk full"):
        list(Workers(Client({"a": [OSError("disk full")]}), 2).run({"a": (add, 1)}, 0))
    with pytest.raises(ZeroDivisionError):
        list(Workers(Client({"a": [ZeroDivisionError()]}), 2).run({"a": (add, 1)}, 0))


def test_workers_that_are_all_lost_are_waited_for():
    """A scheduler waits for half a minute; on a busy machine a process took longer to come back."""
    client = Client({"a": [1]})
    assert list(Workers(client, 2).run({"a": (add, 1)}, 0)) == [("a", 1)]
    assert client.waited == module.RETURN >= 120
    with pytest.raises(OfframpError, match="all workers are lost, and none came back in 300 s") as caught:
        list(Workers(Client(lost=TimeoutError("No valid workers found")), 2).run({"a": (add, 1)}, 0))
    assert "goes on" in caught.value.hint


def test_processes_of_this_machine_that_do_not_come_back_are_begun_anew(monkeypatch):
    begun, failed, now = [], [], [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda more: now.__setitem__(0, now[0] + more)))

    def again():
        failed.append(len(begun) == 1 and len(failed) < 3)
        if failed[-1]:
            raise RuntimeError("Nanny failed to start")
        begun.append(Client({"a": [1], "b": [2]}) if len(begun) == 2 else Client(lost=TimeoutError("No valid workers found")))
        return begun[-1]

    found = Workers(again(), 2, again)
    assert dict(found.run({"a": (add, 1), "b": (add, 2)}, 0)) == {"a": 1, "b": 2}
    assert [client.waited for client in begun] == [module.RESTART] * 3
    assert sum(failed) == 2, "those that died as they started"
    with pytest.raises(OfframpError, match="all workers are lost, and none came back in 300 s"):
        list(Workers(again(), 2, lambda: Client(lost=TimeoutError())).run({"a": (add, 1)}, 0))


def test_processes_that_die_as_they_start_end_it_in_the_end(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda more: now.__setitem__(0, now[0] + more)))

    def again():
        raise RuntimeError("Nanny failed to start")

    with pytest.raises(OfframpError, match="all workers are lost, and none came back in 300 s"):
        list(Workers(Client(lost=TimeoutError()), 2, again).run({"a": (add, 1)}, 0))
    assert now[0] >= module.RETURN


def test_tasks_that_no_worker_is_left_for_are_not_waited_for_for_ever(monkeypatch):
    import distributed

    silent, asked, now = [True], [], iter(range(0, 2000, module.LOOK))

    def completed(futures, timeout):
        assert timeout == module.LOOK
        if silent[0]:
            raise TimeoutError
        return list(futures)

    class Slow(Client):
        def scheduler_info(self, n_workers):
            asked.append(n_workers)
            silent[0] = len(asked) < 3
            return {"workers": {"tcp://a:1": {}}}

    def again():
        silent[0] = False
        return Client({"a": [2]})

    monkeypatch.setattr(distributed, "as_completed", completed)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(now)))
    assert list(Workers(Slow({"a": [1]}), 1).run({"a": (add, 1)}, 0)) == [("a", 1)], "one that works on it is waited for"
    assert len(asked) == 3
    silent[0] = True
    with pytest.raises(OfframpError, match="all workers are lost"):
        list(Workers(Client({"a": [1]}, info={}), 1).run({"a": (add, 1)}, 0))
    assert list(Workers(Client({"a": [1]}, info={}), 1, again).run({"a": (add, 1)}, 0)) == [("a", 2)]


def client_with(monkeypatch, info, lost=None):
    import distributed

    monkeypatch.setattr(distributed, "Client", lambda address, timeout: Client(info=info, lost=lost))


def test_a_worker_that_differs_is_named_with_what_differs(monkeypatch):
    own = fingerprint()
    client_with(monkeypatch, {"tcp://a:1": own, "tcp://b:2": own})
    ui = Listening()
    with workers(ui, "tcp://host:8786", None) as found:
        assert found.count == 2
    assert ui.said == ["2 workers at tcp://host:8786"]
    client_with(monkeypatch, {"tcp://a:1": own, "tcp://b:2": {**own, "numpy": "1.0"}})
    with pytest.raises(OfframpError, match=rf"worker tcp://b:2 has numpy 1\.0, and this machine {own['numpy']}"), \
            workers(ui, "tcp://host:8786", None):
        pass
    client_with(monkeypatch, {"tcp://a:1": {key: value for key, value in own.items() if key != "verilator"}})
    with pytest.raises(OfframpError, match="worker tcp://a:1 has verilator not at all"), workers(ui, "tcp://host:8786", None):
        pass


def test_all_workers_are_counted_and_one_without_offramp_is_told(monkeypatch):
    own = fingerprint()
    client_with(monkeypatch, {f"tcp://a:{k}": own for k in range(12)})
    with workers(SilentUi(), "tcp://host:8786", None) as found:
        assert found.count == 12
    client_with(monkeypatch, {"tcp://a:1": own}, lost=ModuleNotFoundError("No module named 'build_flows'"))
    with pytest.raises(OfframpError, match="a worker has no offramp of this kind") as caught, workers(SilentUi(), "tcp://host:8786", None):
        pass
    assert "requirements.lock" in caught.value.hint


def test_a_scheduler_without_workers_or_none_at_all(monkeypatch):
    import distributed

    client_with(monkeypatch, {})
    with pytest.raises(OfframpError, match="--scheduler tcp://host:8786: it has no workers") as caught, \
            workers(SilentUi(), "tcp://host:8786", None):
        pass
    assert "dask worker tcp://host:8786" in caught.value.hint

    def refused(address, timeout):
        raise OSError("timed out after 60 s")

    monkeypatch.setattr(distributed, "Client", refused)
    with pytest.raises(OfframpError, match="--scheduler tcp://gone:1: timed out"), workers(SilentUi(), "tcp://gone:1", None):
        pass


def test_a_fingerprint_is_of_all_our_code_and_of_what_it_needs(monkeypatch):
    before = fingerprint()
    assert {"offramp's code", "Python", "numpy", "torch", "verilator", "finn-plus", "pyosys"} <= before.keys()
    assert all(before.values())
    assert fingerprint() == before
    hashed = module.hash_path
    for file in ("build_flows/explore/decisions.py", "build_flows/planning/designs.py", "build_flows/steps/simulate.py",
                 "build_flows/steps/flow.py", "quant_models/exits/calibrate.py", "hw/accelerator.py", "sim/golden/__init__.py"):
        monkeypatch.setattr(module, "hash_path", lambda path, file=file: "other" if path.as_posix().endswith(f"/{file}") else hashed(path))
        found = fingerprint()
        assert [name for name in before if found[name] != before[name]] == ["offramp's code"], file


def test_processes_are_started_once_and_when_they_are_needed():
    begun = []

    @contextmanager
    def make():
        begun.append("begun")
        yield Workers(None, 3)
        begun.append("ended")

    with ExitStack() as stack:
        started = Started(stack, make)
        assert (started.count, begun) == (os.cpu_count(), [])
        assert started() is started()
        assert (started.count, begun) == (3, ["begun"])
    assert begun == ["begun", "ended"]
