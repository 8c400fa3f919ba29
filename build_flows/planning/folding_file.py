"""``folding.toml``: the folding of every layer, as it is written for people to edit, and read."""

from pathlib import Path
from typing import Any

from build_flows.base.errors import ConfigError
from build_flows.base.toml_file import read_toml_file
from build_flows.planning.folding import Folding, FoldingError, fold_row
from build_flows.planning.layer_costs import Cost, Fold, fold_error, units_of_chain
from build_flows.planning.network import Layer, Network
from build_flows.planning.pool_units import pixel_pool_options
from build_flows.planning.static_units import static_options
from build_flows.planning.unit import BODIES, OWN_KEYS
from hw.layers.dsp_packing import longest_chain

__all__ = ["VERSION", "read_toml", "to_toml"]

VERSION = 2
"""Of the file. Version 1 knew FINN's units alone: its foldings were for other neighbours."""


def to_toml(folding: Folding, note: str | None = None) -> str:
    """``folding.toml`` as text: one table a layer, with comments on what is predicted of it, and a ``note``, one line. Equal foldings give
    equal text."""
    lines = ["# Folding of every layer. To change it, edit a copy, and name that as build.folding.",
             "# Comments are predictions, and are not read back.", f"version = {VERSION}"]
    lines += [f"# {note}"] if note else []
    cost = folding.cost
    part = folding.part
    lines.append(f"# layers and gates, estimated: {_cost_text(cost)}, of {part.name}'s {part.dsp} DSP, {part.lut} LUT")
    stage = -1
    for layer in folding.network.layers:
        if layer.stage != stage:
            stage = layer.stage
            limit = folding.limit(stage)
            predicted = f"{limit.cycles} predicted, set by {limit.layer} ({limit.unit})"
            lines += ["", f"# ---- stage {stage}: target {limit.target} cycles a frame; {predicted}"]
        plan = folding.plans[layer.name]
        lines += ["", f"[{layer.name}]", f"# {plan.cycles} cycles; {_cost_text(plan.cost)}"]
        fold = folding.folds[layer.name]
        if fold.by_itself:
            lines.append(f"# a unit by itself; pixels is one of {', '.join(map(str, pixel_pool_options(layer)))}")
        elif fold.fused and layer.kind == "maxpool":
            lines.append("# in the unit of the layer before it")
        elif fold.fused:
            lines.append(f"# weights {layer.mh} x {layer.mw}{_static_told(layer, folding) if fold.static else _shared_told(layer, fold)}")
        elif layer.weight_bits:
            lines.append(f"# weights {layer.mh} x {layer.mw}: pe divides {layer.mh}, simd divides {layer.mw}")
        else:
            lines.append(f"# pe divides {layer.target.channels}")
        lines += [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in fold_row(layer, fold).items()]
    return "\n".join(lines) + "\n"


def _static_told(layer: Layer, folding: Folding) -> str:
    if layer.kind == "linear":
        return ", all at once"
    return f", all at once; pixels is one of {', '.join(map(str, static_options(layer, folding.fused_pool(layer.name))))}"


def _shared_told(layer: Layer, fold: Fold) -> str:
    if fold.lut or fold.binary:
        return f" in memory; inputs is at most {layer.source.channels}, lanes divides outputs"
    chains = {pixels: longest_chain(layer.in_bits, layer.in_signed, layer.weight_bits, pixels=pixels) for pixels in (1, 2)}
    steps = " or ".join(f"of {chain[1].outputs} where pixels is {pixels}" for pixels, chain in chains.items() if chain)
    return f" in memory; inputs is at most {layer.source.channels}, outputs a multiple {steps}, lanes divides outputs"


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
    if version == 1 and not isinstance(version, bool):
        raise FoldingError(
            f"{path}: version must be {VERSION}, not 1: that file was chosen among FINN's units alone, and layers may be units of another "
            f"kind now; copy folding.toml out of the output folder of a new compile, or write version = {VERSION} if it is to stay as it is"
        )
    if version != VERSION or isinstance(version, bool):
        raise FoldingError(f"{path}: version must be {VERSION}, not {version!r}")
    layers = {layer.name: layer for layer in network.layers}
    for name in raw:
        if name not in layers:
            raise FoldingError(f"{path}: no layer is called {name!r}; known are {', '.join(layers)}")
    folds = {}
    for name, layer in layers.items():
        if name not in raw:
            raise FoldingError(f"{path}: layer {name!r} is missing")
        folds[name] = _read_fold(path, layer, raw[name])
    for chain in network.chains:
        try:
            list(units_of_chain(chain, folds))
        except ValueError as error:
            raise FoldingError(f"{path}: {error}") from error
    return folds


def _read_fold(path: Path, layer: Layer, table: Any) -> Fold:
    try:
        return fold_of_row(layer, table)
    except ValueError as error:
        raise FoldingError(f"{path}: {layer.name}: {error}") from error


def fold_of_row(layer: Layer, table: Any) -> Fold:
    """The fold that the table of ``layer`` is, alone. Raises ValueError with the key, its value and what is allowed."""
    known = [*fold_row(layer, Fold()), "body", *(OWN_KEYS["shared"] if layer.weight_bits else ()),
             *(OWN_KEYS["pool"] if layer.kind == "maxpool" else ())]
    if not isinstance(table, dict):
        raise ValueError(f"must be a table with {', '.join(known)}, not {table!r}")
    body = table.get("body", "finn")
    if body not in BODIES:
        raise ValueError(f"body must be one of {', '.join(BODIES)}, not {body!r}")
    keys = tuple(fold_row(layer, Fold(body=body)))
    told = f"a {layer.kind} has {', '.join(keys)}" + (f' where its body is "{body}"' if body != "finn" else "")
    for key in [*table, *keys]:
        if key not in keys and key != "body":
            raise ValueError(f"unknown key {key!r}; {told}")
        if key not in table:
            raise ValueError(f"key {key!r} is missing; {told}")
        value = table[key]
        if key == "parallel_window":
            if value not in (0, 1):
                raise ValueError(f"parallel_window must be 0 or 1, not {value!r}")
        elif key != "body" and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError(f"{key} must be an integer, not {value!r}")
    given: dict[str, Any] = {key: table[key] for key in keys} | {"body": body}
    if "parallel_window" in given:
        given["parallel_window"] = bool(given["parallel_window"])
    fold = Fold(**given)
    reason = fold_error(layer, fold)
    if reason:
        raise ValueError(reason)
    return fold
