"""Entries of a cache: folders that are whole or not there, whose damage is noticed; and working folders of which none outlives its process.

An entry is made in a :func:`scratch` folder of the cache and renamed to its place by :func:`publish`, with the SHA-256 of all its files.
Whoever uses it asks :func:`intact` first: an entry that was cut, changed or half removed since is taken away, and made again.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["SUMS", "intact", "publish", "scratch", "sync_tree"]

SUMS = "sha256.json"
"""The file in an entry with the digests of all others, by name; one that can be run has ``+x`` behind it."""

_OWNER = ".offramp-scratch"


@contextmanager
def scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """A new folder in ``folder`` (made where there is none), its name beginning with ``prefix``, removed at the end with all that is in it.

    A process that is killed leaves its folder; the next one that asks for one with the same ``prefix`` removes it. Folders of living
    processes, and what was not made here, are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder, prefix)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    handle = -1
    try:
        # Seen by others only when it is locked; the lock is the operating system's, and free as soon as the process is dead.
        early = made / f"{_OWNER}-early"
        handle = os.open(early, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        early.rename(made / _OWNER)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if handle >= 0:
            os.close(handle)


def _sweep(folder: Path, prefix: str) -> None:
    """Remove what dead processes left in ``folder``."""
    for owner in folder.glob(f"{prefix}*/{_OWNER}"):
        with suppress(OSError):
            handle = os.open(owner, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(owner.parent, ignore_errors=True)
            finally:
                os.close(handle)


def publish(made: Path, entry: Path) -> None:
    """Put the folder ``made`` (same file system) in place as ``entry``, with the digests of its files, written through to the disk. An
    entry that somebody else has put there meanwhile stays."""
    sums = {name: _digest(made / name) for name in _names(made)}
    (made / SUMS).write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sync_tree(made)
    try:
        made.rename(entry)
    except OSError:
        if not entry.is_dir():
            raise
        return
    sync_tree(entry.parent, deep=False)


def intact(entry: Path) -> bool:
    """Whether ``entry`` is there as it was published; what is there otherwise is removed. To be asked under the lock under which it is
    published."""
    try:
        sums = json.loads((entry / SUMS).read_text(encoding="utf-8"))
        if isinstance(sums, dict) and sums and sorted(sums) == _names(entry) and all(_digest(entry / name) == sums[name] for name in sums):
            return True
    except (OSError, ValueError, RecursionError):
        pass  # looked at below: it is removed
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)
    return False


def sync_tree(path: Path, *, deep: bool = True) -> None:
    """Have the operating system write the file or folder ``path`` to the disk, with all below it when ``deep``."""
    below = path.rglob("*") if deep and path.is_dir() else ()
    for item in (*below, path):
        if item.is_symlink() or not (item.is_file() or item.is_dir()):
            continue
        handle = os.open(item, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _names(entry: Path) -> list[str]:
    return sorted(item.relative_to(entry).as_posix() for item in entry.rglob("*") if item.is_file() and item.name != SUMS)


def _digest(path: Path) -> str:
    """The SHA-256 of a file; of one that can be run, that too."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() + ("+x" if path.stat().st_mode & 0o100 else "")
