"""Which processor cores each process of this machine has."""

import os
from collections.abc import Sequence

from distributed import Worker, WorkerPlugin

__all__ = ["WorkerCores", "share"]


class WorkerCores(WorkerPlugin):
    """Gives each of ``count`` processes its share of ``cores``: what a task starts there (compilers, Yosys, simulations) takes as many of
    these as it may use. Dask calls it in processes that replace others, too."""

    def __init__(self, cores: Sequence[int], count: int) -> None:
        self.cores, self.count = tuple(cores), count

    def setup(self, worker: Worker) -> None:
        """Called in the process of ``worker``, whose name is its number."""
        os.sched_setaffinity(0, share(self.cores, self.count, int(worker.name)))


def share(cores: Sequence[int], count: int, number: int) -> set[int]:
    """Of ``cores`` those of process ``number`` (from 0) of ``count``; where there are more processes than cores, some have the same."""
    return set(cores[number % count :: count]) or {cores[number % len(cores)]}
