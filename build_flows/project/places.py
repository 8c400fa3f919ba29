"""Which keys of a configuration name files and folders, and how they are told from elsewhere."""

import os
from pathlib import Path
from typing import Any

from build_flows.base.errors import ConfigError
from build_flows.base.parts import BOARDS
from build_flows.project.sections import FOLDINGS

__all__ = ["ARTEFACTS", "NETWORK", "PLACES", "UNFILLED", "moved_places", "relative_place", "told_place", "written_there"]

PLACES = (
    ("project", "output"), ("data", "path"), ("build", "folding"), ("train", "checkpoint"), ("train", "start"), ("consistent", "samples"),
    ("personal", "samples"), ("import", "weights"), ("model", "qonnx"), ("model", "weights"), ("model", "modules"), ("target", "board"),
)
"""Table and key of everything that is relative to the configuration's own folder."""

UNFILLED = "FILL-IN.npz"
"""``data.path`` as `offramp init --from` leaves it for the user."""

NETWORK = "network.onnx"
"""The QONNX that a network of the user's own was read from, whole, as step ``train`` leaves it in the output folder."""

ARTEFACTS = (
    "agreement.json", "bitstream", "checkpoint.safetensors", "cosim.json", "dataflow.onnx", "energy", "energy.html",
    "energy.json", "evaluation", "evaluation.html", "evaluation.json", "exits.json", "folding.toml", "golden.npz", "metrics.json",
    "model.onnx", "netlist.json", NETWORK, "open",
    "package", "plan-open.zip", "plan-vivado.zip", "profile", "profile.html", "profile.json", "report.html", "resources.json", "rtl",
    "sim.json", "sizing.json", "subnet.safetensors", "synthesis.json", "tradeoff.json", "training.json", "vivado", "weights.safetensors",
)
"""Names that steps write in an output folder; the archive of a package, which bears the project's name, comes to them."""


def told_place(base: Path, place: str, told: str) -> Path:
    """``place`` as it is told from the folder ``base``, which need not be there yet; ``~`` is a home folder. What it names itself may be a
    link, and stays one.

    Raises :class:`ConfigError` that begins with ``told`` (file, key and value) for a home folder that is not known, and for what the
    operating system takes for no path.
    """
    try:
        path = base / Path(place).expanduser()
        path = path.resolve() if path.name == ".." else path.parent.resolve() / path.name
        path.exists()
    except (RuntimeError, ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"{told}: {reason[:1].lower()}{reason[1:]}; allowed: the path of a file or folder") from None
    return path


def written_there(place: Path, output: Path) -> str | None:
    """The artefact of the output folder ``output`` that ``place`` is, or lies in; None when steps leave it alone."""
    inside = place.resolve()
    if not inside.is_relative_to(output):
        return None
    first = inside.relative_to(output).parts[:1]
    return first[0] if first and first[0] in (*ARTEFACTS, ".steps") else None


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
        if not isinstance(place, str) or Path(place).is_absolute() or place.startswith("~"):
            continue
        if place not in {"folding": FOLDINGS, "board": tuple(BOARDS)}.get(key, ()):
            found[table][key] = relative_place(home / place, folder)
    if any(isinstance(keys := found.get(table), dict) and keys.get("factory") is not None for table in ("model", "import")):
        model = found.setdefault("model", {})
        if isinstance(model, dict) and model.get("modules") is None:
            model["modules"] = relative_place(home, folder)
    return found
