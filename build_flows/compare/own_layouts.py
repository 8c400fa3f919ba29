"""Layouts of a network of the user's own: it is trained, or taken, and read once with all exits, and each layout builds some of them."""

from pathlib import Path
from typing import Any

from build_flows.project.own import READ
from build_flows.project.places import relative_place

__all__ = ["as_read"]

MADE = ("import", "exits_only", "distill", "consistent", "personal")
"""Tables that say how a network is made."""


def as_read(values: dict[str, Any], network: Path, folder: Path) -> None:
    """Let the tables ``values`` of a configuration that lies in ``folder`` take what was read as the QONNX ``network``, in place: nothing
    is trained, and of ``[train]`` stays what says which images are held out."""
    for table in MADE:
        values.pop(table, None)
    values["model"] = {"qonnx": relative_place(network, folder)}
    values["train"] = {key: item for key, item in values.get("train", {}).items() if key in READ}
