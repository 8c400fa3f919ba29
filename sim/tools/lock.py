"""One process at a time: whoever comes second waits, and then finds what the first one made."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

__all__ = ["locked", "waiting"]

waiting: Callable[[], AbstractContextManager[object]] = nullcontext
"""What is entered while a lock is waited for: a test runner stops its clock meanwhile."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The time in which this process holds the lock file ``path``, whose folder must exist. The lock is the operating system's, so that of
    a dead process is free; the file stays, empty. Threads of one process wait for each other too."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with waiting():
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
