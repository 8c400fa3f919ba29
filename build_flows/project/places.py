"""Which keys of a configuration name files and folders, and how they are told from elsewhere."""

import os
from pathlib import Path
from typing import Any

from build_flows.project.sections import FOLDINGS

__all__ = ["PLACES", "moved_places", "relative_place"]

PLACES = (
    ("project", "output"), ("data", "path"), ("build", "folding"), ("train", "checkpoint"), ("train", "start"), ("consistent", "samples"),
    ("personal", "samples"), ("import", "weights"), ("model", "qonnx"), ("model", "weights"), ("model", "modules"),
)
"""Table and key of everything that is relative to the configuration's own folder."""


def relative_place(path: Path, folder: Path) -> str:
    """``path`` as it is told from ``folder``, with forward slashes."""
    return Path(os.path.relpath(path, folder)).as_posix()


def moved_places(values: dict[str, Any], home: Path, folder: Path) -> dict[str, Any]:
    """The tables ``values`` of a configuration in the folder ``home`` as they are for one in ``folder``: other keys and absolute paths are
    as they were. The modules of a factory are looked for where they were."""
    found = {table: dict(keys) if isinstance(keys, dict) else keys for table, keys in values.items()}
    for table, key in PLACES:
        keys = found.get(table)
        place = keys.get(key) if isinstance(keys, dict) else None
        if isinstance(place, str) and not Path(place).is_absolute() and not (key == "folding" and place in FOLDINGS):
            found[table][key] = relative_place(home / place, folder)
    model = found.get("model")
    if isinstance(model, dict) and model.get("factory") is not None and model.get("modules") is None:
        model["modules"] = relative_place(home, folder)
    return found
