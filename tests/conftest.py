"""What all rooms' tests share: one core and one thread for each of several workers, and what is built once for all of them."""

import gc
import hashlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_timeout import _get_item_settings

import sim.tools.lock
from sim.tools.lock import locked

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

if WORKER.startswith("gw"):
    # Before numpy and torch are imported: with one core to itself, a worker's libraries, compilers and simulators use one thread.
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(WORKER.removeprefix("gw")) % len(_cores)]})

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background deaf to Ctrl-C, and so would be all that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Models of tests run for a second or two, and take many to compile.
os.environ.setdefault("OFFRAMP_OPTIMISE", "O0")

if TYPE_CHECKING:
    from build_flows.project.load import Project


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", type=int, default=1, metavar="N",
                     help="of the slow tests those of one file in N, others for every commit; all of them come in time")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Makes slow tests of most cases of functions marked ``many``, and leaves out the slow tests of files whose turn it is not, and those
    that are too long for any."""
    kept: set[str] = set()
    for item in items:
        marker = item.get_closest_marker("many")
        if marker is None or item.get_closest_marker("slow"):
            continue
        function = item.nodeid.partition("[")[0]
        if function in kept and not its_turn(item.nodeid, "", marker.args[0]):
            item.add_marker("slow")
        kept.add(function)
    shares = config.getoption("share")
    if shares > 1:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=config.rootpath, capture_output=True, text=True, check=False).stdout.strip()
        others = [item for item in items if item.get_closest_marker("slow")
                  and (item.get_closest_marker("long") or not its_turn(item.nodeid.split("::")[0], head, shares))]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def its_turn(file: str, turn: str, shares: int) -> bool:
    """Whether ``file`` (or another name) is in the share of ``turn``, say a commit: each is in one share of ``shares``."""
    first, second = (int(hashlib.sha256(text.encode()).hexdigest(), 16) for text in (file, turn))
    return first % shares == second % shares


def pytest_collection_finish() -> None:
    """What collecting has loaded (torch, FINN, thousands of tests) stays until the end: nobody needs to look for garbage in it again."""
    gc.collect()
    gc.freeze()
    # What a test makes is mostly trees of some ten thousand objects (a design, a graph), which are searched again and again as they grow.
    gc.set_threshold(20_000)


@pytest.fixture(scope="session")
def model_cache(pytestconfig) -> Path:
    """Where Verilated models are kept from one test run to the next; `make clean` removes it."""
    return Path(pytestconfig.rootpath) / "build" / "models"


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``once(name, make)``: the folder ``name`` that ``make(folder)`` filled, for all workers of this run; only one of them makes it."""

    def get(name: str, make: Callable[[Path], None]) -> Path:
        # The folder of the run, not of the worker.
        base = tmp_path_factory.getbasetemp()
        folder = (base.parent if WORKER else base) / f"once-{name}"
        with locked(folder.with_suffix(".lock")):
            if not (folder / ".made").exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                (folder / ".made").touch()
        return folder

    return get


@pytest.fixture(scope="session")
def tiny(once: Callable[[str, Callable[[Path], None]], Path], model_cache: Path) -> "Project":
    """One small project, sent through the real flow once, as it is after ``offramp simulate``; tests must not change it, nor run its steps:
    all workers share it."""
    # Here, since it loads torch.
    from build_flows.base.ui import SilentUi
    from build_flows.project.load import load
    from build_flows.steps import flow
    from tests.build_flows.projects import project

    def make(folder: Path) -> None:
        flow.simulate(project(folder, model_cache), SilentUi(), samples=40)

    return load(once("tiny", make) / "config.toml")


@pytest.fixture
def no_collection() -> Iterator[None]:
    """For a test that a signal's handler raises in: it would raise inside a finaliser, if one just ran for what other tests left, and be
    lost there; pytest then fails this test for it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Waiting for what another worker builds does not count against a test's time limit."""
    hooks, limits = item.config.pluginmanager.hook, _get_item_settings(item)

    @contextmanager
    def waiting() -> Iterator[None]:
        # Signals, which the limit is kept with, are the main thread's.
        limited = bool(limits.timeout) and threading.current_thread() is threading.main_thread()
        if limited:
            hooks.pytest_timeout_cancel_timer(item=item)
        try:
            yield
        finally:
            if limited:
                hooks.pytest_timeout_set_timer(item=item, settings=limits)

    before, sim.tools.lock.waiting = sim.tools.lock.waiting, waiting
    try:
        return (yield)
    finally:
        sim.tools.lock.waiting = before
