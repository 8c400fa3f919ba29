"""What a unit's run amounts to: agreement with the golden model, timing, coverage, and faults in words."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.units.sweep import Measured
from sim.units.unit import Expected, Samples, Unit

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``agree`` of the samples came out as expected, tokens included. Without stalls ``ii`` is the number of cycles from one result to the
    next, on average (None for one sample), and ``bubbles`` the cycles between the first beat and the last in which none was taken.
    ``latency`` are the least, the median and the greatest number of cycles from a sample's first beat taken to its result valid (None when
    there was no result). ``coverage`` counts samples by what they cover. ``faults`` are sentences; none when all is well."""

    agree: int
    ii: float | None
    bubbles: int
    latency: tuple[int, float, int] | None
    coverage: dict[str, int]
    faults: tuple[str, ...]


def judge(unit: Unit, samples: Samples, expected: Expected, measured: Measured, *, stalled: bool, latency: int | None = None) -> Verdict:
    """Compares a run without resets with the golden model's. Unless ``stalled``, the initiation interval has to be exact and there may be
    no bubble; and the result has to come ``latency`` cycles after the last beat, where that is given."""
    count = len(samples)
    right = measured.words == expected.words
    faults = _wrong(unit, expected, measured, right)
    if unit.gives_tokens:
        right = right & _token_agrees(expected, measured)
    done = measured.valid >= 0
    waits = measured.valid[done] - measured.first[done]
    taken = measured.last >= 0
    span = int(measured.last[taken][-1] - measured.first[0] + 1) if taken.any() else 0
    bubbles = span - int(taken.sum()) * unit.beats
    results = measured.valid[done]
    ii = float(results[-1] - results[0]) / (len(results) - 1) if len(results) > 1 else None
    if measured.stuck:
        faults.append(f"nothing moved any more after {int((measured.taken >= 0).sum())} of {count} results")
    if measured.surplus:
        faults.append(f"{measured.surplus} results came that belong to no sample")
    if measured.broken:
        faults.append(f"{measured.broken} times a beat changed or went away before it was taken")
    if not stalled:
        faults += _slow(unit, measured, done, latency)
    return Verdict(
        agree=int(right.sum()), ii=None if ii is None else int(ii) if ii == int(ii) else ii, bubbles=bubbles,
        latency=(int(waits.min()), float(np.median(waits)), int(waits.max())) if len(waits) else None,
        coverage=_coverage(unit, samples, expected, measured), faults=tuple(faults),
    )


def _wrong(unit: Unit, expected: Expected, measured: Measured, right: Any) -> list[str]:
    faults = []
    if not right.all():
        at = int(np.flatnonzero(~right)[0])
        got = "no result" if measured.taken[at] < 0 else _told(unit, int(measured.words[at]))
        faults.append(f"{int((~right).sum())} of {len(right)} samples differ: sample {at} gave {got}, expected "
                      f"{_told(unit, int(expected.words[at]))}")
    if unit.gives_tokens and not np.array_equal(measured.tokens, expected.tokens):
        shared = min(len(measured.tokens), len(expected.tokens))
        differ = np.flatnonzero(measured.tokens[:shared] != expected.tokens[:shared])
        at = int(differ[0]) if len(differ) else shared
        got, wanted = (f"{values[at]:#x}" if at < len(values) else "none" for values in (measured.tokens, expected.tokens))
        faults.append(f"token {at} is {got}, expected {wanted}")
    return faults


def _told(unit: Unit, word: int) -> str:
    return ", ".join(f"{name} {value}" for name, value in unit.fields(word).items())


def _token_agrees(expected: Expected, measured: Measured) -> Any:
    """Per sample: its token, or that there is none, is right, as far as tokens were in order."""
    shared = min(len(measured.tokens), len(expected.tokens))
    differ = np.flatnonzero(measured.tokens[:shared] != expected.tokens[:shared])
    good = int(differ[0]) if len(differ) else shared
    if good == len(expected.tokens) == len(measured.tokens):
        return np.ones(len(expected.words), np.bool_)
    stays = np.flatnonzero(~expected.left)
    return np.arange(len(expected.words)) < (stays[good] if good < len(stays) else len(expected.words))


def _slow(unit: Unit, measured: Measured, done: Any, latency: int | None) -> list[str]:
    faults = []
    begins = measured.first[measured.first >= 0]
    for what, cycles in (("first beats are taken", begins), ("results come", measured.valid[done])):
        steps = np.diff(cycles)
        bad = np.flatnonzero(steps != unit.beats)
        if len(bad):
            at = int(bad[0])
            faults.append(f"initiation interval: {what} {int(steps[at])} cycles apart at sample {at + 1}, expected {unit.beats}")
    spans = measured.last[done] - measured.first[done] + 1
    bad = np.flatnonzero(spans != unit.beats)
    if len(bad):
        faults.append(f"bubble: sample {int(bad[0])} took {int(spans[bad[0]])} cycles to enter, expected {unit.beats}")
    if latency is not None:
        waits = measured.valid[done] - measured.last[done]
        bad = np.flatnonzero(waits != latency)
        if len(bad):
            at = int(bad[0])
            faults.append(f"latency: sample {at} gave its result {int(waits[at])} cycles after its last beat, expected {latency}")
    return faults


def _coverage(unit: Unit, samples: Samples, expected: Expected, measured: Measured) -> dict[str, int]:
    both = (measured.first[1:] >= 0) & (measured.last[:-1] >= 0)
    follows = both & (measured.first[1:] == measured.last[:-1] + 1)
    inside = (measured.last >= 0) & (measured.last - measured.first + 1 > unit.beats)
    own = samples.rules[:, 1:] != np.array([1, 0])
    return expected.seen | {
        "left": int(expected.left.sum()),
        "stayed": int((~expected.left).sum()),
        "score_at_threshold": int((samples.exact & ~own.any(axis=1)).sum()),
        "disabled_or_forced": int(own.any(axis=1).sum()),
        "back_to_back": int(follows.sum()),
        "gap_at_input": int((both & ~follows).sum() + inside.sum()),
        "stalled_output": int(((measured.taken > measured.valid) & (measured.valid >= 0)).sum()),
    }
