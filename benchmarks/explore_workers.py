"""Explorations whose workers are many, pinned, or killed: rows of ``docs/explore.md``."""

import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.figures import SEED, Figures
from build_flows.base.ui import SilentUi
from build_flows.explore.evaluate import Known, Request, Source, evaluate
from build_flows.explore.predict import Goal
from build_flows.explore.store import Store
from build_flows.explore.workers import Started, Workers, workers

__all__ = ["kill_figures", "pair_figures"]

KILLS = 50
SPEEDUP = 1.8
APART = (0.3, 1.5)
"""Seconds from one kill to the next, at random in between."""


def pair_figures(figures: Figures, requests: Sequence[Request], sources: Sequence[Source], goal: Goal) -> None:
    """Two workers, each on a core of its own, against one on one core: the same requests, nothing known before."""
    seconds = {}
    for count in (1, 2):
        with _running(count) as started:
            _pin(started())
            seconds[count] = _predicted(requests, sources, goal, started)[1]
    ratio = seconds[1] / seconds[2]
    figures.add("two workers of one core each against one on one core", f"at least {SPEEDUP} times as fast",
                f"{ratio:.2f} times ({seconds[1]:.0f} s and {seconds[2]:.0f} s for {len(requests)} tasks)", ratio >= SPEEDUP,
                "`python -m benchmarks.explore workers`; starting the processes not counted")


def kill_figures(figures: Figures, requests: Sequence[Request], sources: Sequence[Source], goal: Goal) -> None:
    """The same designs whether workers are killed at random moments or not."""
    with _running(2) as started:
        whole, _ = _predicted(requests, sources, goal, started)
    kills = runs = equal = 0
    while kills < KILLS:
        with _running(2) as started:
            started()
            with _killing(random.Random(SEED + runs), KILLS - kills) as killed:
                done, _ = _predicted(requests, sources, goal, started)
        kills, runs, equal = kills + len(killed), runs + 1, equal + (done.designs == whole.designs)
    figures.add("workers killed at random moments", f"{KILLS} kills, the same designs, nothing lost",
                f"{kills} kills in {runs} runs, {equal} of these with the same designs", equal == runs,
                f"`python -m benchmarks.explore kills`; {len(requests)} tasks a run, two workers")


@contextmanager
def _running(count: int) -> Iterator[Started]:
    with ExitStack() as stack:
        yield Started(stack, lambda: workers(SilentUi(), None, count))


def _predicted(requests: Sequence[Request], sources: Sequence[Source], goal: Goal, started: Callable[[], Workers]) -> tuple[Known, float]:
    known = Known()
    with tempfile.TemporaryDirectory() as folder, SilentUi().progress("") as bar:
        started()
        begun = time.monotonic()
        evaluate(requests, sources, goal, Store(Path(folder)), "", started, known, bar, lambda: False)
        return known, time.monotonic() - begun


def _pin(found: Workers) -> None:
    """Each process to a core of its own."""
    pids = sorted(found.everywhere(os.getpid).values())
    for core, pid in enumerate(pids):
        psutil.Process(pid).cpu_affinity([core])


@contextmanager
def _killing(draw: random.Random, most: int) -> Iterator[list[int]]:
    """Meanwhile a worker is killed at random moments, ``most`` at most; gives the list of those that were."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while len(killed) < most and not over.wait(draw.uniform(*APART)):
            found = [child.pid for child in psutil.Process().children(recursive=True) if _works(child)]
            if found:
                pid = draw.choice(sorted(found))
                psutil.Process(pid).kill()
                killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _works(child: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(child.cmdline()) and child.cpu_times().user > 0.5
    except psutil.Error:
        return False
