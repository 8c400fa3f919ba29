"""Keeps the tables of ``docs/cost_model.md`` what ``cost_model.json`` holds: ``python -m benchmarks.cost_docs`` rewrites them."""

from pathlib import Path

from benchmarks.tables import fill, table
from build_flows.base.files import write_text
from build_flows.planning.cost_model import CostModel, read_model

__all__ = ["PAGE", "WRITER", "tables", "with_tables"]

PAGE = Path(__file__).parent.parent / "docs" / "cost_model.md"
WRITER = "benchmarks.cost_docs"
NAMES = {"lut": "logic LUTs", "pairable": "of these pairable", "ff": "flip-flops", "carry": "CARRY4"}


def tables(model: CostModel) -> str:
    """How the model was fitted, its errors on the units held out, and its coefficients, as Markdown."""
    fit, rows = model.fit, model.rows
    told = [
        f"Written by `{fit.command}`: {fit.method}. {fit.synthesis}; finn-plus {fit.finn}. Networks, untrained: "
        f"{'; '.join(fit.networks)}.", "",
        "Error on the units held out: the sum of absolute errors over the sum of what was found; *worst* is that of one unit. FINN's "
        "estimate, before correction, is beside it where it has one for these units; it counts LUTs as memory among its LUTs.", "", "",
    ]
    errors: list[tuple[str, ...]] = []
    for kind, found in fit.errors.items():
        held = sum(row.kind == kind and row.held_out for row in rows)
        for name, error in found.items():
            finn = "no model" if error.finn is None else f"{error.finn:.1%}"
            count = f"{fit.units[kind] - held} and {held}"
            errors.append((kind, count, NAMES[name], f"{error.model:.1%}", f"{error.worst:.1%}", finn))
    for name, words in (("lutram", "LUTs as memory"), ("dsp", "DSPs"), ("bram18", "block RAMs (18 kbit)")):
        exact = sum(getattr(row, name) == row.found[name] for row in rows)
        errors.append(("all", str(len(rows)), words, f"{exact} of {len(rows)} units exact", "", ""))
    sums = [(kind, NAMES[name], " + ".join(f"{weight:g} {term}" for term, weight in weights.items()))
            for kind, resources in model.units.items() for name, weights in resources.items() if weights]
    return "\n".join(told) + table(("unit", "units fitted and held out", "resource", "error", "worst", "FINN's"), errors) + (
        f"\nWhat each resource of a unit is the weighted sum of:\n\n{table(('unit', 'resource', 'sum'), sums)}")


def with_tables(text: str) -> str:
    """``text`` with the tables in its part ``fit``; otherwise as :func:`benchmarks.tables.fill`."""
    return fill(text, {"fit": tables(read_model())}, WRITER)


if __name__ == "__main__":
    write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8")))
