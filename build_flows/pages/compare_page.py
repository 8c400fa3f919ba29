"""``compare.html``: what the layouts of a comparison reach and cost, in one file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from build_flows.artefacts.compare import COUNTS
from build_flows.pages import compare_plots

__all__ = ["render", "summary"]

__sources__ = ("templates/compare.html.j2",)

Row = Mapping[str, Any]

NEAR = 0.99
"""Samples a second of layouts that are designed for the same rate differ by chance: so near, they are the same."""

NAMES = {"lut": "LUTs", "lutram": "LUTs as memory", "ff": "flip-flops", "bram36": "block RAMs", "dsp": "DSPs"}


def render(found: Mapping[str, Any]) -> str:
    """The page on what :func:`build_flows.compare.compare.compare` returns, as one HTML document; the same data give the same bytes."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("build_flows.pages"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": _percent, "number": _number, "times": _times}
    rows = found["layouts"]
    return environment.get_template("compare.html.j2").render(
        found=found, rows=rows, summary=summary(found), resources=COUNTS,
        plots={name: Markup(compare_plots.svg(name, found)) for name in compare_plots.PLOTS},
        matched=next((row for row in rows if row["matched"]), None),
        clocks=sorted({row["clock_mhz"] for row in rows}), samples=sorted({row["samples"] for row in rows}),
    )


def summary(found: Mapping[str, Any]) -> list[str]:
    """What the rows show, in sentences made from their figures alone."""
    rows = found["layouts"]
    early = [row for row in rows if len(row["exits"]) > 1 and not row["baseline"]]
    bases = {row["baseline"]: row for row in rows if row["baseline"]}
    return [*_fastest(early, bases, found["part"]), *_at_rate(early, bases.get("rate")), *_efficient(early, bases),
            *_added(early), *_front(found), *_warnings(rows, found["part"])]


def _fastest(early: Sequence[Row], bases: Mapping[str, Row], part: str) -> Iterator[str]:
    """The fastest layout that fits; of those that are as fast within 1 %, the most accurate."""
    fitting = [row for row in early if row["fits"]]
    if not fitting:
        if early:
            yield f"No layout with early exits fits {part}."
        return
    top = max(row["samples_per_second"] for row in fitting)
    best = max((row for row in fitting if row["samples_per_second"] >= NEAR * top), key=lambda row: row["accuracy"])
    yield (
        f"Of the layouts with early exits that fit {part}, {best['name']} is the fastest (the most accurate within 1 % of the fastest): "
        f"{_number(best['samples_per_second'])} samples a second at {_percent(best['accuracy'], 2)} accuracy; "
        f"{_percent(1 - best['exits'][-1]['share'])} of the images leave early."
    )
    for kind, told in (("rate", "designed for the same rate"), ("resources", "in the resources of {}")):
        base = bases.get(kind)
        if base is None or best["speedup"][kind] is None:
            continue
        where = told.format(base["matched"]["layout"]) if kind == "resources" else told
        yield (
            f"That is {_times(best['speedup'][kind])} times the samples a second of the network without exits {where} "
            f"({_number(base['samples_per_second'])}), {_points(best['accuracy'] - base['accuracy'])}."
        )


def _at_rate(early: Sequence[Row], base: Row | None) -> Iterator[str]:
    """The layout that takes least at the same target rate."""
    same = [row for row in early if base is not None and row["target_cycles_per_sample"] == base["target_cycles_per_sample"]]
    if base is None or not same:
        return
    best = min(same, key=lambda row: max(row["shares"].values()))
    parts = [f"{_change(best[key], base[key])} {NAMES[key]}" for key in ("dsp", "ff", "bram36") if base[key]]
    luts = _change(best["lut"] + best["lutram"], base["lut"] + base["lutram"])
    yield (
        f"At the same target rate, {best['name']} leaves most of the part free: {luts} LUTs (logic and memory), {', '.join(parts)} than "
        f"the network without exits, at {_times(best['samples_per_second'] / base['samples_per_second'])} times its samples a second."
    )


def _efficient(early: Sequence[Row], bases: Mapping[str, Row]) -> Iterator[str]:
    rated = [row for row in early if row["samples_per_second_per_klut"]]
    if not rated:
        return
    best = max(rated, key=lambda row: row["samples_per_second_per_klut"])
    against = [
        f"{_number(base['samples_per_second_per_klut'])} without exits {told}"
        for kind, told in (("rate", "at the same rate"), ("resources", "in the same resources"))
        if (base := bases.get(kind)) is not None
    ]
    told = f", against {' and '.join(against)}" if against else ""
    yield f"Most for its LUTs gives {best['name']}: {_number(best['samples_per_second_per_klut'])} samples a second per thousand{told}."


def _added(early: Sequence[Row]) -> Iterator[str]:
    parts = []
    for key in ("lut", "ff", "bram36", "dsp"):
        shares = [row["exits_add"][key] for row in early if row["exits_add"].get(key) is not None]
        if shares:
            low, high = min(shares), max(shares)
            range_told = _percent(low) if _percent(low) == _percent(high) else f"{_percent(low)} to {_percent(high)}"
            parts.append(f"{range_told} of the {NAMES[key]}")
    if parts:
        yield f"What only early exits need (heads, decisions, gates, forks, routers, merge) is {', '.join(parts)} of these layouts."


def _front(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"No other row beats these in {', '.join(found['objectives'])} together: {', '.join(found['pareto'])}."


def _warnings(rows: Sequence[Row], part: str) -> Iterator[str]:
    short = [f"{row['name']} ({'; '.join(row['short'])})" for row in rows if not row["fits"]]
    if short:
        yield f"Too large for {part}: {', '.join(short)}."
    slow = [row["name"] for row in rows if row["fmax_estimate_mhz"] is not None and row["fmax_estimate_mhz"] < row["clock_mhz"]]
    if slow:
        yield f"By the timing estimate the clock is too fast for {', '.join(slow)}: they may not reach the samples a second given here."
    base = next((row for row in rows if row["matched"]), None)
    if base is not None and not base["matched"]["fits"]:
        larger = f"Even the slowest design without exits takes more than {base['matched']['layout']} by the cost model"
        yield f"{larger}; {base['name']} is that slowest one."


def _points(difference: float) -> str:
    """A difference of accuracies, in words."""
    points = round(100 * difference, 2)
    return "with the same accuracy" if points == 0 else f"with {abs(points):.2f} points {'more' if points > 0 else 'less'} accuracy"


def _change(value: float, base: float) -> str:
    """How much more or less ``value`` is, in words."""
    change = value / base - 1
    return "0.0 % more" if round(1000 * change) == 0 else f"{_percent(abs(change))} {'more' if change > 0 else 'fewer'}"


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if float(value).is_integer() or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:,.1f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
