"""Artefacts that are whole or not there: written beside their place, then moved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic", "sweep"]

LEFT = ".offramp-tmp"
"""At the end of every temporary file's name, behind the number of the process that writes it."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path in ``path``'s folder; on leaving it replaces ``path``, on an error it is removed and ``path`` stays as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{LEFT}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove temporary files in ``folder`` whose processes are dead."""
    for left in folder.glob(f".*.*{LEFT}"):
        number = left.name.removesuffix(LEFT).rpartition(".")[2]
        if number.isdecimal() and not _lives(int(number)):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
