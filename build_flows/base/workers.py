"""Functions called in Python processes of their own, one a core: what takes long in Python, and shares nothing.

The processes are fresh interpreters, not copies of this one, whose threads and locks they know nothing of; nor do they load the program
that was started, as those of :mod:`multiprocessing` do, so that it needs no guard.
"""

import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from build_flows.base.garbage import rare_collection
from sim.tools.children import Child, run_children
from sim.tools.jobs import cores

__all__ = ["call_all", "main"]

Found = TypeVar("Found")

_PROGRAM = "from build_flows.base.workers import main; main()"


def call_all(calls: Sequence[Callable[[], Found]], *, jobs: int | None = None) -> list[Found]:
    """What ``calls`` return, in their order, ``jobs`` of them at a time (None: one a core).

    Calls and what they return are pickled; a call may depend on nothing but itself. With one at a time they are made in this process. What
    a call raises is raised here, of several the first in their order, when all are made.
    """
    jobs = min(len(calls), jobs or cores())
    if jobs <= 1:
        return [call() for call in calls]
    with tempfile.TemporaryDirectory(prefix="offramp-calls-") as name:
        folder = Path(name)
        for number, call in enumerate(calls):
            _call(folder, number).write_bytes(pickle.dumps(call))
        search = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        child = Child(command=[sys.executable, "-c", _PROGRAM], given=name, env=search)
        run_children([child] * jobs, lambda number, line: None)
        found: list[Found] = []
        for number in range(len(calls)):
            well, what = pickle.loads(_found(folder, number).read_bytes())
            if not well:
                raise what
            found.append(what)
        return found


def main() -> None:
    """Make calls of the folder named on standard input as long as there are any that nobody else has taken."""
    folder = Path(sys.stdin.read())
    # What takes longest should not be the last; what is given is a hint at how long it takes.
    waiting = sorted(folder.glob("*.call"), key=lambda file: (-file.stat().st_size, file.name))
    with rare_collection():
        for file in waiting:
            if not _taken(file):
                continue
            number = int(file.stem)
            try:
                found = True, pickle.loads(file.read_bytes())()
            except Exception as error:
                error.add_note(f"raised in a process of its own, by call {number}")
                found = False, error
            _found(folder, number).write_bytes(pickle.dumps(found))


def _taken(file: Path) -> bool:
    """Whether the call was taken by this process, and by nobody before."""
    with suppress(FileExistsError):
        file.with_suffix(".taken").touch(exist_ok=False)
        return True
    return False


def _call(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.call"


def _found(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.found"
