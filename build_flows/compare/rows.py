"""The rows of a comparison: what was measured and synthesised of each layout, and the same as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from build_flows.artefacts.compare import COUNTS, GROUPS
from build_flows.project.config import Config

__all__ = ["finish", "make_row", "to_csv", "uses"]

Row = dict[str, Any]

"""What resources are for: the backbone's layers (with the last exit's own), the early exits' heads, all decisions, gates with routers and
forks, FIFOs, and everything else."""

_KINDS = {"decision": "decisions", "gate": "gates", "router": "gates", "fork": "gates", "fifo": "streams", "stream": "streams"}
_JOINED = {"after": "after", "head": "head", "policy": "policy", "share": "exit_share", "accuracy": "exit_accuracy"}
_LEFT_OUT = ("uses", "matched")


def make_row(name: str, baseline: str | None, config: Config, figures: Mapping[str, Any], resources: Mapping[str, Any]) -> Row:
    """One row: what the simulation's ``figures`` (those of :mod:`build_flows.steps.simulate`) and ``resources.json`` say of a layout.

    ``accuracy`` and ``share`` are from 0 to 1, of the test images through the RTL; ``cycles_per_sample`` is measured at steady state;
    ``lut`` are logic LUTs, ``lutram`` LUTs that are memory or shift register; ``samples_per_second_per_klut`` counts both.
    ``shares`` are of the part, ``exits_add`` of the layout's own total. :func:`finish` fills in what depends on the other rows.
    """
    total = resources["total"]
    places = [*config.layout, (None, None)]
    exits = [
        {"after": after, "head": head, "policy": item.policy, "share": found["share"], "accuracy": found["accuracy"]}
        for (after, head), item, found in zip(places, config.exits, figures["exits"], strict=True)
    ]
    luts = total["lut"] + total["lutram"]
    return {
        "name": name,
        "baseline": baseline,
        "exits": exits,
        "accuracy": figures["accuracy"],
        "samples": figures["samples"],
        "target_cycles_per_sample": config.target.cycles_per_sample,
        "cycles_per_sample": figures["cycles_per_sample"],
        "samples_per_second": figures["samples_per_second"],
        "clock_mhz": figures["clock_mhz"],
        "limited_by": figures["limited_by"],
        **{key: total[key] for key in COUNTS},
        "shares": dict(resources["shares"]),
        "fits": resources["fits"],
        "short": list(resources["short"]),
        "fmax_estimate_mhz": resources["fmax_estimate_mhz"],
        "samples_per_second_per_klut": 1000 * figures["samples_per_second"] / luts if luts else None,
        "exits_add": dict(resources["exits_add"]),
        "speedup": {"rate": None, "resources": None},
        "pareto": False,
        "matched": None,
        "uses": uses(resources["units"]),
        "config": None,
    }


def uses(units: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The synthesised ``units`` summed by what they are for: ``group`` (one of :data:`GROUPS`), ``stage`` (of the backbone's groups, else
    None) and :data:`COUNTS`; in the order of the groups, those that are not there left out."""
    found: dict[tuple[str, int | None], dict[str, Any]] = {}
    for unit in units:
        group = _group(unit)
        stage = unit["stage"] if group == "backbone" else None
        entry = found.setdefault((group, stage), {"group": group, "stage": stage} | dict.fromkeys(COUNTS, 0))
        for key in COUNTS:
            entry[key] += unit[key]
    return [found[key] for key in sorted(found, key=lambda key: (GROUPS.index(key[0]), -1 if key[1] is None else key[1]))]


def _group(unit: Mapping[str, Any]) -> str:
    if unit["kind"] == "layer":
        return "heads" if unit["head"] and unit["exit_cost"] else "backbone"
    return _KINDS.get(unit["kind"], "control")


def finish(rows: Sequence[Row]) -> None:
    """Fill in each row's ``speedup`` over the baselines among ``rows``: samples a second by the baseline's, None where it is missing."""
    for kind in ("rate", "resources"):
        base = next((row for row in rows if row["baseline"] == kind), None)
        for row in rows:
            if base is not None and base["samples_per_second"]:
                row["speedup"][kind] = row["samples_per_second"] / base["samples_per_second"]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """``rows`` as CSV with a line of names: the same values as in JSON, with ``shares``, ``speedup`` and ``exits_add`` one column a key
    (``shares_lut``), and ``exits`` as their number and one column a key, values from first to last exit joined by ``;`` (the last one's
    place and head are empty). ``uses`` and ``matched`` are in JSON only."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in row.items():
        if name in _LEFT_OUT:
            continue
        if name == "exits":
            found["exits"] = str(len(value))
            found |= {column: ";".join(_cell(item[key]) for item in value) for key, column in _JOINED.items()}
        elif isinstance(value, dict):
            found |= {f"{name}_{key}": _cell(item) for key, item in value.items()}
        elif isinstance(value, list):
            found[name] = ";".join(map(_cell, value))
        else:
            found[name] = _cell(value)
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
