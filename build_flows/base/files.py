"""Files written whole or not at all, and their content hashes.

Everything goes through a temporary name in the same folder, fsync and rename, so that a kill or a full disk leaves the earlier
file as it was.
"""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from sim.tools.cache import sync_tree

__all__ = ["atomic_path", "hash_path", "move_into_place", "read_json", "sweep", "write_bytes", "write_json", "write_text"]

LEFT = ".offramp-tmp"
"""In the name of every temporary file, behind the number of the process that writes it; ``quant_models.files`` names its own so, too."""


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` to write a file to; renamed to ``target`` on success, removed on any failure.

    For writers that take a file name (``np.savez``, matplotlib); the suffix of ``target`` is kept, since some look at it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{LEFT}{target.suffix}")
    try:
        yield temporary
        sync_tree(temporary)
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target``, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: Path, text: str) -> None:
    """Write ``text`` (UTF-8, newlines as they are) to ``target``, whole or not at all."""
    write_bytes(target, text.encode())


def write_json(target: Path, value: Any) -> None:
    """Write ``value`` as JSON sorted by key with a trailing newline: equal values give equal bytes. NaN is refused (ValueError)."""
    write_text(target, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path, *, version: int | None = 1) -> Any:
    """Read a JSON artefact. A missing or broken file, or one whose ``"version"`` is not ``version`` (None: not looked at), raises
    :class:`OfframpError`."""
    hint = "run the command again: the step that makes this file is repeated when the file is removed"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OfframpError(f"{path} is missing", hint="run the command again: it is made anew") from None
    except (ValueError, RecursionError) as error:
        raise OfframpError(f"{path} is not JSON: {error}", hint=hint) from None
    if version is not None:
        found = value.get("version") if isinstance(value, dict) else None
        if found != version:
            raise OfframpError(f"{path}: version must be {version}, not {found!r}", hint=hint)
    return value


def hash_path(path: Path) -> str:
    """SHA-256 (hex) of a file's content, or of a folder's relative names and contents; ``"absent"`` when there is none, ``"special"`` for
    what is neither, such as a pipe, which is not opened.

    Two folders with the same files hash the same wherever they lie. Python's caches are not looked at.
    """
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            if "__pycache__" not in file.parts:
                # A name need not be UTF-8.
                digest.update(os.fsencode(f"{file.relative_to(path).as_posix()}\0{hash_path(file)}\n"))
        return digest.hexdigest()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "special"
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return "absent"


def move_into_place(source: Path, target: Path, aside: Path | None = None) -> None:
    """Rename file or folder ``source`` to ``target`` (same file system), replacing what is there.

    A folder cannot replace a full folder in one rename: the old one is moved to ``aside`` (beside ``target`` unless given; what is there is
    removed) first and removed last.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = aside or target.with_name(f".{target.name}.old")
    _remove(aside)
    if target.is_dir() and not target.is_symlink():
        target.rename(aside)
    source.replace(target)
    _remove(aside)


def sweep(folder: Path) -> None:
    """Remove temporary files that other processes left in ``folder``, in which no other one may write meanwhile."""
    for left in folder.glob(f".*.*{LEFT}*"):
        if f".{os.getpid()}{LEFT}" not in left.name:
            left.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
