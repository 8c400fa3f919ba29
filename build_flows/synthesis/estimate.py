"""Estimates beside what was synthesised: FINN's analytic one and the corrected cost model, layer by layer and in total."""

from collections.abc import Iterable, Sequence

from build_flows.artefacts.resources import EstimateErrors, EstimateRow, Estimates, LayerEstimate, UnitRecord
from hw.netlist import Layer

__all__ = ["ESTIMATED", "compare_estimates"]

ESTIMATED = ("lut", "ff", "bram36", "dsp")
"""What is compared; ``lut`` is all LUTs, those that are memory or shift register too."""

def compare_estimates(layers: Iterable[Layer], units: Iterable[UnitRecord]) -> Estimates:
    """FINN's estimate and ours of the netlist's ``layers`` that are among the synthesised ``units``, with their errors.

    None stands for "no model": FINN has none for the flip-flops of any layer, and says 0 LUTs where it has none. An error is None, too,
    where something was estimated and nothing found. Layers that have no cost of their own (forks) are left out. FINN's total counts
    nothing where it has no model.
    """
    found = {unit.name: unit for unit in units}
    rows = []
    for layer in layers:
        if layer.name not in found or not layer.cost:
            continue
        unit = found[layer.name]
        synthesised = EstimateRow(lut=unit.lut + unit.lutram, ff=unit.ff, bram36=unit.bram36, dsp=unit.dsp)
        finn, corrected = _finn(layer), _corrected(layer)
        rows.append(LayerEstimate(
            layer=layer.name, op=layer.op, finn=finn, corrected=corrected, synthesised=synthesised,
            error=_errors(finn, corrected, synthesised),
        ))
    finn, corrected, synthesised = (
        _sum([getattr(row, side) for row in rows]) for side in ("finn", "corrected", "synthesised")
    )
    finn = finn.replace(ff=None)
    total = LayerEstimate(finn=finn, corrected=corrected, synthesised=synthesised, error=_errors(finn, corrected, synthesised))
    return Estimates(layers=rows, total=total)


def _sum(rows: Sequence[EstimateRow]) -> EstimateRow:
    return EstimateRow(**{name: sum(getattr(row, name) or 0 for row in rows) for name in ESTIMATED})


def _finn(layer: Layer) -> EstimateRow:
    values: dict[str, float | None] = dict.fromkeys(ESTIMATED)
    if layer.op == "MVAU_rtl":
        # It has a model of these, and leaves out a nought.
        values |= {"bram36": 0.0, "dsp": 0.0}
    values |= {name: layer.finn[name] for name in ("lut", "dsp") if name in layer.finn}
    if "bram18" in layer.finn:
        values["bram36"] = layer.finn["bram18"] / 2
    return EstimateRow(**values)


def _corrected(layer: Layer) -> EstimateRow:
    cost = layer.cost
    return EstimateRow(lut=cost["lut"], ff=cost["ff"], bram36=cost["bram18"] / 2, dsp=cost["dsp"])


def _errors(finn: EstimateRow, corrected: EstimateRow, synthesised: EstimateRow) -> EstimateErrors:
    def error(side: EstimateRow) -> EstimateRow:
        return EstimateRow(**{name: _error(getattr(side, name), getattr(synthesised, name)) for name in ESTIMATED})

    return EstimateErrors(finn=error(finn), corrected=error(corrected))


def _error(estimate: float | None, found: float | None) -> float | None:
    if estimate is None or found is None:
        return None
    if found == 0:
        return 0.0 if estimate == 0 else None
    return round((estimate - found) / found, 4)
