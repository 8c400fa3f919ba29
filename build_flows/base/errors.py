"""Errors that are the user's to mend, and how any error is told in one line.

The other rooms raise error classes of their own; :func:`explain` words them, and the operating system's errors, for the
command line, so that no ordinary mishap ends in a traceback.
"""

import errno
import os
from dataclasses import dataclass

__all__ = ["Busy", "ConfigError", "Explanation", "OfframpError", "explain"]

INTERRUPTED = 130
FULL = os.strerror(errno.ENOSPC)
FREE = "free some space and run the same command again: nothing was left half-written"


class OfframpError(Exception):
    """Something the user can mend: ``message`` says what is wrong (naming the value), ``hint`` how to mend it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(OfframpError):
    """The configuration file does not describe a project: one line per fault, each naming file, key, value and what is allowed."""


class Busy(OfframpError):
    """Another process works in the output folder."""


@dataclass(frozen=True)
class Explanation:
    """How an error is shown: ``message``, ``hint`` (or None), and the process's exit ``code``."""

    message: str
    hint: str | None
    code: int


def explain(error: BaseException) -> Explanation | None:
    """The explanation of a foreseen ``error``; None when it is not foreseen, and its traceback is the best there is to show."""
    if isinstance(error, OfframpError):
        return Explanation(error.message, error.hint, 1)
    if isinstance(error, KeyboardInterrupt):
        return Explanation("interrupted", "what was finished is kept; the same command picks up from there", INTERRUPTED)
    if isinstance(error, MemoryError):
        what = " ".join(str(error).split())
        hint = "close other programs, or use less: a smaller train.batch_size, fewer or smaller images"
        return Explanation(f"out of memory ({what})" if what else "out of memory", hint, 1)
    if isinstance(error, OSError):
        return _explain_os(error)
    if isinstance(error, Exception) and _is_ours(type(error)):
        return _explain_ours(error)
    return None


def _explain_ours(error: Exception) -> Explanation:
    # A tool's complaints and the end of a log keep their lines; only the first is the message proper.
    lines = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    if any(FULL in line for line in lines):
        return Explanation(f"the disk is full ({lines[0].removesuffix(':')})", FREE, 1)
    message = "\n".join(lines) if lines and lines[0].endswith(":") else " ".join(str(error).split())
    return Explanation(message, getattr(error, "hint", None), 1)


def _explain_os(error: OSError) -> Explanation | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return Explanation(f"the disk is full{where}", FREE, 1)
    if error.filename is None or error.strerror is None:
        return None
    # A program that cannot be started is called by its name alone; any other file has a place.
    program = isinstance(error, FileNotFoundError) and not os.path.dirname(os.fsdecode(error.filename))
    hint = "run `offramp doctor` to see what is missing" if program else None
    return Explanation(f"{error.filename}: {error.strerror.lower()}", hint, 1)


def _is_ours(kind: type[BaseException]) -> bool:
    """Whether ``kind`` was defined in one of the rooms (a plain ValueError or RuntimeError is a fault of ours, not of the user's)."""
    return kind.__module__.partition(".")[0] in {"quant_models", "hw", "sim", "build_flows"}
