"""A small project that was sent through every step once, to be damaged, interrupted and run again: what its outputs were, and copies of
it to do that to."""

import hashlib
import json
import re
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.edited import edited
from benchmarks.trust_fork import Told, offramp
from build_flows.base.files import write_json
from build_flows.base.owned import STAMPS, read_stamp
from build_flows.base.ui import Ui

__all__ = ["COMMANDS", "LEFT_OVER", "Scenario", "Spare", "differing", "digests", "faults_told", "forget", "left_overs", "prepare"]

EXAMPLES = Path(__file__).parent.parent / "examples"
CONFIG = "config.toml"
OUTPUT = Path("build", "digits")
COMMANDS = ("train", "compile", "simulate", "synth", "cosim", "report")
"""What the project is made with, in this order."""
PREPARE_SECONDS, RUN_SECONDS = 7200.0, 1800.0
SMALL: dict[tuple[str | int, ...], Any] = {
    ("train", "epochs"): 1, ("simulate", "samples"): 8, ("simulate", "finn_images"): 1, ("target", "cycles_per_sample"): 512,
    ("target", "hard_share"): [0.4],
}
"""How the project differs from the example it is made of, beside having two exits: what is run hundreds of times is to take seconds."""
VOLATILE = frozenset({"seconds", "sim_cycles_per_second"})
"""Keys of JSON artefacts that are measured times."""
ANSWERS = ("id", "label", "exit", "confidence")
"""What of each of its ``samples`` a simulation has to find again when it says that it was resumed: its counters then cover a part of it."""
RESUMED = "resumed"
PAGES = (".html",)
"""Pages tell times among other things: that they are there is all that is compared."""
LEFT_OVER = re.compile(r"\.tmp(\.|$)|\.tmp-|\.work$|\.old$|^(board|bench|unit|stage_probe|runtime)-[a-z0-9_]{8}$")
"""Names of what a run that ended leaves nowhere: temporary files, work folders, what was moved aside, half-built models."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A run to disturb: the command line ``args``, and what is taken away first so that there is something to do: that ``steps``
    are fresh, and, in a ``cold`` one, the caches (names in the folder beside the output folder)."""

    name: str
    args: tuple[str, ...]
    steps: tuple[str, ...]
    cold: tuple[str, ...] = ()


def prepare(folder: Path, ui: Ui, commands: Sequence[str] = COMMANDS) -> None:
    """Make the project in ``folder`` with every one of ``commands``; what is there and fresh is kept. Raises :class:`RuntimeError` when a
    command fails."""
    folder.mkdir(parents=True, exist_ok=True)
    values = tomllib.loads((EXAMPLES / "digits.toml").read_text(encoding="utf-8"))
    small = edited(values, SMALL)
    small["exits"] = [{**small["exits"][0], "after": 0}, small["exits"][-1]]
    (folder / CONFIG).write_text(tomli_w.dumps(small), encoding="utf-8")
    log = folder.with_name(folder.name + ".log")
    log.mkdir(exist_ok=True)
    for command in commands:
        ui.info(f"preparing: offramp {command}")
        told = offramp([command, CONFIG], folder, log, seconds=PREPARE_SECONDS)
        if told.code:
            raise RuntimeError(f"offramp {command} {CONFIG} in {folder}: exit code {told.code}: {told.err[-2000:]}")


class Spare:
    """A copy of the project ``master``, always in the same place, ``here`` (which is removed first)."""

    def __init__(self, master: Path, here: Path) -> None:
        self.master = master
        self.here = here
        self.log = here.with_name(here.name + ".log")
        self.log.mkdir(parents=True, exist_ok=True)
        self.expected = digests(master / OUTPUT)

    @property
    def output(self) -> Path:
        """The output folder of the copy."""
        return self.here / OUTPUT

    def reset(self, scenario: Scenario | None = None) -> None:
        """Copy the project anew, and remove what ``scenario`` wants done again."""
        if self.here.exists():
            shutil.rmtree(self.here)
        shutil.copytree(self.master, self.here, symlinks=True)
        if scenario is None:
            return
        for step in scenario.steps:
            forget(self.output / STAMPS / f"{step}.json")
        for name in scenario.cold:
            shutil.rmtree(self.output.parent / name)

    def run(self, args: Sequence[str], **how: Any) -> Told:
        """Run ``offramp`` with ``args`` on the copy (:func:`benchmarks.trust_fork.offramp`)."""
        return offramp(args, self.here, self.log, **{"seconds": RUN_SECONDS, **how})

    def differing(self) -> list[str]:
        """The outputs of the copy that are not the project's."""
        return differing(self.expected, digests(self.output))


def forget(stamp: Path) -> None:
    """Make the step of ``stamp`` stale; what it left stays known as its own (:meth:`build_flows.steps.engine.Build.forget`)."""
    found = read_stamp(stamp)
    assert found, f"{stamp} is no stamp"
    write_json(stamp, {**found, "identity": ""})


def digests(output: Path) -> dict[str, str]:
    """A hash of every file of the output folder that a user sees, by its relative name; measured times do not count."""
    return {path.relative_to(output).as_posix(): _digest(path) for path in sorted(output.rglob("*"))
            if path.is_file() and not path.relative_to(output).parts[0].startswith(".")}


def _digest(path: Path) -> str:
    if path.suffix in PAGES:
        return "there" if path.stat().st_size else "empty"
    data = path.read_bytes()
    if path.suffix == ".json":
        try:
            values = json.loads(data)
        except ValueError:
            return f"no JSON: {hashlib.sha256(data).hexdigest()}"
        if isinstance(values, dict) and isinstance(values.get("samples"), list):
            whole = RESUMED if values.get("resumed") is True else _hash(_lasting(values))
            return f"{whole}, {_hash([[sample.get(name) for name in ANSWERS] for sample in values['samples']])}"
        return _hash(_lasting(values))
    return hashlib.sha256(data).hexdigest()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in VOLATILE}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names that are in one only, or whose contents differ; of a simulation that says that it was resumed, its answers alone count."""
    return sorted(name for name in expected.keys() | found.keys() if not _same(expected.get(name), found.get(name)))


def _same(expected: str | None, found: str | None) -> bool:
    if None in (expected, found):
        return False
    return expected == found or found == f"{RESUMED}, {str(expected).rpartition(', ')[2]}"


def left_overs(folder: Path) -> list[str]:
    """Temporary files and folders below ``folder``, by relative name."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if LEFT_OVER.search(path.name))


def faults_told(told: Told) -> str | None:
    """What is wrong with how a failed run was ``told``, which should be in one line of ours, with nothing on stdout; None when all is
    well."""
    if "Traceback" in told.out + told.err:
        return "traceback"
    if told.code != 1:
        return f"exit code {told.code}"
    if told.out:
        return "writes on stdout"
    ours = [line for line in told.err.splitlines() if line.startswith("offramp: ")]
    return None if len(ours) == 1 else f"{len(ours)} lines"
