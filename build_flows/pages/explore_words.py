"""What an exploration found, in sentences made from its figures alone; a figure that is predicted is called so."""

from collections.abc import Iterator, Mapping, Sequence

from build_flows.artefacts.explore import ExitPays, ExploreFile, Outcome, PointRecord
from build_flows.pages.explore_figures import both_measured, designs, shown, verified, worst, worth
from build_flows.pages.html import number, percent, share_told, times

__all__ = ["NAMES", "bits_told", "signed", "summary", "tiles"]

NAMES = {"lut": "LUTs", "ff": "flip-flops", "bram36": "block RAMs", "dsp": "DSPs"}

TOLD_PAYS = 4
"""So many exits that do not pay are named; the table has all."""


def summary(found: ExploreFile) -> list[str]:
    """The page's first lines."""
    return [*_worth(found), *_space(found), *_bests(found), *_harm(found), *_pays(found.pays), *_errors(found), *_moved(found),
            *(f"Verification of {item.name} failed: {item.error}." for item in found.failed)]


def tiles(found: ExploreFile) -> list[tuple[str, str]]:
    """Figures to begin with, each with what it is."""
    value, points, run, told = worth(found), [point for point in verified(found) if point.errors is not None], found.evaluated, []
    if value is not None:
        kind = "measured" if value.measured else "predicted"
        told.append((f"{times(value.times)} x", f"the samples a second of the fastest without exits, accuracy within half a point; {kind}"))
        if value.share is not None:
            told.append((percent(value.share, 0), f"of its {NAMES[value.resource]} at its rate; {kind}"))
    told.append((number(run.points), f"designs looked at, {number(round(run.points_per_minute))} a minute; predicted"))
    done = sum(point.measured is not None for point in found.front)
    told.append((f"{done} of {len(found.front)}", "designs on the front verified in RTL and synthesis"))
    if points:
        off = worst(points)
        told.append((f"{percent(abs(off['cycles']))}, {percent(abs(off['lut']))}", "the most that predicted cycles, and LUTs, were off"))
    return told


def signed(value: float, digits: int = 1) -> str:
    """``value`` with its sign; what rounds to nothing has none."""
    told = f"{value:+.{digits}f}"
    return told[1:] if float(told) == 0 else told


def bits_told(point: PointRecord) -> str:
    """The bits of its weights and activations."""
    return f"{point.weight_bits}-bit weights, {point.act_bits}-bit activations"


def _space(found: ExploreFile) -> Iterator[str]:
    run = found.evaluated
    how = "one by one" if run.optimiser is None else f"as {run.optimiser} chose them with seed {found.seed}"
    looked = "all of them" if run.complete else f"{number(run.points)} of them ({percent(run.points / run.size if run.size else 0.0)})"
    pace = f", {number(round(run.points_per_minute))} a minute" if run.seconds else ""
    yield (f"The space holds {_many(run.size, 'design')}; {looked} {'was' if run.points == 1 else 'were'} looked at, {how}{pace}, in "
           f"{_many(run.thresholds, 'variant')} of thresholds.")
    must = " and ".join(f"{key.replace('_', ' ')} {value:,g}" for key, value in found.must.items())
    held = f" and hold what must hold ({must})" if must else ""
    yield (f"{_many(run.fitting, 'variant')} {'is' if run.fitting == 1 else 'are'} predicted to fit {found.part}{held}; "
           f"{_many(len(found.front), 'design')} of them {'is' if len(found.front) == 1 else 'are'} on the front of "
           f"{', '.join(found.objectives)}, {number(sum(point.measured is not None for point in found.front))} of them verified.")


def _bests(found: ExploreFile) -> Iterator[str]:
    # Validation and test images are not told apart by a maximum: like is compared with like.
    done = [point for point in found.front if point.measured is not None]
    points = done or found.front
    if not points:
        return
    told = {
        "most accurate": max(points, key=lambda point: (shown(point).accuracy, shown(point).samples_per_second)),
        "fastest": max(points, key=lambda point: (shown(point).samples_per_second, shown(point).accuracy)),
        "smallest": min(points, key=lambda point: (shown(point).lut, -shown(point).accuracy)),
    }
    counted = [point for point in points if shown(point).energy is not None]
    if "energy" in found.objectives and counted:
        told["one that switches least a sample"] = min(counted, key=lambda point: (shown(point).energy or 0.0, -shown(point).accuracy))
    for word, point in told.items():
        figures = shown(point)
        yield (f"The {word} of the front{', of those that were verified,' if done else ''} is {point.name}: "
               f"{share_told(figures.accuracy, figures.samples)} accuracy at {number(figures.samples_per_second)} samples a second in "
               f"{number(figures.lut)} LUTs, {'measured' if done else 'predicted'}.")


