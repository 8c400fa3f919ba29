"""The lock of an output folder, in which one process works at a time."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from build_flows.base.errors import Busy, OfframpError

__all__ = ["take_lock"]


def take_lock(folder: Path) -> int | None:
    """The lock of ``folder``, a file descriptor that holds it until it is closed; the folder is made where there is none. None for a folder
    of artefacts in which nothing can be written, and so nobody works.

    Raises :class:`Busy` when another process holds it, :class:`OfframpError` where no folder can be, or no lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OfframpError(f"project.output must be a folder, but {folder} is or lies in a file") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OfframpError(
            f"project.output: the folder {folder} cannot be made: {(error.strerror or str(error)).lower()}",
            hint="set project.output to a folder that can be written to",
        ) from None
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and (folder / ".steps").is_dir():
            return None
        raise
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise Busy(f"{folder} is in use by another run (process {owner})", hint="wait for it to end, or stop it") from None
    except OSError as error:
        os.close(handle)
        raise OfframpError(f"{folder} cannot be locked: {error.strerror}", hint="set project.output to a folder of a local disk") from None
    with _closing_on_error(handle):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


@contextmanager
def _closing_on_error(handle: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(handle)
        raise
