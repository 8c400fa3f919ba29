"""What a long measurement has found so far, on disk, so that one that was interrupted goes on where it was."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_flows.base.files import write_text

__all__ = ["Journal", "code_digest"]

ROOT = Path(__file__).parent.parent
ROOMS = ("build_flows", "hw", "offramp", "quant_models", "sim")


def code_digest(root: Path = ROOT) -> str:
    """A hash of all that is measured: every file of our rooms but what Python makes of them."""
    found = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(root).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


class Journal:
    """Entries, plain data, in the order in which they were added, kept at ``path``, one JSON object a line. ``of`` is what they are of: of
    anything else, or a file that cannot be read, the journal begins empty. ``entries`` are those that there are."""

    def __init__(self, path: Path, of: Mapping[str, Any]) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        head = json.loads(json.dumps({"of": of}))
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            if lines and json.loads(lines[0]) == head:
                self.entries = list(_whole(lines[1:]))
        except (OSError, ValueError):
            self.entries = []
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json.dumps(item) + "\n" for item in (head, *self.entries)))

    def add(self, **entry: Any) -> None:
        """Another entry, on disk when this returns."""
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _whole(lines: list[str]) -> list[dict[str, Any]]:
    """The entries up to the first line that was not written to its end."""
    found: list[dict[str, Any]] = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found