def _worth(found: ExploreFile) -> Iterator[str]:
    value = worth(found)
    if value is None:
        broken = [point.measured for point in found.moved if not point.exits and point.measured is not None and not point.measured.fits]
        if broken:
            why = "; ".join(sorted({", ".join(item.short) for item in broken}))
            yield f"What exits are worth is not known: of designs without them {len(broken)} were verified, and cannot be built ({why})."
        elif found.alone:
            yield ("No design with early exits that fits is within half a point of the accuracy of the best one without them; all "
                   f"{'measured' if both_measured(found) else 'predicted'}.")
        return
    fast, base = value.figures(value.fast), value.figures(value.base)
    kind = "measured" if value.measured else "predicted"
    yield (
        f"What exits are worth: within half a point of the best accuracy without them, {value.fast.name} is the fastest with exits and "
        f"{value.base.name} the fastest without. {number(fast.samples_per_second)} samples a second against "
        f"{number(base.samples_per_second)} are {times(value.times)} times as many, at {percent(fast.accuracy, 2)} accuracy against "
        f"{percent(base.accuracy, 2)}; all {kind}."
    )
    if value.small is None:
        yield f"None of the designs with exits that are so accurate keeps the rate of {value.base.name}."
    elif value.share is not None:
        small, name = value.figures(value.small), NAMES[value.resource]
        yield (
            f"At the rate of {value.base.name}, {value.small.name} takes {percent(value.share)} of its {name}, which limit it: "
            f"{number(getattr(small, value.resource))} against {number(getattr(base, value.resource))}, at "
            f"{number(small.samples_per_second)} samples a second and {percent(small.accuracy, 2)} accuracy; all {kind}."
        )


def _harm(found: ExploreFile) -> Iterator[str]:
    bounds = {point.name: point.harm_bound for point in verified(found) if point.harm_bound is not None}
    if bounds:
        name = max(bounds, key=lambda name: bounds[name])
        yield (
            f"On new images the exits of a verified design cost at most {100 * bounds[name]:.2f} points of the accuracy of its last exit "
            f"alone (that is {name}), with {percent(found.confidence, 0)} confidence for all {len(bounds)} together."
        )


def _pays(pays: Sequence[ExitPays]) -> Iterator[str]:
    if not pays:
        return
    bad = [item for item in pays if not item.pays]
    if not bad:
        yield f"Each of the {_many(len(pays), 'early exit')} on the front saves more than it costs those that pass it."
        return
    named = [
        f"exit {item.exit} of {item.point} ({item.head} after {item.after}: {percent(item.passed)} of the samples pass its head, "
        f"{percent(item.left)} leave)" for item in bad[:TOLD_PAYS]
    ]
    more = f", and {len(bad) - TOLD_PAYS} more" if len(bad) > TOLD_PAYS else ""
    yield (f"{number(len(bad))} of {_many(len(pays), 'early exit')} on the front {'does' if len(bad) == 1 else 'do'} not pay: more "
           f"multiplications are spent on the head than saved behind it: {'; '.join(named)}{more}.")


def _errors(found: ExploreFile) -> Iterator[str]:
    points = [point for point in verified(found) if point.errors is not None]
    if not points:
        yield "No design was verified: every figure here is predicted."
        return
    off = worst(points)
    inside = sum(point.errors is not None and point.errors.inside for point in points)
    energy = f", {percent(abs(off['energy']))} in what a sample switches" if "energy" in off else ""
    yield (
        f"Over {_many(len(points), 'verified design')} predictions were off by at most {percent(abs(off['cycles']))} in cycles a sample, "
        f"{percent(abs(off['lut']))} in LUTs, {percent(abs(off['ff']))} in flip-flops, {number(abs(off['bram36']))} block RAMs, "
        f"{number(abs(off['dsp']))} DSPs{energy} and {100 * abs(off['shares']):.2f} points of an exit's share; the accuracy measured is "
        f"that predicted, by their 95 % intervals, in {inside} of {len(points)}."
    )


def _moved(found: ExploreFile) -> Iterator[str]:
    moved = [row.point for row in designs(found) if row.moved]
    if moved:
        told = [f"{point.name} ({_why(point, found.must)})" for point in moved]
        yield f"By what was measured no longer on the front: {', '.join(told)}."


def _why(point: PointRecord, must: Mapping[str, float]) -> str:
    """What verification found of a design that it moved."""
    found = shown(point)
    if not found.fits:
        return f"does not fit: {'; '.join(found.short)}"
    return f"{_reached(found, must)} measured, {_reached(point.predicted, must)} predicted"


def _reached(found: Outcome, must: Mapping[str, float]) -> str:
    """What designs are moved for: accuracy, rate, and latency where it must hold."""
    late = f" and {found.latency_us:.3g} µs" if "latency_us" in must and found.latency_us is not None else ""
    return f"{percent(found.accuracy, 2)} and {number(found.samples_per_second)} samples a second{late}"


def _many(count: int, word: str) -> str:
    return f"{number(count)} {word}{'' if count == 1 else 's'}"
