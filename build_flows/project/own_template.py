"""A commented configuration for a network that was found in a file or made by a function: ``offramp init --from``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.project.places import UNFILLED, relative_place
from build_flows.project.sections import ModelSection
from build_flows.project.template import valid_name, written
from build_flows.project.training import TrainSection

__all__ = ["Source", "own_template"]

QUIET = {"model": set(ModelSection.model_fields), "train": set(TrainSection.model_fields)}
"""Keys that a network of the user's own may not have, or need not, by table."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a network comes from: a ``qonnx`` file, or a ``factory``, the folder ``modules`` that it is looked for in (None: it is
    installed) and ``weights`` for what it returns (None: it is trained)."""

    qonnx: Path | None = None
    factory: str | None = None
    modules: Path | None = None
    weights: Path | None = None


def own_template(
    source: Source, folder: Path, *, data: Path | None, network: Sequence[str], images: str, exits: Sequence[str]
) -> str:
    """The text of ``folder``/config.toml for the network of ``source``, with a table for each of ``exits``, lines that say where it stands;
    ``network`` are lines about the whole, ``images`` says what the data must be. Without ``data``, a file of theirs, it holds a place to
    fill in, which every command refuses.

    Paths are told from ``folder`` where that shares more than the root with them.
    """
    files = {"qonnx": source.qonnx, "modules": source.modules, "weights": source.weights}
    model: dict[str, Any] = {key: told_from(folder, place) for key, place in files.items() if place is not None}
    if model.get("modules") == ".":
        del model["modules"]
    if source.factory is not None:
        model["factory"] = source.factory
    name = folder.resolve().name
    policies = [{"policy": "softmax"}] * (len(exits) - 1) + [{"policy": "always"}]
    values = {
        "project": {"name": name if valid_name(name) else "own"},
        "data": {"name": "npz", "path": UNFILLED if data is None else told_from(folder, data)},
        "model": model, "exits": policies, "calibrate": {"accuracy_loss": 0.5}, "target": {"cycles_per_sample": "auto"},
    }
    return written(values, QUIET, {"data": [images], "model": network, "exits": exits})


def told_from(folder: Path, place: Path) -> str:
    """``place`` as a configuration in ``folder`` names it."""
    here, there = folder.resolve(), place.resolve()
    shared = next(parent for parent in (here, *here.parents) if there.is_relative_to(parent))
    return relative_place(there, here) if shared != shared.parent else there.as_posix()
