"""Where results are kept as they arrive, by the hash of all that they follow from: the only truth of an exploration, which is why one that
was interrupted, or lost its workers, goes on where it was."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_flows.base.files import write_json

__all__ = ["Store", "key_of"]


def key_of(parts: Mapping[str, Any]) -> str:
    """A hash of plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class Store:
    """Results by key in ``folder``, each a JSON file that is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Any | None:
        """What was kept under ``key``; None where nothing was, or what lies there cannot be read."""
        try:
            return json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None

    def put(self, key: str, value: Any) -> None:
        """Keep ``value``, plain data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / f"{key}.json", value)
