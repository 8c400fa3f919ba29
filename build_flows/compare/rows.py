"""The rows of a comparison: what was measured and synthesised of each layout, and the same as CSV."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.compare import COUNTS, GROUPS, AccuracyGain, Change, Row, RowExit, Speedup, Use
from build_flows.artefacts.resources import ResourcesFile, UnitRecord
from build_flows.artefacts.simulation import Figures
from build_flows.artefacts.verdict import synthesised
from build_flows.base import csv_text
from build_flows.base.csv_text import cell
from build_flows.base.interval import independent, paired, wilson
from build_flows.project.config import Config

__all__ = ["Answers", "finish", "make_row", "to_csv", "uses"]

_KINDS = {"decision": "decisions", "gate": "gates", "router": "gates", "fork": "gates", "fifo": "streams", "stream": "streams"}
_JOINED = {"after": "after", "head": "head", "policy": "policy", "share": "exit_share", "accuracy": "exit_accuracy"}
_LEFT_OUT = ("uses", "matched", "accuracy_gain")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a layout made of the test images, in their order: the true ``labels``, and bool of shape (images,) which it got ``right``."""

    labels: list[int]
    right: npt.NDArray[np.bool_]


def make_row(
    name: str, baseline: str | None, config: Config, figures: Figures, resources: ResourcesFile, file: str, target: int,
    rtl: str | None = None,
) -> Row:
    """One row: what the simulation's ``figures`` and ``resources.json`` (Yosys' figures, so that all rows are told by the same) say of the
    layout whose configuration ``config`` is ``file``, which was designed for ``target`` cycles a sample, and whose RTL has the hash
    ``rtl``. :func:`finish` fills in what depends on the
    other rows."""
    total, verdict = resources.total, synthesised(resources.replace(vivado=None, open=None))
    exits = [
        RowExit(
            after=after, head=head, policy=item.policy, share=found.share, share_interval=wilson(found.share, figures.samples),
            accuracy=found.accuracy,
            accuracy_interval=None if found.accuracy is None else wilson(found.accuracy, round(found.share * figures.samples)),
        )
        for (after, head), item, found in zip([*config.layout, (None, None)], config.exits, figures.exits, strict=True)
    ]
    luts, rate = total.lut + total.lutram, verdict.rate(figures.cycles_per_sample)
    return Row(
        name=name, baseline=baseline, exits=exits, accuracy=figures.accuracy, accuracy_interval=wilson(figures.accuracy, figures.samples),
        accuracy_gain=AccuracyGain(rate=None, resources=None), within_noise=[], samples=figures.samples,
        target_cycles_per_sample=target, cycles_per_sample=figures.cycles_per_sample,
        samples_per_second=rate, clock_mhz=figures.clock_mhz, expected_clock_mhz=verdict.expected_clock_mhz,
        limited_by=figures.limited_by, lut=total.lut, lutram=total.lutram, ff=total.ff, bram36=total.bram36, dsp=total.dsp,
        carry=total.carry, shares=resources.shares, fits=verdict.fits, short=resources.short, fmax_estimate_mhz=verdict.fmax_estimate_mhz,
        samples_per_second_per_klut=1000 * rate / luts if luts else None, exits_add=resources.exits_add,
        speedup=Speedup(rate=None, resources=None), pareto=False, matched=None, uses=uses(resources.units), config=file, rtl=rtl,
    )


def uses(units: Iterable[UnitRecord]) -> list[Use]:
    """The synthesised ``units`` summed by what they are for, in the order of the groups, those that are not there left out."""
    found: dict[tuple[str, int | None], list[UnitRecord]] = {}
    for unit in units:
        group = _group(unit)
        found.setdefault((group, unit.stage if group == "backbone" else None), []).append(unit)
    keys = sorted(found, key=lambda key: (GROUPS.index(key[0]), -1 if key[1] is None else key[1]))
    return [
        Use(group=group, stage=stage, **{key: sum(getattr(unit, key) for unit in found[group, stage]) for key in COUNTS})
        for group, stage in keys
    ]


def _group(unit: UnitRecord) -> str:
    if unit.kind == "layer":
        return "heads" if unit.head and unit.exit_cost else "backbone"
    return _KINDS.get(unit.kind, "control")


def finish(rows: Sequence[Row], answers: Mapping[str, Answers] | None = None) -> list[Row]:
    """The ``rows`` with their ``speedup`` and ``accuracy_gain`` over the baselines among them (None where one is missing), and
    ``within_noise``.

    Accuracies of the same images are compared image by image where the ``answers`` of both rows are given, by name; else as of two sets.
    """
    known = answers or {}
    bases = {kind: next((row for row in rows if row.baseline == kind), None) for kind in ("rate", "resources")}
    changes = {(a.name, b.name): _change(a, b, known) for a, b in permutations(rows, 2)}

    def gain(row: Row, kind: str) -> Change | None:
        base = bases[kind]
        return None if base is None or base is row else changes[row.name, base.name]

    return [
        row.replace(
            speedup=Speedup(rate=_times(row, bases["rate"]), resources=_times(row, bases["resources"])),
            accuracy_gain=AccuracyGain(rate=gain(row, "rate"), resources=gain(row, "resources")),
            within_noise=[other.name for other in rows if other is not row and not changes[row.name, other.name].certain],
        )
        for row in rows
    ]


def _change(a: Row, b: Row, answers: Mapping[str, Answers]) -> Change:
    """The accuracy of ``a`` less that of ``b``."""
    first, second = answers.get(a.name), answers.get(b.name)
    if first is not None and second is not None and first.labels == second.labels:
        found = paired(first.right, second.right)
    else:
        found = independent(a.accuracy, a.samples, b.accuracy, b.samples)
    return Change(difference=found.value, low=found.low, high=found.high, paired=found.paired)


def _times(row: Row, base: Row | None) -> float | None:
    return None if base is None or not base.samples_per_second else row.samples_per_second / base.samples_per_second


def to_csv(rows: Sequence[Row]) -> str:
    """``rows`` as CSV with a line of names: the same values as in JSON, with ``shares``, ``speedup`` and ``exits_add`` one column a key
    (``shares_lut``), and ``exits`` as their number and one column a key, values from first to last exit joined by ``;`` (the last one's
    place and head are empty). ``uses``, ``matched``, ``accuracy_gain`` and exits' intervals are in JSON only."""
    return csv_text.text([_flat(row) for row in rows])


def _flat(row: Row) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in row.to_json().items():
        if name in _LEFT_OUT:
            continue
        if name == "exits":
            found["exits"] = str(len(value))
            found |= {column: cell([item[key] for item in value]) for key, column in _JOINED.items()}
        elif isinstance(value, dict):
            found |= {f"{name}_{key}": cell(item) for key, item in value.items()}
        else:
            found[name] = cell(value)
    return found
