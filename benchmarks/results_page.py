"""``docs/RESULTS.md`` and its plots, from the content of ``docs/results.json`` alone."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.figures import Figure, figure_table
from benchmarks.results_plots import PLOTS, png
from benchmarks.results_records import Entry, Epoch, ResultsFile
from benchmarks.results_runs import ALONE, AUGMENTED, NOTES, SEEDS
from benchmarks.tables import table
from build_flows.base.files import write_bytes, write_text

__all__ = ["figures", "page", "write_page"]

MIDDLE = 3
"""The middle one of the five strengths of noise."""
OPERATING = {("b_lenet", "fashion-mnist"): (0.89, 0.70), ("b_alexnet", "cifar10"): (0.7919, 0.656)}
"""Accuracy at the operating point and share leaving at exit 0 that are wanted: for b_alexnet BranchyNet's float figures."""
EPOCH_SECONDS, EPOCH_BYTES = 45, 3e9
IMPORT_LOSS = 0.005


def write_page(found: ResultsFile, folder: Path) -> None:
    """Write ``RESULTS.md`` and the plots into ``folder``."""
    for name in PLOTS:
        image = png(name, found.entries)
        if image is not None:
            write_bytes(folder / f"results_{name}.png", image)
    write_text(folder / "RESULTS.md", page(found))


def figures(found: ResultsFile) -> list[Figure]:
    """The figures with a target, as far as they were measured."""
    entries = found.entries
    rows = (_operating(entries), _alone(entries), _against(entries, "consistent"), _against(entries, "distill"), _imported(entries),
            _epoch(found.epoch))
    return [item for row in rows for item in row]


def _operating(entries: Sequence[Entry]) -> Iterator[Figure]:
    """Of the schemes with runs of enough seeds the one that is best over the validation split, and what it then comes to over the test
    images, on average over its seeds."""
    for (network, data), (accuracy, share) in OPERATING.items():
        rows = [item for item in entries if (item.network, item.data, item.weight_bits) == (network, data, 4)
                and item.scheme != "personal" and item.variant != ALONE]
        if not rows:
            continue
        name = f"{network}, {data}, 4 bits: the scheme that is best over the validation split, over the test images"
        target = f"at least {_percent(accuracy)} with at least {_percent(share)} leaving at exit 0"
        groups = [[(item, item.validation) for item in group if item.validation is not None] for group in _groups(rows).values()]
        groups = [group for group in groups if len(group) >= len(SEEDS)]
        if not groups:
            yield Figure(name=name, target=target, value=f"not measured over {len(SEEDS)} seeds", met=False,
                         how=", ".join(f"`{item.name}`" for item in rows))
            continue
        best = max(groups, key=lambda group: (
            float(np.mean([found.exit_share[0] for _, found in group])) >= share, float(np.mean([found.accuracy for _, found in group])),
        ))
        tested = [item for item, _ in best]
        right, early = (float(np.mean([get(item) for item in tested])) for get in (_accuracy, _share))
        yield Figure(
            name=name, target=target, met=right >= accuracy and early >= share,
            value=f"{_spread(tested, _accuracy)} % with {_spread(tested, _share)} % leaving at exit 0, {len(tested)} seeds",
            how=", ".join(f"`{item.name}`" for item in tested),
        )


def _accuracy(item: Entry) -> float:
    return item.accuracy


def _share(item: Entry) -> float:
    return item.exit_share[0]


def _pairs(entries: Sequence[Entry], scheme: str, beside: str = "") -> list[tuple[Entry, Entry]]:
    """Runs of ``scheme`` on b_lenet each beside that of ``joint``, its variant ``beside``, with the same seed and epochs."""
    rows = [item for item in entries if (item.network, item.data) == ("b_lenet", "fashion-mnist") and item.weight_bits == 4]
    joint = {(item.seed, item.epochs): item for item in rows if (item.scheme, item.variant) == ("joint", beside)}
    return [(item, joint[item.seed, item.epochs]) for item in rows
            if (item.scheme, item.variant) == (scheme, "") and (item.seed, item.epochs) in joint]


