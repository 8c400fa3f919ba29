"""Estimates beside what was synthesised: FINN's analytic one and the corrected cost model, layer by layer and in total."""

from collections.abc import Iterable, Mapping
from typing import Any

from hw.netlist import Layer

__all__ = ["ESTIMATED", "compare_estimates"]

ESTIMATED = ("lut", "ff", "bram36", "dsp")
"""What is compared; ``lut`` is all LUTs, those that are memory or shift register too."""

Figures = dict[str, float | None]


def compare_estimates(layers: Iterable[Layer], units: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``{"layers": [...], "total": {...}}`` of the netlist's ``layers`` that are among the synthesised ``units``.

    ``units`` have ``name``, ``lut`` (logic alone), ``lutram``, ``ff``, ``bram36`` and ``dsp``. Each row has ``layer``, ``op``, and by
    :data:`ESTIMATED` the figures ``finn``, ``corrected`` and ``synthesised``, and ``error``: for ``finn`` and ``corrected``, by how much
    the estimate is above (below 0: under) what was synthesised, as a share of that.

    None stands for "no model": FINN has none for the flip-flops of any layer, and says 0 LUTs where it has none. An error is None, too,
    where something was estimated and nothing found. Layers that have no cost of their own (forks) are left out. FINN's total counts
    nothing where it has no model.
    """
    found = {unit["name"]: unit for unit in units}
    rows = []
    for layer in layers:
        if layer.name not in found or not layer.cost:
            continue
        unit = found[layer.name]
        synthesised: Figures = {
            "lut": unit["lut"] + unit["lutram"], "ff": unit["ff"], "bram36": unit["bram36"], "dsp": unit["dsp"],
        }
        rows.append(_row({"layer": layer.name, "op": layer.op}, _finn(layer), _corrected(layer), synthesised))
    total = {
        side: {name: sum(row[side][name] or 0 for row in rows) for name in ESTIMATED} for side in ("finn", "corrected", "synthesised")
    }
    total["finn"]["ff"] = None
    return {"layers": rows, "total": _row({}, total["finn"], total["corrected"], total["synthesised"])}


def _finn(layer: Layer) -> Figures:
    values: Figures = dict.fromkeys(ESTIMATED)
    if layer.op == "MVAU_rtl":
        # It has a model of these, and leaves out a nought.
        values |= {"bram36": 0.0, "dsp": 0.0}
    values |= {name: layer.finn[name] for name in ("lut", "dsp") if name in layer.finn}
    if "bram18" in layer.finn:
        values["bram36"] = layer.finn["bram18"] / 2
    return values


def _corrected(layer: Layer) -> Figures:
    return {"lut": layer.cost["lut"], "ff": layer.cost["ff"], "bram36": layer.cost["bram18"] / 2, "dsp": layer.cost["dsp"]}


def _row(names: Mapping[str, str], finn: Figures, corrected: Figures, synthesised: Figures) -> dict[str, Any]:
    def error(side: Figures) -> Figures:
        return {name: _error(side[name], synthesised[name]) for name in ESTIMATED}

    return {**names, "finn": finn, "corrected": corrected, "synthesised": synthesised,
            "error": {"finn": error(finn), "corrected": error(corrected)}}


def _error(estimate: float | None, found: float | None) -> float | None:
    if estimate is None or found is None:
        return None
    if found == 0:
        return 0.0 if estimate == 0 else None
    return round((estimate - found) / found, 4)
