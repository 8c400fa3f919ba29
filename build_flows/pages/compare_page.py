"""``compare.html``: what the layouts of a comparison reach and cost, in one file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence

from build_flows.artefacts.compare import COUNTS, CompareFile, Row
from build_flows.pages import compare_plots, html
from build_flows.pages.html import gain_told, number, percent, share_told, times
from build_flows.pages.verdict import mhz

__all__ = ["cannot", "render", "summary"]

__sources__ = ("templates/compare.html.j2", "templates/wide.html.j2")

NEAR = 0.99
"""Samples a second of layouts that are designed for the same rate differ by chance: so near, they are the same."""

NAMES = {"lut": "LUTs", "lutram": "LUTs as memory", "ff": "flip-flops", "bram36": "block RAMs", "dsp": "DSPs"}


def render(found: CompareFile) -> str:
    """The page on the comparison ``found``, as one HTML document; the same data give the same bytes."""
    rows = found.layouts
    return html.render(
        "compare.html.j2", found=found, rows=rows, summary=summary(found), resources=(*COUNTS, "carry"),
        plots={name: html.markup(compare_plots.svg(name, found)) for name in compare_plots.PLOTS},
        matched=next((row for row in rows if row.matched), None),
        paired=any(row.accuracy_gain.rate is not None and row.accuracy_gain.rate.paired for row in rows), mhz=mhz, share_told=share_told,
        clocks=sorted({row.clock_mhz for row in rows}), samples=sorted({row.samples for row in rows}),
    )


def summary(found: CompareFile) -> list[str]:
    """What the rows show, in sentences made from their figures alone."""
    rows = found.layouts
    early = [row for row in rows if len(row.exits) > 1 and not row.baseline]
    bases = {row.baseline: row for row in rows if row.baseline}
    return [*_fastest(early, bases, found.part), *_at_rate(early, bases.get("rate")), *_efficient(early, bases),
            *_added(early), *_front(found), *_warnings(rows, found.part)]


def _fastest(early: Sequence[Row], bases: Mapping[str, Row], part: str) -> Iterator[str]:
    """The fastest layout that can be built; of those that are as fast within 1 %, the one with most right answers."""
    fitting = [row for row in early if row.buildable]
    if not fitting:
        if early:
            met = " at its clock" if any(row.fits for row in early) else ""
            yield f"No layout with early exits fits {part}{met}."
        return
    top = max(row.samples_per_second for row in fitting)
    near = [row for row in fitting if row.samples_per_second >= NEAR * top]
    best = max(near, key=lambda row: row.accuracy)
    alike = [row.name for row in near if row.name in best.within_noise]
    yield (
        f"Of the layouts with early exits that fit {part} and keep their clock, {best.name} is the fastest "
        f"({'with most right answers of those' if len(near) > 1 else 'alone'} within 1 %): "
        f"{number(best.samples_per_second)} samples a second at {share_told(best.accuracy, best.samples)} accuracy; "
        f"{percent(1 - best.exits[-1].share)} of the images leave early."
    )
    if alike:
        yield f"As fast within 1 %, and in accuracy not told apart from it: {', '.join(alike)}."
    for kind, speedup, gain in (("rate", best.speedup.rate, best.accuracy_gain.rate),
                                ("resources", best.speedup.resources, best.accuracy_gain.resources)):
        base = bases.get(kind)
        if base is None or speedup is None:
            continue
        same = base.target_cycles_per_sample == best.target_cycles_per_sample
        designed = "the same rate" if same else f"{base.target_cycles_per_sample:,} cycles a sample"
        where = f"designed for {designed}" if base.matched is None else f"in the resources of {base.matched.layout}"
        built = "" if base.buildable else f", which {cannot(base)}"
        yield (
            f"That is {times(speedup)} times the samples a second of the network without exits {where}{built} "
            f"({number(base.samples_per_second)}){'' if gain is None else f', {gain_told(gain)}'}."
        )


def _at_rate(early: Sequence[Row], base: Row | None) -> Iterator[str]:
    """The layout that takes least at the same target rate, of those that can be built."""
    same = [row for row in early if row.buildable and base is not None and row.target_cycles_per_sample == base.target_cycles_per_sample]
    if base is None or not same:
        return
    best = min(same, key=lambda row: max(vars(row.shares).values()))
    parts = [f"{_change(getattr(best, key), there)} {NAMES[key]}" for key in ("dsp", "ff", "bram36") if (there := getattr(base, key))]
    yield (
        f"At the same target rate, {best.name} leaves most of the part free: {_change(best.luts, base.luts)} LUTs (logic and memory), "
        f"{', '.join(parts)} than the network without exits, at {times(best.samples_per_second / base.samples_per_second)} times its "
        "samples a second."
    )


def _efficient(early: Sequence[Row], bases: Mapping[str, Row]) -> Iterator[str]:
    rated = [row for row in early if row.buildable and row.samples_per_second_per_klut]
    if not rated:
        return
    best = max(rated, key=lambda row: row.samples_per_second_per_klut or 0.0)
    against = [
        f"{number(base.samples_per_second_per_klut)} without exits {told}"
        for kind, told in (("rate", "at the same rate"), ("resources", "in the same resources"))
        if (base := bases.get(kind)) is not None
    ]
    told = f", against {' and '.join(against)}" if against else ""
    yield f"Most for its LUTs gives {best.name}: {number(best.samples_per_second_per_klut)} samples a second per thousand{told}."


def _added(early: Sequence[Row]) -> Iterator[str]:
    parts = []
    for key in ("lut", "ff", "bram36", "dsp"):
        shares = [getattr(row.exits_add, key) for row in early]
        if shares:
            low, high = percent(min(shares)), percent(max(shares))
            range_told = low if low == high else f"{low} to {high}"
            parts.append(f"{range_told} of the {NAMES[key]}")
    if parts:
        yield f"What only early exits need (heads, decisions, gates, forks, routers, merge) is {', '.join(parts)} of these layouts."


def _front(found: CompareFile) -> Iterator[str]:
    what = ", ".join(found.objectives)
    if not found.pareto:
        yield f"No row is on the front of {what}: none fits {found.part} and keeps its clock."
        return
    of = "" if found.include_unbuildable or not found.unbuildable else ", of those that fit and keep their clock"
    noise = "; accuracies that the test images do not tell apart count as equal" if "accuracy" in found.objectives else ""
    yield f"No other row beats these in {what} together{of}: {', '.join(found.pareto)}{noise}."


def _warnings(rows: Sequence[Row], part: str) -> Iterator[str]:
    short = [f"{row.name} ({'; '.join(row.short)})" for row in rows if not row.fits]
    if short:
        yield f"Too large for {part}: {', '.join(short)}."
    slow = [f"{row.name} ({mhz(row.expected_clock_mhz)} of {mhz(row.clock_mhz)})" for row in rows if row.meets_clock is False]
    if slow:
        yield (f"By the timing estimate the clock is too fast for {', '.join(slow)}: their samples a second are given at the clock "
               "estimated.")
    for row in rows:
        if row.matched is not None and not row.matched.fits:
            larger = f"Even the slowest design without exits takes more than {row.matched.layout} by the cost model"
            yield f"{larger}; {row.name} is that slowest one."


def cannot(row: Row) -> str:
    """Why ``row`` cannot be built, as a verb."""
    return "does not fit" if not row.fits else "misses its clock"


def _change(value: float, base: float) -> str:
    """How much more or less ``value`` is, in words."""
    change = value / base - 1
    return "0.0 % more" if round(1000 * change) == 0 else f"{percent(abs(change))} {'more' if change > 0 else 'fewer'}"
