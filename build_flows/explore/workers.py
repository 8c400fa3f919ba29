"""Work for many processes: those of this machine, or of a Dask cluster.

Dask (``distributed``) hands tasks out; a task is a pure function of what it is given, and its result is told as it arrives. Nothing that a
scheduler knows is trusted: what was not told is handed out again, to a scheduler that lost its workers too.
"""

import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.base.ui import Ui
from build_flows.explore.store import key_of
from build_flows.steps.engine import version
from build_flows.steps.sources import ROOMS

__all__ = ["Started", "Task", "Workers", "fingerprint", "workers"]

Task = tuple[Callable[..., Any], Any]
"""A function of a module of ours, which is called with what all tasks share and with the other one, both picklable."""

TRIES = 20
"""Times that a task is handed out whose worker died, before it counts as the task's fault."""

SAME = "install the same offramp, from the same requirements.lock, on all machines"

PATIENCE = "60s"
"""How long a scheduler may take to answer."""


RETURN, RESTART = 300, 60
"""Seconds in which a worker must come back where all are lost: one of a cluster, and one of this machine, after which they are begun
anew, for as long as those of a cluster are waited for."""

LOOK = 10
"""Seconds without a result after which it is looked whether any worker is left."""


class _Gone(Exception):
    """No worker is left, and none came back."""


class Workers:
    """Processes that work. ``count`` is how many there were at the beginning; ``again`` begins them anew, and gives their client (None:
    they are not ours to begin)."""

    def __init__(self, client: Any, count: int, again: Callable[[], Any] | None = None) -> None:
        self._client, self.count, self._again = client, count, again
        self._patience = RETURN if again is None else RESTART

    def run(self, tasks: Mapping[str, Task], shared: Any) -> Iterator[tuple[str, Any]]:
        """Key and result of every task, each called with what is ``shared``, in the order in which they are done; a task's own error is
        raised. Those that a worker took with it are handed out again. Raises :class:`OfframpError` when the scheduler is lost, or all
        workers of a cluster."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        left, tries = dict(tasks), dict.fromkeys(tasks, 0)
        # To a scheduler one key is one task: without a word of its own a run would be given what another one made, or another exploration.
        own_run = uuid4().hex
        own: Exception | None = None
        starts = 0
        while left:
            try:
                held = self._shared(shared)
                futures = {self._client.submit(function, held, asked, key=f"{key}-{own_run}-{tries[key]}", pure=False): key
                           for key, (function, asked) in left.items()}
                for future in self._done(futures):
                    key = futures[future]
                    try:
                        result = future.result()
                    except (KilledWorker, CancelledError) as error:
                        tries[key] += 1
                        if tries[key] >= TRIES:
                            raise OfframpError(f"every worker that was given {key} died ({error})") from error
                        continue
                    except Exception as error:
                        own = error if future.status == "error" else None
                        raise
                    del left[key]
                    starts = 0
                    yield key, result
            except _Gone as error:
                starts += 1
                client = self._begun_anew() if starts <= TRIES else None
                if client is None:
                    raise OfframpError(f"all workers are lost, and none came back in {RETURN} s",
                                       hint="the same command goes on with what is left") from error
                self._client = client
            except (CommClosedError, OSError, TimeoutError) as error:
                if error is own:
                    raise
                raise OfframpError(f"the scheduler is lost ({error})", hint="the same command goes on with what is left") from error

    def _begun_anew(self) -> Any:
        """The client of new processes, for Dask gives up one that dies again and again as it starts; None where they are not ours, or die
        so too for :data:`RETURN` seconds."""
        end = time.monotonic() + RETURN
        while self._again is not None and time.monotonic() < end:
            try:
                return self._again()
            except (RuntimeError, OSError):
                time.sleep(1)
        return None

    def _shared(self, shared: Any) -> Any:
        """What tasks share, where workers are, once one is there."""
        try:
            return self._client.scatter(shared, broadcast=True, hash=False, timeout=self._patience)
        except TimeoutError as error:
            raise _Gone from error

    def _done(self, futures: Iterable[Any]) -> Iterator[Any]:
        """``futures`` as they end. Without workers they would be waited for for ever."""
        from distributed import as_completed

        left, gone = set(futures), None
        while left:
            try:
                for future in as_completed(list(left), timeout=LOOK):
                    left.discard(future)
                    yield future
            except TimeoutError:
                if self._client.scheduler_info(n_workers=-1)["workers"]:
                    gone = None
                    continue
                gone = time.monotonic() if gone is None else gone
                if time.monotonic() - gone >= self._patience:
                    raise _Gone from None

    def everywhere(self, task: Callable[[], Any]) -> dict[str, Any]:
        """What every worker makes of ``task``, by its address."""
        found: dict[str, Any] = self._client.run(task)
        return found


class Started:
    """Processes that are started when they are needed, and end with ``stack``."""

    def __init__(self, stack: ExitStack, make: Callable[[], AbstractContextManager[Workers]]) -> None:
        self._stack, self._make = stack, make
        self._found: Workers | None = None

    def __call__(self) -> Workers:
        if self._found is None:
            self._found = self._stack.enter_context(self._make())
        return self._found

    @property
    def count(self) -> int:
        """How many there are; those of this machine's processors where none was needed."""
        return self._found.count if self._found else os.cpu_count() or 1


