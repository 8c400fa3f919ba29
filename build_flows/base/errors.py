"""Errors that are the user's to mend, and how any error is told in one line.

The other rooms raise error classes of their own; :func:`explain` words them, and the operating system's errors, for the
command line, so that no ordinary mishap ends in a traceback.
"""

import errno
import os
import re
from dataclasses import dataclass

__all__ = ["Busy", "ConfigError", "Explanation", "OfframpError", "explain"]

INTERRUPTED = 130
FULL = os.strerror(errno.ENOSPC)
SHORT = re.compile(r"\b\d+ requested and \d+ written\b")
"""What numpy says, without an error number, where an array does not fit onto the disk."""
MEMORY = "close other programs, or raise the limit of memory (ulimit, container); training takes less with a smaller train.batch_size"
NO_ROOM = ("DefaultCPUAllocator: can't allocate memory", "can't start new thread")
"""What torch and Python say where memory or processes are short."""
DOCTOR = "run `offramp doctor` to see what is missing"
_HINTS = {
    errno.EROFS: "copy the project to where it can be written", errno.EACCES: "let this user read and write it, or choose another place",
    errno.EMFILE: "raise the number of files that may be open (ulimit -n)",
    errno.EIO: "the disk or the network drive has a fault; the same command picks up from there when it is mended",
}
TRACEBACK = "Traceback (most recent call last):"
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
        # Some tell what another process said at its end.
        return _full(error.message.splitlines()) or Explanation(error.message, error.hint, 1)
    if isinstance(error, KeyboardInterrupt):
        return Explanation("interrupted", "what was finished is kept; the same command picks up from there", INTERRUPTED)
    if isinstance(error, MemoryError):
        what = " ".join(str(error).split())
        return Explanation(f"out of memory ({what})" if what else "out of memory", MEMORY, 1)
    if type(error) is RuntimeError and any(words in str(error) for words in NO_ROOM):
        return Explanation("out of memory", MEMORY, 1)
    if isinstance(error, OSError):
        return _explain_os(error)
    if isinstance(error, ImportError):
        full = any(words in str(error).lower() for words in ("cannot allocate memory", "failed to map segment"))
        return Explanation(f"a package cannot be loaded: {_line(error)}", MEMORY if full else DOCTOR, 1)
    if isinstance(error, RecursionError):
        return Explanation("something is nested too deeply to be read", "--debug shows where; a file that was damaged may be the cause", 1)
    if isinstance(error, Exception) and _is_ours(type(error)):
        return _explain_ours(error)
    return None


def _explain_ours(error: Exception) -> Explanation:
    # A tool's complaints and the end of a log keep their lines; only the first is the message proper.
    lines = _untraced(str(error))
    if full := _full(lines):
        return full
    message = "\n".join(lines) if lines and lines[0].endswith(":") else " ".join(" ".join(lines).split())
    return Explanation(message, getattr(error, "hint", None), 1)


def _full(lines: list[str]) -> Explanation | None:
    """That the disk is full, where ``lines`` say so in the operating system's words or in numpy's."""
    if not any(FULL in line or SHORT.search(line) for line in lines):
        return None
    return Explanation(f"the disk is full ({lines[0].removesuffix(':')})", FREE, 1)


def _untraced(text: str) -> list[str]:
    """The lines of ``text`` that are not empty; of a traceback in it, that of another process, what that says at its end."""
    before, found, trace = text.partition(TRACEBACK)
    lines = [line.rstrip() for line in (before if found else text).splitlines() if line.strip()]
    last = next((line.strip() for line in reversed(trace.splitlines()) if line.strip()), "")
    if found and lines:
        return [*lines[:-1], f"{lines[-1]} {last}".strip()]
    return [*lines, last] if found else lines


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _explain_os(error: OSError) -> Explanation:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return Explanation(f"the disk is full{where}", FREE, 1)
    if error.errno is None and (full := _full([_line(error)])):
        return full
    if error.errno in (errno.ENOMEM, errno.EAGAIN):
        return Explanation(f"out of memory or of processes ({_line(error)})", MEMORY, 1)
    if error.filename is None or error.strerror is None:
        return Explanation(f"the operating system refused something: {_line(error)}", "--debug shows what was done", 1)
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    # A name alone is a program's, looked for on PATH.
    program = isinstance(error, FileNotFoundError) and os.sep not in name
    hint = DOCTOR if program else _HINTS.get(error.errno or 0)
    return Explanation(f"{name}: {error.strerror.lower()}", hint, 1)


def _is_ours(kind: type[BaseException]) -> bool:
    """Whether ``kind`` was defined in one of the rooms (a plain ValueError or RuntimeError is a fault of ours, not of the user's)."""
    return kind.__module__.partition(".")[0] in {"quant_models", "hw", "sim", "build_flows"}