def _alone(entries: Sequence[Entry]) -> Iterator[Figure]:
    """The network with exits, at its operating point, beside the one without that was trained by itself."""
    pairs = _pairs(entries, "joint", ALONE)
    if pairs:
        changes = [100 * (own.accuracy - alone.accuracy) for own, alone in pairs]
        yield Figure(
            name="b_lenet with exits at its operating point against the network without, trained by itself",
            target="not worse by more than 0.5 points", value=_points(changes), met=float(np.mean(changes)) >= -0.5,
            how=f"Fashion-MNIST, 4 bits, `joint`, {pairs[0][0].epochs} epochs each, same seeds",
        )


def _exit0(item: Entry, strength: int = 0) -> float:
    """Accuracy of exit 0 alone, in per cent."""
    return 100 * item.at(strength).exit_accuracy[0]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean (Student's t); without bounds where there is one value alone."""
    if len(values) < 2:
        return -math.inf, math.inf
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)) - reach, float(np.mean(values)) + reach


def _points(values: Sequence[float]) -> str:
    """``+1.20 points (+0.90 to +1.50 over 3 seeds; 95 % interval of the mean +0.45 to +1.95)``."""
    seeds = f"{len(values)} seed" + ("s" if len(values) > 1 else "")
    low, high = _interval(values)
    sure = f"; 95 % interval of the mean {low:+.2f} to {high:+.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):+.2f} points ({min(values):+.2f} to {max(values):+.2f} over {seeds}{sure})"


def _better(values: Sequence[float]) -> bool:
    """Whether the mean is above 0 by more than the seeds' noise."""
    return _interval(values)[0] > 0


def _against(entries: Sequence[Entry], scheme: str) -> Iterator[Figure]:
    pairs = _pairs(entries, scheme)
    if not pairs:
        return
    how = f"b_lenet, Fashion-MNIST, 4 bits, {pairs[0][0].epochs} epochs each, same seeds"
    clean = [_exit0(own) - _exit0(joint) for own, joint in pairs]
    if scheme == "distill":
        yield Figure(name="`distill` against `joint`, exit 0 alone", target="better", value=_points(clean), met=_better(clean), how=how)
        return
    noisy = [_exit0(own, MIDDLE) - _exit0(joint, MIDDLE) for own, joint in pairs]
    yield Figure(name=f"`{scheme}` against `joint`, exit 0 alone, Gaussian noise of strength {MIDDLE} of 5",
                 target="better by at least 2 points", value=_points(noisy), met=float(np.mean(noisy)) >= 2, how=how)
    augmented = [_exit0(own, MIDDLE) - _exit0(joint, MIDDLE) for own, joint in _pairs(entries, scheme, AUGMENTED)]
    if augmented:
        yield Figure(name="the same against `joint` whose augmentation is the same noise", target="better", value=_points(augmented),
                     met=_better(augmented), how=how)
    yield Figure(name="the same on clean images", target="not worse by more than 0.3 points", value=_points(clean),
                 met=float(np.mean(clean)) >= -0.3, how=how)


def _imported(entries: Sequence[Entry]) -> Iterator[Figure]:
    for item in entries:
        before = item.imported
        if not before or item.weight_bits != 8:
            continue
        losses = [own - at for own, at in zip(before.float_accuracy, before.quantised_accuracy, strict=True)]
        yield Figure(
            name=f"`import` of a float {item.network} at 8 bits, before fine-tuning, {item.data}",
            target="every exit within 0.5 points of float",
            value=", ".join(f"exit {k}: {_percent(own)} to {_percent(at)}" for k, (own, at) in
                            enumerate(zip(before.float_accuracy, before.quantised_accuracy, strict=True))),
            met=max(losses) <= IMPORT_LOSS, how=f"`{item.name}`",
        )


def _epoch(found: Epoch | None) -> Iterator[Figure]:
    if found is not None:
        yield Figure(
            name="one epoch of b_lenet on Fashion-MNIST", target="under 45 s on two cores; memory under 3 GB",
            value=f"{found.seconds:.0f} s on {found.cores} cores, validation included; peak {found.peak_bytes / 1e9:.2f} GB",
            met=found.seconds < EPOCH_SECONDS and found.peak_bytes < EPOCH_BYTES,
            how="`offramp train`, one epoch, loading included",
        )


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _list(values: Sequence[float]) -> str:
    return " / ".join(f"{100 * value:.2f}" for value in values)


def _groups(entries: Sequence[Entry]) -> dict[tuple[Any, ...], list[Entry]]:
    """Entries by all but their seed, in their order."""
    found: dict[tuple[Any, ...], list[Entry]] = {}
    for item in entries:
        key = (item.network, item.data, item.weight_bits, item.act_bits, item.scheme, item.variant, item.epochs)
        found.setdefault(key, []).append(item)
    return found


