"""``folding.toml``: the folding of every layer, as it is written for people to edit, and read."""

from pathlib import Path
from typing import Any

from build_flows.base.errors import ConfigError
from build_flows.base.toml_file import read_toml_file
from build_flows.planning.folding import Folding, FoldingError, fold_row
from build_flows.planning.layer_costs import Cost, Fold, fold_error
from build_flows.planning.network import Layer, Network

__all__ = ["read_toml", "to_toml"]


def to_toml(folding: Folding, note: str | None = None) -> str:
    """``folding.toml`` as text: one table a layer, with comments on what is predicted of it, and a ``note``, one line. Equal foldings give
    equal text."""
    lines = ["# Folding of every layer. To change it, edit a copy, and name that as build.folding.",
             "# Comments are predictions, and are not read back.", "version = 1"]
    lines += [f"# {note}"] if note else []
    cost = folding.cost
    lines.append(f"# all layers, estimated: {_cost_text(cost)}, of {folding.part.name}'s {folding.part.dsp} DSP, {folding.part.lut} LUT")
    stage = -1
    for layer in folding.network.layers:
        if layer.stage != stage:
            stage = layer.stage
            limit = folding.limit(stage)
            predicted = f"{limit.cycles} predicted, set by {limit.layer} ({limit.unit})"
            lines += ["", f"# ---- stage {stage}: target {limit.target} cycles a frame; {predicted}"]
        plan = folding.plans[layer.name]
        lines += ["", f"[{layer.name}]", f"# {plan.cycles} cycles; {_cost_text(plan.cost)}"]
        if layer.weight_bits:
            lines.append(f"# weights {layer.mh} x {layer.mw}: pe divides {layer.mh}, simd divides {layer.mw}")
        else:
            lines.append(f"# pe divides {layer.target.channels}")
        lines += [f"{key} = {value}" for key, value in fold_row(layer, folding.folds[layer.name]).items()]
    return "\n".join(lines) + "\n"


def _cost_text(cost: Cost) -> str:
    return f"{cost.dsp} DSP, {cost.bram18} BRAM18, {cost.lut} LUT, {cost.ff} FF"


def read_toml(path: Path, network: Network) -> dict[str, Fold]:
    """The foldings in the ``folding.toml`` at ``path``, by layer name; :func:`evaluate` says what they make.

    Raises :class:`FoldingError` naming file, layer, key, value and what is allowed for the first thing that is wrong.
    """
    try:
        raw = read_toml_file(path)
    except ConfigError as error:
        raise FoldingError(str(error)) from error
    version = raw.pop("version", None)
    if version != 1:
        raise FoldingError(f"{path}: version must be 1, not {version!r}")
    layers = {layer.name: layer for layer in network.layers}
    for name in raw:
        if name not in layers:
            raise FoldingError(f"{path}: no layer is called {name!r}; known are {', '.join(layers)}")
    folds = {}
    for name, layer in layers.items():
        if name not in raw:
            raise FoldingError(f"{path}: layer {name!r} is missing")
        folds[name] = _read_fold(path, layer, raw[name])
    return folds


def _read_fold(path: Path, layer: Layer, table: Any) -> Fold:
    where = f"{path}: {layer.name}"
    keys = tuple(fold_row(layer, Fold(1)))
    if not isinstance(table, dict):
        raise FoldingError(f"{where}: must be a table with {', '.join(keys)}, not {table!r}")
    for key in [*table, *keys]:
        if key not in keys:
            raise FoldingError(f"{where}: unknown key {key!r}; a {layer.kind} has {', '.join(keys)}")
        if key not in table:
            raise FoldingError(f"{where}: key {key!r} is missing; a {layer.kind} has {', '.join(keys)}")
        value = table[key]
        if key == "parallel_window":
            if value not in (0, 1):
                raise FoldingError(f"{where}: parallel_window must be 0 or 1, not {value!r}")
        elif isinstance(value, bool) or not isinstance(value, int):
            raise FoldingError(f"{where}: {key} must be an integer, not {value!r}")
    fold = Fold(table["pe"], table.get("simd", 1), bool(table.get("parallel_window", 0)))
    reason = fold_error(layer, fold)
    if reason:
        raise FoldingError(f"{where}: {reason}")
    return fold
