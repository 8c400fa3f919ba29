"""One mutated configuration or command line, run as a user would run it but for the work itself, and the verdict on what was told.

It is the real command line, up to where the first step or program would be started. A mutant that is wrong must not get there.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.trust_fork import KILLED, Told, offramp

__all__ = ["Mutant", "run", "shown", "verdict"]

STARTED = 99
"""Exit code of a mutant with which work would have begun."""
SECONDS = 30
LINES = 12
"""More than so many lines are not one for each fault."""
WORDS = (
    "allowed", "must", "there is no", "no such", "not valid TOML", "not UTF-8", "is missing", "unknown", "known are", "needs", "cannot",
    "does not", "means nothing", "exists already", "not one of", "in the range", "is not a", "choose", "give ", "not a ", "too long",
    "cannot be read", "too many levels", "deeper than", "more than",
)
"""Of a message that says what would be right, or that nothing would be, at least one."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A mutant of the class ``kind``: what is wrong with it in words (``what``), the arguments ``args`` after ``offramp``, and the
    ``files`` (by relative path) that lie in the folder in which it runs.

    One that is ``legal`` must be taken; any other refused, and each of ``says`` must stand in what is told. ``links`` are symbolic links,
    ``folders`` folders and ``pipes`` named pipes to be made there as well.
    """

    kind: str
    what: str
    args: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    legal: bool = False
    says: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    pipes: tuple[str, ...] = ()


def shown(value: Any) -> str:
    """What must stand in a message about ``value``, which is cut short when long: the beginning as TOML has it; empty for what has no
    short form (a date, a table, a list)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)[:40].removesuffix('"')
    return str(value)[:40] if isinstance(value, int | float) else ""


def verdict(mutant: Mutant, told: Told) -> str | None:
    """What is wrong with what was ``told``; None when it is as it should be.

    A wrong mutant must end with exit code 1 or 2 in a few lines of ours, one for each fault, or in one of click's, which name each of
    ``says`` and what would be right, and print nothing on stdout.
    """
    text = told.out + told.err
    if told.code == KILLED:
        return "does not end"
    if "Traceback" in text:
        return "traceback"
    if mutant.legal:
        return None if told.code in (0, STARTED) else "refused, though it is legal"
    if told.code in (0, STARTED):
        return "accepted"
    if told.code not in (1, 2):
        return f"exit code {told.code}"
    if told.out:
        return "writes on stdout"
    lines = [line for line in told.err.splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("offramp: ")]
    usage = [line for line in lines if line.startswith("Error: ")]
    other = [line for line in lines if not re.match(r"offramp: |  hint: |Error: |Usage: |Try 'offramp", line)]
    if other or (bool(ours) == bool(usage)) or len(usage) > 1:
        return "not one line for each fault"
    if len(ours) > LINES:
        return f"{len(ours)} lines"
    missing = [word for word in mutant.says if word and word not in told.err]
    if missing:
        return f"does not say {missing[0]!r}"
    return None if usage or any(word in told.err for word in WORDS) else "does not say what is allowed"


def run(mutant: Mutant) -> Told:
    """Run ``mutant`` in a folder of its own, which is removed afterwards; one that takes longer than :data:`SECONDS` is killed."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        here = Path(folder)
        work = here / "here"
        work.mkdir()
        _furnish(work, mutant)
        return offramp(mutant.args, work, here, seconds=SECONDS, before=_stop_before_work)


def _furnish(work: Path, mutant: Mutant) -> None:
    for name in mutant.folders:
        (work / name).mkdir(parents=True)
    for name, content in mutant.files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    for name, target in mutant.links.items():
        (work / name).symlink_to(target)
    for name in mutant.pipes:
        os.mkfifo(work / name)


def _stop_before_work() -> None:
    """Steps and programs are not started: the process ends there, after what is looked at before a step."""
    import subprocess

    from build_flows.steps.engine import Build

    def started(*args: Any, **options: Any) -> NoReturn:
        os._exit(STARTED)

    def looked_at(build: Build, step: Any, before: Callable[[], object] | None = None) -> NoReturn:
        if before is not None:
            before()
        started()

    Build.run = looked_at  # type: ignore[method-assign,assignment]
    subprocess.Popen.__init__ = started  # type: ignore[method-assign]
