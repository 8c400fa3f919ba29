"""A build as named steps ``(settings, inputs) -> outputs``, each skipped when nothing it depends on has changed.

A step is a function of a module, and is handed all that it may depend on: plain settings, files, and a :class:`Work` in which to write. Its
identity is a hash of the settings, the content of the inputs, the code behind the function (:mod:`build_flows.steps.sources`) and the
versions of the distributions which that code uses. After success a stamp, ``.steps/<name>.json``, records all of this, hashes of the
outputs and the seconds it took; a step whose identity and outputs match its stamp is skipped.

A step writes into a work folder of its own, ``.steps/<name>.work``; its outputs are renamed into the output folder only when all of them
exist. Killed half-way it leaves the earlier artefacts as they were. A resumable step finds its work folder again, as long as its
identity is the same. What of the user's stands in an output's place, an artefact that was edited too, is set aside
(:mod:`build_flows.base.owned`).
"""

import dataclasses
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path, sweep, write_json, write_text
from build_flows.base.folder_lock import take_lock
from build_flows.base.owned import STAMPS, place, read_stamp
from build_flows.base.ui import SilentUi, Ui
from build_flows.steps.sources import Sources

__all__ = ["Build", "Step", "Work", "plain", "version"]

VERSION = 2
"""Of a stamp. Those of version 1 are of offramp 0.1, whose identities were made otherwise."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a step works with beside settings and inputs, none of which its outputs depend on: the ``folder`` to write them into, ``ui`` to
    tell how far it is, ``caches``, the folder in which things are kept that may be used again by any project beside this one, and, for the
    words of errors, the project's ``output`` folder, its configuration ``file``, and how that names some of what the step was given
    (``named``)."""

    folder: Path
    ui: Ui
    output: Path
    file: Path
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def caches(self) -> Path:
        """The folder that the projects beside this one share."""
        return self.output.parent

    @property
    def models(self) -> Path:
        """Where Verilated models are kept, since small units are the same in many projects."""
        return self.caches / ".models"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One named step.

    ``run(settings, inputs, work)``, a function of a module of ours or a ``functools.partial`` of one with what the outputs do not depend on
    (what it returns is not looked at), writes every one of ``outputs``
    (files or folders, names relative to the output folder) into ``work.folder``. It reads only ``settings`` (a frozen dataclass, a pydantic
    model or plain data, without places) and ``inputs``, a mapping from a name to the file or folder that bears it: names, not places, enter
    the identity, so a moved project is not rebuilt. A ``resumable`` step is given the work folder of its interrupted predecessor when the
    identity is the same; any other starts in an empty one.

    ``adopt(settings, inputs, work)``, where there is one, is asked about outputs that offramp 0.1 left in ``work.output``: it returns None
    when they are what ``run`` would make, else why not, in words. ``named`` says of some of what it is given how the configuration names
    it. ``apart`` are modules or packages of ours that are left out of the identity though ``run`` uses them, each for a reason that stands
    there.
    """

    name: str
    run: Callable[[Any, Mapping[str, Path], Work], object]
    outputs: Sequence[str]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    settings: Any = None
    resumable: bool = False
    adopt: Callable[[Any, Mapping[str, Path], Work], str | None] | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    apart: Sequence[str] = ()

    def parts(self, sources: Sources) -> dict[str, Any]:
        """All that the outputs depend on, as plain data. A missing input raises :class:`OfframpError`."""
        hashes = {name: hash_path(path) for name, path in self.inputs.items()}
        for name, found in hashes.items():
            if found == "absent":
                raise OfframpError(f"step {self.name} needs {name}, but {self.inputs[name]} does not exist")
        run = self.run.func if isinstance(self.run, partial) else self.run
        closure = sources.closure(run.__module__, self.apart)
        return {
            "outputs": sorted(self.outputs),
            "inputs": hashes,
            "settings": plain(self.settings),
            "tools": {name: version(name) for name in ("python", *sorted(closure.tools))},
            "sources": dict(closure.files),
        }


class Build:
    """The steps of one output ``folder``, run one at a time, by one process at a time.

    A context manager: entering makes the folder and takes its lock, or raises :class:`Busy` when another process holds it. The lock is the
    operating system's, so that of a dead process is free. It is not re-entrant: one Build per folder and process. A folder that cannot be
    written to is entered without a lock; what is fresh there can be read, and a step that would run is refused. ``file`` is the project's
    configuration as errors name it, ``sources`` say what code stands behind a step; from the output folders ``reuse`` the outputs of
    steps of equal identity are taken instead of made. ``ran`` and ``skipped`` (taken ones among them) list the names of the steps so far.
    """

    def __init__(
        self, folder: Path, ui: Ui | None = None, file: Path | None = None, sources: Sources | None = None, reuse: Sequence[Path] = ()
    ) -> None:
        self.folder = folder
        self.ui: Ui = ui or SilentUi()
        self.file = file or folder
        self.reuse = reuse
        self.ran: list[str] = []
        self.skipped: list[str] = []
        self.sources = sources or Sources(cache=folder / ".steps" / "sources.json")
        self._lock: int | None = None
        self._read_only = False

    def __enter__(self) -> "Build":
        self._lock = take_lock(self.folder)
        self._read_only = self._lock is None
        if not self._read_only:
            for folder in (self.folder, self.folder / STAMPS):
                sweep(folder)
        return self

    def __exit__(self, *args: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock, self._read_only = None, False

    def path(self, name: str) -> Path:
        """Where artefact ``name`` lies."""
        return self.folder / name

    def work(self, folder: Path, named: Mapping[str, str] | None = None) -> Work:
        """What a step is given that writes into ``folder``."""
        return Work(folder=folder, ui=self.ui, output=self.folder, file=self.file, named=named or {})

    def fresh(self, step: Step) -> bool:
        """Whether ``step`` would be skipped."""
        return self._differing(step, _identity(step.name, step.parts(self.sources))) == []

    def run(self, step: Step, before: Callable[[], object] | None = None) -> bool:
        """Run ``step`` unless it is fresh, and ``before`` right before that; True when it ran. What they raise passes through, with the
        earlier outputs still in place."""
        if self._lock is None and not self._read_only:
            raise RuntimeError("a Build runs steps only inside its `with` block")
        self._refuse_own_input(step)
        parts = step.parts(self.sources)
        identity = _identity(step.name, parts)
        differing = self._differing(step, identity)
        if self._read_only and differing != []:
            raise OfframpError(
                f"{self.folder} cannot be written to, and step {step.name} has to run there",
                hint="copy the project to where it can be written, or leave its configuration as it was built",
            )
        if differing == [] or (differing is None and self._adopt(step, identity, parts)):
            self.skipped.append(step.name)
            return False
        if self._take_over(step, identity, parts):
            self.skipped.append(step.name)
            return False
        if differing:
            self.ui.info(f"{', '.join(differing)}: not as step {step.name} left it, made anew")
        if before is not None:
            before()
        work = self._work(step, identity)
        started = time.monotonic()
        step.run(step.settings, step.inputs, self.work(work, step.named))
        seconds = round(time.monotonic() - started, 2)
        missing = [name for name in step.outputs if not (work / name).exists()]
        if missing:
            raise RuntimeError(f"step {step.name} did not write {', '.join(missing)}")
        self._put_in_place(step, work, identity, parts, seconds)
        shutil.rmtree(work)
        self.ran.append(step.name)
        return True

    def forget(self, name: str) -> None:
        """Let the step ``name`` run again, whatever it depends on; what it left stays known as its own."""
        path = self.folder / STAMPS / f"{name}.json"
        if stamp := read_stamp(path):
            write_json(path, {**stamp, "identity": ""})

    def _refuse_own_input(self, step: Step) -> None:
        """Raise :class:`OfframpError` where ``step`` would read what it is to replace."""
        outputs = {(self.folder / name).resolve(): name for name in step.outputs}
        for name, path in step.inputs.items():
            if path.resolve() in outputs:
                raise OfframpError(
                    f"step {step.name} would replace its own input {name}, {path}", hint="name a copy of it in another place",
                )

    def _read_stamp(self, step: Step, folder: Path | None = None) -> dict[str, Any]:
        """The stamp of ``step`` in ``folder`` (this build's where None); empty when there is none that can be read."""
        return read_stamp((folder or self.folder) / STAMPS / f"{step.name}.json")

    def _differing(self, step: Step, identity: str) -> list[str] | None:
        """The outputs that are missing or were changed since the step made them; None when it never did, from these inputs."""
        stamp = self._read_stamp(step)
        if stamp.get("version") != VERSION or stamp.get("identity") != identity or set(stamp["outputs"]) != set(step.outputs):
            return None
        return [name for name, found in stamp["outputs"].items() if hash_path(self.folder / name) != found]

    def _adopt(self, step: Step, identity: str, parts: Mapping[str, Any]) -> bool:
        """Whether offramp 0.1 made the outputs of ``step`` as they would be made now; they are then kept, and the stamp is written anew."""
        stamp = self._read_stamp(step)
        if step.adopt is None or stamp.get("version") != 1 or set(stamp["outputs"]) != set(step.outputs):
            return False
        changed = [name for name, found in stamp["outputs"].items() if hash_path(self.folder / name) != found]
        if changed:
            self.ui.info(f"{', '.join(changed)}: not as step {step.name} left it, made anew")
            return False
        reason = step.adopt(step.settings, step.inputs, self.work(self.folder, step.named))
        if reason is not None:
            self.ui.info(f"warning: what offramp 0.1 left of step {step.name} is not kept: {reason}")
            return False
        self.ui.info(f"{', '.join(step.outputs)}: kept from offramp 0.1")
        seconds = stamp.get("seconds")
        write_json(self.folder / STAMPS / f"{step.name}.json", _stamp(
            identity, parts, seconds if isinstance(seconds, int | float) else 0.0, stamp["outputs"]
        ))
        return True

    def _take_over(self, step: Step, identity: str, parts: Mapping[str, Any]) -> bool:
        """Copy the outputs of ``step`` from a folder of ``reuse`` in which a step of this identity left them, and they are still as it
        did."""
        for folder in self.reuse:
            stamp = self._read_stamp(step, folder)
            if folder == self.folder or stamp.get("version") != VERSION or stamp.get("identity") != identity:
                continue
            work = self._work(step, identity)
            copied = all((folder / name).exists() for name in step.outputs)
            for name in step.outputs if copied else ():
                copy = shutil.copytree if (folder / name).is_dir() else shutil.copyfile
                copy(folder / name, work / name)
                copied &= hash_path(work / name) == stamp["outputs"].get(name)
            if copied:
                self.ui.info(f"{', '.join(step.outputs)}: as in {folder}")
                self._put_in_place(step, work, identity, parts, stamp["seconds"])
            shutil.rmtree(work)
            if copied:
                return True
        return False

    def _put_in_place(self, step: Step, work: Path, identity: str, parts: Mapping[str, Any], seconds: float) -> None:
        """Rename the outputs in ``work`` into the output folder, and write the stamp."""
        place(self.folder, work, step.outputs, step.name, partial(_stamp, identity, parts, seconds), self.ui.info)

    def _work(self, step: Step, identity: str) -> Path:
        work = self.folder / STAMPS / f"{step.name}.work"
        owner = self.folder / STAMPS / f"{step.name}.owner"
        keep = step.resumable and work.is_dir() and owner.is_file() and owner.read_bytes() == identity.encode()
        if not keep:
            if work.exists():
                shutil.rmtree(work)
            write_text(owner, identity)
            work.mkdir(parents=True)
        for name in step.outputs:
            (work / name).parent.mkdir(parents=True, exist_ok=True)
        return work


def plain(value: Any) -> Any:
    """``value`` as JSON holds it; raises ``TypeError`` for what is no plain data, a path above all: places must not enter an identity."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"settings of a step must be plain data, not {value!r}")


def _stamp(identity: str, parts: Mapping[str, Any], seconds: float, outputs: Mapping[str, str]) -> dict[str, Any]:
    return {"version": VERSION, "identity": identity, "outputs": dict(outputs), "seconds": seconds, "of": {**parts, "outputs": None}}


def _identity(name: str, parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps({"step": name, **parts}, sort_keys=True).encode()).hexdigest()


def version(tool: str) -> str:
    """The version of a distribution, or of ``python``; raises :class:`OfframpError` when it is not installed."""
    if tool == "python":
        return ".".join(map(str, sys.version_info[:2]))
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        raise OfframpError(f"{tool} is not installed", hint="run `make setup`, then `offramp doctor`") from None
