"""Keeps the tables of ``docs/cost_model.md`` what ``cost_model.json`` holds: ``python -m benchmarks.cost_docs`` rewrites them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_flows.planning.cost_model import read_model

__all__ = ["BEGIN", "END", "PAGE", "tables", "with_tables"]

PAGE = Path(__file__).parent.parent / "docs" / "cost_model.md"
BEGIN = "<!-- fit: written by python -m benchmarks.cost_docs -->\n"
END = "<!-- end of fit -->\n"
NAMES = {"lut": "logic LUTs", "ff": "flip-flops"}


def tables(model: Mapping[str, Any]) -> str:
    """How the model was fitted, its errors on the units held out, and its coefficients, as Markdown."""
    fit, rows = model["fit"], model["rows"]
    lines = [
        f"Written by `{fit['command']}`: {fit['method']}. {fit['synthesis']}; finn-plus {fit['finn']}. Networks, untrained: "
        f"{'; '.join(fit['networks'])}.", "",
        "Error on the units held out: the sum of absolute errors over the sum of what was found; *worst* is that of one unit. FINN's "
        "estimate, before correction, is beside it where it has one for these units; it counts LUTs as memory among its LUTs.", "",
        "| unit | units fitted and held out | resource | error | worst | FINN's |", "|---|---|---|---|---|---|",
    ]
    for kind, found in fit["errors"].items():
        held = sum(row["kind"] == kind and row["held_out"] for row in rows)
        for name, error in found.items():
            finn = "no model" if error["finn"] is None else f"{error['finn']:.1%}"
            count = f"{fit['units'][kind] - held} and {held}"
            lines.append(f"| {kind} | {count} | {NAMES[name]} | {error['model']:.1%} | {error['worst']:.1%} | {finn} |")
    for name, told in (("lutram", "LUTs as memory"), ("dsp", "DSPs"), ("bram18", "block RAMs (18 kbit)")):
        exact = sum(row[name] == row["found"][name] for row in rows)
        lines.append(f"| all | {len(rows)} | {told} | {exact} of {len(rows)} units exact | | |")
    lines += ["", "What each resource of a unit is the weighted sum of:", "", "| unit | resource | sum |", "|---|---|---|"]
    for kind, resources in model["units"].items():
        for name, weights in resources.items():
            if weights:
                terms = " + ".join(f"{weight:g} {term}" for term, weight in weights.items())
                lines.append(f"| {kind} | {NAMES[name]} | {terms} |")
    return "\n".join(lines) + "\n"


def with_tables(text: str) -> str:
    """``text`` with the tables between :data:`BEGIN` and :data:`END`; :class:`ValueError` when it has not one of each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the page must have one {BEGIN.strip()!r} and one {END.strip()!r}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{tables(read_model())}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