def _spread(rows: Sequence[Entry], get: Callable[[Entry], float]) -> str:
    """Mean, and with several seeds plus and minus the sample deviation, in per cent."""
    values = [100 * get(item) for item in rows]
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def _summary(entries: Sequence[Entry]) -> str:
    header = ("network, data", "bits", "scheme", "seeds", "epochs", "exits alone, %", "leaving early, %",
              "accuracy at the operating point, %", "last exit alone, %", f"exit 0 under noise {MIDDLE} of 5, %")
    lines = []
    usual = [item for item in entries if not item.user]
    for (network, data, weight_bits, act_bits, scheme, variant, epochs), rows in _groups(usual).items():
        bits = str(weight_bits) if weight_bits == act_bits else f"{weight_bits}/{act_bits}"
        alone = " / ".join(_spread(rows, lambda item, k=k: item.exit_accuracy[k]) for k in range(len(rows[0].exit_accuracy)))  # type: ignore[misc]
        early = _spread(rows, lambda item: sum(item.exit_share[:-1]))
        noisy = _spread(rows, lambda item: _exit0(item, MIDDLE) / 100)
        lines.append((f"{network}, {data}", bits, scheme + (f" ({variant})" if variant else ""), str(len(rows)), str(epochs), alone, early,
                      _spread(rows, lambda item: item.accuracy), _spread(rows, lambda item: item.exit_accuracy[-1]), noisy))
    return table(header, lines)


def _users(entries: Sequence[Entry]) -> str:
    """What personalising gained, a line per run."""
    lines = [
        f"- {item.network}, {item.data}, a user all of whose images have the corruption {item.user.change} of strength "
        f"{item.user.strength}: exits alone on that user's test images {_list(item.user.before)} % before, "
        f"{_list(item.exit_accuracy)} % after, from {item.user.samples:,} labelled samples (`{item.name}`).\n"
        for item in entries if item.user is not None
    ]
    return "".join(["`personal` re-trains the early heads alone, the RTL is the same:\n\n", *lines, "\n"]) if lines else ""


def _runs(entries: Sequence[Entry]) -> str:
    return table(("run", "exits alone, %", "leaving at each exit, %", "accuracy, %", "seconds", "settings"), [
        (f"`{item.name}`", _list(item.exit_accuracy), _list(item.exit_share), f"{100 * item.accuracy:.2f}",
         f"{item.training_seconds:,.0f}", _settings(item))
        for item in entries
    ])


def _settings(item: Entry) -> str:
    return "; ".join(f"[{title}] " + ", ".join(f"{key} = {value}" for key, value in rows.items())
                     for title, rows in item.settings.items() if rows)


def page(found: ResultsFile) -> str:
    """The Markdown text."""
    entries = found.entries
    machines = sorted({item.machine for item in entries})
    lossy = any(item.data == "cifar10" and item.source == "folder" for item in entries)
    note = ("CIFAR-10 was read from an image folder of JPEG copies of its images, a little lossy.\n\n" if lossy else "")
    notes = "".join(f"- {item}\n" for item in NOTES)
    shown = "".join(f"![{told}](results_{name}.png)\n\n" for name, (told, *_) in PLOTS.items() if png(name, entries) is not None)
    return f"""# Results

Made by `python -m benchmarks.results` from `results.json`; edit neither. Every figure is over all test images, every
decision by the exact integer logits, which are those of the RTL. The operating point is a threshold found on the validation split for
the share of samples that is to leave early. Schemes are selected by what they are worth over the validation split, on average over
their seeds; a difference is called better only where the 95 % interval of its mean over the seeds (Student's t) says so.
{note and chr(10) + note.strip()}

Machine: {'; '.join(machines)}. Seconds are those of training, other work on the machine included, an
imported float network's own training not.

## Targets

{figure_table(figures(found))}
## By scheme

Means over the seeds, with the sample's standard deviation where there are several.

{_summary(entries)}
{_users(entries)}{shown}## What was tried

{notes}
## Every run

{_runs(entries)}
Noise is Gaussian, added to 8-bit pixels, its standard deviation at strengths 1 to 5
{', '.join(f"{row.deviation:g}" for row in entries[0].noisy) if entries else '-'}; `results.json` has every exit at every strength.
"""
