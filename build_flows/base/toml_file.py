"""TOML files of the user's: read with a limit, and any fault of theirs in one line."""

import os
import select
import stat
import tomllib
from pathlib import Path
from typing import IO, Any

from build_flows.base.errors import ConfigError

__all__ = ["LARGEST", "parse_toml", "read_text", "read_toml_file"]

LARGEST = 1 << 20
"""Bytes that a file may have: what is longer is no file that somebody wrote."""


PATIENCE = 2.0
"""Seconds in which somebody must open a pipe to write into it."""


def read_text(path: Path) -> str:
    """The text of the file at ``path``, without a byte order mark; it may be a pipe.

    Raises :class:`ConfigError` for one that cannot be read, for a pipe that nobody opens for writing within :data:`PATIENCE`, has
    more than :data:`LARGEST` bytes, or is not UTF-8.
    """
    try:
        with _opened(path) as stream:
            data = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > LARGEST:
        raise ConfigError(f"{path} has more than {LARGEST} bytes: it is no configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _opened(path: Path) -> IO[bytes]:
    """The file at ``path``, opened without waiting for a writer; as long as somebody has it open for writing, reading waits."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    stream = os.fdopen(handle, "rb")
    try:
        if stat.S_ISFIFO(os.fstat(handle).st_mode) and not select.select([handle], [], [], PATIENCE)[0] and _unattended(handle):
            raise ConfigError(f"{path} is a pipe that nobody writes into", hint="name a file, or start what writes into it")
        os.set_blocking(handle, True)
    except BaseException:
        stream.close()
        raise
    return stream


def _unattended(handle: int) -> bool:
    """Whether an empty pipe has no writer: reading it then ends at once."""
    try:
        return os.read(handle, 1) == b""
    except BlockingIOError:
        return False


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of ``text``, which messages call ``name``. Raises :class:`ConfigError` for what is not TOML, or nested beyond reason."""
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{name}: not valid TOML: nested too deeply") from None
    except ValueError as error:  # of a number with thousands of digits, too
        raise ConfigError(f"{name}: not valid TOML: {error}") from None
    if _deeper(found):
        raise ConfigError(f"{name}: tables and arrays are nested deeper than {_DEEPEST}; no configuration is")
    return found


def read_toml_file(path: Path) -> dict[str, Any]:
    """The tables of the file at ``path``; errors as :func:`read_text` and :func:`parse_toml`."""
    return parse_toml(read_text(path), str(path))


_DEEPEST = 50


def _deeper(found: Any) -> bool:
    """Whether tables and arrays are nested deeper than :data:`_DEEPEST`."""
    level = [found]
    for _ in range(_DEEPEST):
        level = [item for value in level if isinstance(value, dict | list)
                 for item in (value.values() if isinstance(value, dict) else value)]
        if not level:
            return False
    return True
