"""A build as named steps ``(inputs) -> outputs``, each skipped when nothing it depends on has changed.

A step's identity is a hash of the content of its inputs, the configuration values it reads, the versions of its tools and the
source of our own packages behind it. After success a stamp, ``.steps/<name>.json``, records identity, hashes of the outputs and the
seconds it took; a step whose identity and outputs match its stamp is skipped.

A step writes into a work folder of its own, ``.steps/<name>.work``; its outputs are renamed into the output folder only when all of them
exist. Killed half-way it leaves the earlier artefacts as they were. A resumable step finds its work folder again, as long as its
identity is the same.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path, move_into_place, write_json, write_text
from build_flows.base.ui import SilentUi, Ui

__all__ = ["Build", "Step", "source_hash"]

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Step:
    """One named step.

    ``run(work)`` (what it returns is not looked at) writes every one of ``outputs`` (files or folders, names relative to the
    output folder) under the folder ``work``. It reads only ``inputs``, a mapping from a name to the file or folder that bears
    it: names, not places, enter the identity, so a moved project is not rebuilt. ``values`` are the configuration values it
    depends on (anything JSON holds), ``tools`` distributions whose version counts, ``sources`` our own packages or modules
    (``"hw"``, ``"build_flows.finn_bridge"``) whose code counts. A ``resumable`` step is given the work folder of its
    interrupted predecessor when the identity is the same; any other starts in an empty one.
    """

    name: str
    run: Callable[[Path], object]
    outputs: Sequence[str]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    tools: Sequence[str] = ()
    sources: Sequence[str] = ()
    resumable: bool = False

    def identity(self) -> str:
        """SHA-256 (hex) of all that the outputs depend on. A missing input raises :class:`OfframpError`."""
        hashes = {name: hash_path(path) for name, path in self.inputs.items()}
        for name, found in hashes.items():
            if found == "absent":
                raise OfframpError(f"step {self.name} needs {name}, but {self.inputs[name]} does not exist")
        parts = {
            "step": self.name,
            "outputs": sorted(self.outputs),
            "inputs": hashes,
            "values": self.values,
            "tools": {name: _version(name) for name in ("python", *self.tools)},
            "sources": {name: source_hash(name) for name in self.sources},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Build:
    """The steps of one output ``folder``, run one at a time, by one process at a time.

    A context manager: entering makes the folder and takes its lock, or raises :class:`OfframpError` when another process holds
    it. The lock is
    the operating system's, so that of a dead process is free. It is not re-entrant: one Build per folder and process. ``ran``
    and ``skipped`` list
    the names of the steps so far.
    """

    def __init__(self, folder: Path, ui: Ui | None = None) -> None:
        self.folder = folder
        self.ui: Ui = ui or SilentUi()
        self.ran: list[str] = []
        self.skipped: list[str] = []
        self._lock: int | None = None

    def __enter__(self) -> "Build":
        self._lock = _take_lock(self.folder)
        return self

    def __exit__(self, *args: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def path(self, name: str) -> Path:
        """Where artefact ``name`` lies."""
        return self.folder / name

    def fresh(self, step: Step) -> bool:
        """Whether ``step`` would be skipped."""
        return self._differing(step, step.identity()) == []

    def run(self, step: Step) -> bool:
        """Run ``step`` unless it is fresh; True when it ran. What it raises passes through, with the earlier outputs still in place."""
        if self._lock is None:
            raise RuntimeError("a Build runs steps only inside its `with` block")
        identity = step.identity()
        differing = self._differing(step, identity)
        if differing == []:
            self.skipped.append(step.name)
            return False
        if differing:
            self.ui.info(f"{', '.join(differing)}: not as step {step.name} left it, made anew")
        work = self._work(step, identity)
        started = time.monotonic()
        step.run(work)
        seconds = round(time.monotonic() - started, 2)
        missing = [name for name in step.outputs if not (work / name).exists()]
        if missing:
            raise RuntimeError(f"step {step.name} did not write {', '.join(missing)}")
        self._stamp(step).unlink(missing_ok=True)
        for name in step.outputs:
            move_into_place(work / name, self.folder / name)
        outputs = {name: hash_path(self.folder / name) for name in step.outputs}
        write_json(self._stamp(step), {"version": VERSION, "identity": identity, "outputs": outputs, "seconds": seconds})
        shutil.rmtree(work)
        self.ran.append(step.name)
        return True

    def _stamp(self, step: Step) -> Path:
        return self.folder / ".steps" / f"{step.name}.json"

    def _differing(self, step: Step, identity: str) -> list[str] | None:
        """The outputs that are missing or were changed since the step made them; None when it never did, from these inputs."""
        try:
            stamp = json.loads(self._stamp(step).read_text())
            if stamp["version"] != VERSION or stamp["identity"] != identity or set(stamp["outputs"]) != set(step.outputs):
                return None
            return [name for name, found in stamp["outputs"].items() if hash_path(self.folder / name) != found]
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _work(self, step: Step, identity: str) -> Path:
        work = self.folder / ".steps" / f"{step.name}.work"
        owner = self.folder / ".steps" / f"{step.name}.owner"
        keep = step.resumable and work.is_dir() and owner.is_file() and owner.read_text() == identity
        if not keep:
            if work.exists():
                shutil.rmtree(work)
            write_text(owner, identity)
            work.mkdir(parents=True)
        for name in step.outputs:
            (work / name).parent.mkdir(parents=True, exist_ok=True)
        return work


def source_hash(name: str) -> str:
    """Hash of the files of package or module ``name``, found without importing it. An unknown name raises ``ValueError``."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"sources must name a package or a module in one, not {name!r}")
    base = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
    path = base if base.is_dir() else base.with_suffix(".py")
    found = hash_path(path)
    if found == "absent":
        raise ValueError(f"sources must name a package or a module in one, not {name!r}")
    return found


def _version(tool: str) -> str:
    if tool == "python":
        return ".".join(map(str, sys.version_info[:2]))
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        raise OfframpError(f"{tool} is not installed", hint="run `make setup`, then `offramp doctor`") from None


def _take_lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OfframpError(f"project.output must be a folder, but {folder} is a file") from None
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise OfframpError(f"{folder} is in use by another run (process {owner})", hint="wait for it to end, or stop it") from None
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
