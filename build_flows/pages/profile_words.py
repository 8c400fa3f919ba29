"""What a profile says in words: what to change first, and why."""

from dataclasses import dataclass

from build_flows.base.interval import Difference, paired_counts
from quant_models.judge.profile_records import ExitChange, ProfileFile, UnitProfile

__all__ = ["Part", "advice", "change", "costliest", "parts"]

BITS = 8
CLIPPED = 0.01


@dataclass(frozen=True)
class Part:
    """The quantiser of a unit's "weight" or "output", of ``bits``, and what it alone costs each exit."""

    unit: UnitProfile
    what: str
    bits: int
    costs: list[ExitChange]


def change(item: ExitChange, samples: int) -> Difference:
    """The share of right answers that is lost, less what is gained, with its interval."""
    return paired_counts(item.lost, item.gained, samples)


def parts(found: ProfileFile) -> list[Part]:
    """Every quantiser, in the order in which they run."""
    rows = []
    for unit in found.units:
        for what, part, costs in (("weight", unit.weight, unit.alone_weight), ("output", unit.output, unit.alone_output)):
            if part is not None:
                rows.append(Part(unit, what, part.bits, unit.alone if costs is None else costs))
    return rows


def costliest(found: ProfileFile, exit: int) -> list[Part]:
    """The quantisers that alone cost ``exit`` answers for certain, the costliest first; those of 8 bits, the most there are, left out."""
    rows = [part for part in parts(found) if part.bits < BITS and change(part.costs[exit], found.samples).low > 0]
    return sorted(rows, key=lambda part: part.costs[exit].gained - part.costs[exit].lost)


def advice(found: ProfileFile) -> str:
    """One line: what to change first, by what it costs the last exit, else the earliest exit that loses something for certain."""
    last = len(found.accuracy) - 1
    for exit in (last, *range(last)):
        rows = costliest(found, exit)
        if rows:
            return _told(found, rows[0], exit)
    whole = change(found.whole[last], found.samples)
    told = f"no layer's quantisation alone costs an exit more than chance does on {found.samples:,} validation images"
    if whole.low > 0:
        return (f"change first: nothing alone; {told}, but all together cost the last exit {100 * whole.value:.2f} points: fine-tune, or "
                "give all layers more bits")
    return (f"change nothing: {told}, nor do all together the last exit ({100 * whole.value:.2f} points, 95 %: {100 * whole.low:.2f} to "
            f"{100 * whole.high:.2f})")


def _told(found: ProfileFile, part: Part, exit: int) -> str:
    cost = change(part.costs[exit], found.samples)
    what = "weights" if part.what == "weight" else "activations"
    name = part.unit.name
    told = (f"change first: {name}: its {what} of {part.bits} bits alone cost exit {exit} {100 * cost.value:.2f} points of accuracy "
            f"(95 %: {100 * cost.low:.2f} to {100 * cost.high:.2f})")
    clipped = part.unit.output.clipped if part.what == "output" and part.unit.output is not None else 0.0
    if clipped > CLIPPED:
        told += f", and {100 * clipped:.1f} % of its values lie beyond its range"
    if not found.preset:
        return f"{told}: give {what} of {name} more bits{', or a wider range' if clipped > CLIPPED else ''}, or train on"
    key = "weight" if part.what == "weight" else "act"
    return f"{told}: model.layer_bits = {{ {name} = {{ {key} = {BITS} }} }}, or fine-tune"