@contextmanager
def workers(ui: Ui, scheduler: str | None, count: int | None) -> Iterator[Workers]:
    """``count`` processes of this machine (None: one for each processor), or the workers of the Dask ``scheduler`` (``tcp://host:port``),
    whose code and tools must be those of here: raises :class:`OfframpError` naming the worker that differs, and for a scheduler that does
    not answer."""
    import dask
    from distributed import Client, LocalCluster

    from build_flows.explore.worker_cores import WorkerCores

    if scheduler is None:
        wanted, before = count or os.cpu_count() or 1, "distributed.nanny.pre-spawn-environ"
        # What other packages warn of is not for the user to mend, nor is it of components that are only asked for their size.
        environment = {**(dask.config.get(before, None) or {}), "PYTHONWARNINGS": "ignore"}
        with ExitStack() as stack:

            def start() -> Any:
                stack.close()
                stack.enter_context(dask.config.set({before: environment}))
                # One task each at a time. No port is open to other machines, and none is one that another exploration may have.
                cluster = stack.enter_context(LocalCluster(
                    n_workers=wanted, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50,
                    scheduler_port=0, host="127.0.0.1",
                ))
                client = stack.enter_context(Client(cluster))
                client.register_plugin(WorkerCores(sorted(os.sched_getaffinity(0)), wanted))
                return client

            yield Workers(start(), wanted, start)
        return
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:  # a RuntimeError where encryption is required
        raise OfframpError(f"--scheduler {scheduler}: {error}", hint="dask scheduler starts one, dask worker ADDRESS joins it") from error
    with client:
        found = Workers(client, len(client.scheduler_info(n_workers=-1)["workers"]))
        if not found.count:
            raise OfframpError(f"--scheduler {scheduler}: it has no workers", hint=f"dask worker {scheduler} --nthreads 1 joins it")
        own = fingerprint()
        try:
            everyone = found.everywhere(fingerprint)
        except (ImportError, AttributeError) as error:
            raise OfframpError(f"--scheduler {scheduler}: a worker has no offramp of this kind ({error})", hint=SAME) from error
        for address, theirs in everyone.items():
            for name in sorted(own.keys() | theirs.keys()):
                if own.get(name) != theirs.get(name):
                    raise OfframpError(
                        f"worker {address} has {name} {theirs.get(name, 'not at all')}, and this machine {own.get(name, 'not at all')}",
                        hint=SAME,
                    )
        ui.info(f"{found.count} workers at {scheduler}")
        yield found


def fingerprint() -> dict[str, str]:
    """What results depend on beside what a task is given: a hash of all files of our rooms, and versions of the packages that offramp
    declares, by name. A task runs steps, any of them, so no less will do."""
    root = Path(__file__).resolve().parents[2]
    files = [file for room in ROOMS for file in sorted((root / room).rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
    code = {file.relative_to(root).as_posix(): hash_path(file) for file in files}
    found = {"offramp's code": key_of(code), "Python": platform.python_version()}
    for text in metadata.requires("offramp") or ():
        if "extra ==" not in text:
            name = re.split(r"[^\w.-]", text)[0]
            with suppress(OfframpError):  # what is not there is told by whoever compares
                # Builds of torch for other processors (2.13.0+cpu) are of one version.
                found[name] = version(name).partition("+")[0]
    return found
