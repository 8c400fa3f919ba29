"""Step ``evaluate``: what a trained network's exits are worth: the figures of ``evaluation.json`` (docs/interfaces.md, section 11)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from build_flows.artefacts.evaluation import (
    Corruptions,
    CostCounts,
    EvaluatedExit,
    EvaluationFile,
    Kind,
    LastAlone,
    LayerCounts,
    Picture,
    Pictures,
    Rtl,
    SampleCounts,
    Slowdown,
    Strength,
)
from build_flows.base.ui import Ui
from build_flows.steps.data import DataSettings, Held, data_inputs, data_settings, dataset, held_out
from build_flows.steps.engine import Step, Work
from build_flows.steps.evaluated import Evaluated, evaluated
from quant_models.exits.deciding import Gates, apply, scores
from quant_models.exits.metrics import calibration_error, confusion, overthinking, probabilities
from quant_models.exits.policies import policy
from quant_models.exits.records import ExitRecord, ExitsFile
from quant_models.exits.temperature import fit
from quant_models.judge.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from quant_models.judge.curves import Costs, curves, outcome

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["ATTACKED", "CORRUPTED", "OUTPUTS", "Hardware", "Settings", "evaluate", "run", "spread", "step"]

OUTPUTS = ("evaluation.json", "evaluation.html", "evaluation")
CORRUPTED = 1000
"""Test images that are corrupted, at most."""
ATTACKED = 500
"""Validation images that the attack is on, at most."""
EPS, STEPS, STEP = 8, 20, 2
TOLERANCE = 0.01
"""Cycles a sample over a few hundred of them differ by as much from where the first and the last one are counted."""
SHOWN = 8
"""Pictures of the easiest samples of each exit, and of the hardest."""

Logits = Sequence[np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The accelerator of this very network, as it was compiled and simulated: each stage's ``intervals`` in cycles, ``cycles`` a sample
    measured over the test images, its ``clock_mhz``; ``run(images, hard)`` gives the cycles a sample that the RTL takes for these
    images (uint8 NHWC), with ``hard`` all early exits switched off, or raises when a result is not the golden model's."""

    intervals: Sequence[int]
    cycles: float
    clock_mhz: float
    run: Callable[[np.ndarray, bool], float]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, the project's ``name``, and what of the network is built."""

    data: DataSettings
    held: Held
    name: str
    mode: str
    subnet: int | None


def step(project: "Project", network: Mapping[str, Path], exits: Path) -> Step:
    """``evaluation.json``, ``evaluation.html`` and plots of the ``network``, its ``checkpoint`` or ``golden`` integers; without cycles
    (:func:`build_flows.steps.evaluate_hardware.step` adds them)."""
    config = project.config
    return Step(
        name="evaluate", run=run, outputs=OUTPUTS, inputs={**network, "exits.json": exits, **data_inputs(project)},
        settings=Settings(
            data=data_settings(project), held=held_out(project), name=project.name, mode=config.build.mode, subnet=config.subnet
        ),
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work, hardware: Hardware | None = None) -> None:
    """Writes what the exits are worth; of ``hardware`` None nothing is said of cycles."""
    from build_flows.pages.evaluate_page import write_files

    found, images = evaluate(chosen, inputs, work, hardware)
    write_files(found, images, work.folder)


def spread(count: int, most: int) -> np.ndarray:
    """Indices (int64, ascending) of at most ``most`` of ``count`` samples, evenly spread: sets may be sorted by class."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).round().astype(np.int64)


def evaluate(
    chosen: Settings, inputs: Mapping[str, Path], work: Work, hardware: Hardware | None = None
) -> tuple[EvaluationFile, np.ndarray]:
    """What ``evaluation.json`` holds, and the test images that it shows (``shown``), uint8 NHWC.

    All decisions are made with the exact integer logits of the network. The same network, data and seed give the same
    figures. ``hardware`` None: nothing is said of cycles.
    """
    from quant_models.datasets.load import split

    ui, seed, entries = work.ui, chosen.held.seed, ExitsFile.load(inputs["exits.json"]).exits
    data = dataset(chosen.data, inputs, work.caches)
    net = evaluated(inputs)
    labels = np.asarray(data.y_test, np.int64)
    _, held = split(data, chosen.held.fraction, seed)
    ui.info(f"integer logits of {len(labels):,} test and {len(held):,} validation images")
    (logits, gates), (validation, held_gates) = (net.run(images) for images in (data.x_test, data.x_train[held]))
    costs = Costs(exits=net.exits, intervals=None if hardware is None else hardware.intervals)
    last = net.last

    ui.info("accuracy against cost, for every policy")
    operating = outcome(entries, logits, labels, costs, gates)
    swept = curves(entries, validation, logits, labels, costs, gates=(held_gates, gates))
    label, taken = apply(entries, logits, gates)
    seen = np.asarray(data.y_train[held], np.int64)
    found = EvaluationFile(
        project=chosen.name, data=data.name, names=list(data.names), seed=seed, mode=chosen.mode, subnet=chosen.subnet,
        samples=SampleCounts(test=len(labels), validation=len(held)),
        layers=[LayerCounts(name=item.name, where=item.where, index=item.index, macs=item.cost.macs, bitops=item.cost.bitops)
                for item in net.layers],
        costs=[CostCounts(macs=item.macs, bitops=item.bitops) for item in costs.exits],
        last_alone=LastAlone(
            accuracy=float((logits[-1].argmax(1) == labels).mean()), macs=last.macs, bitops=last.bitops,
            cycles=None if hardware is None else max(hardware.intervals),
        ),
        operating=operating,
        measured_cycles=None if hardware is None else hardware.cycles,
        clock_mhz=None if hardware is None else hardware.clock_mhz,
        curves=swept,
        exits=[_exit(entry, k, (validation[k], seen), (logits[k], labels), label, taken == k) for k, entry in enumerate(entries)],
        overthinking=overthinking([item.argmax(1) for item in logits], labels),
        pictures=_pictures(entries, logits, gates, labels, label, taken),
        corruptions=_corruptions(ui, entries, data.x_test, labels, net.run, costs, seed),
        slowdown=_slowdown(ui, net, entries, data.x_train[held], seen, costs, hardware),
    )
    return found, data.x_test[found.shown]


def _exit(
    entry: ExitRecord, k: int, validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], label: np.ndarray,
    here: np.ndarray,
) -> EvaluatedExit:
    """Exit ``k`` of ``entry``, by its integer logits and the labels of the ``validation`` and of the ``test`` images; of these all exits
    together find the classes ``label``, and those of ``here`` leave at this one.

    The temperature is that of ``exits.json`` where the policies use one, else found on the validation split.
    """
    logits, labels = test
    temperature = entry.temperature if entry.scaled else fit(validation[0], entry.scale, validation[1])
    sure, scaled = (probabilities(logits, entry.scale / by) for by in (1, temperature))
    return EvaluatedExit(
        index=k, policy=entry.policy, enabled=entry.enabled, share=float(here.mean()),
        accuracy=float((logits.argmax(1) == labels).mean()),
        accuracy_there=float((label[here] == labels[here]).mean()) if here.any() else None,
        calibration=calibration_error(sure, labels), ece_there=calibration_error(sure[here], labels[here]).ece,
        confusion=confusion(labels, logits.argmax(1), logits.shape[1]),
        confusion_there=confusion(labels[here], label[here], logits.shape[1]),
        temperature=temperature, temperature_used=entry.scaled, calibration_scaled=calibration_error(scaled, labels),
        ece_there_scaled=calibration_error(scaled[here], labels[here]).ece,
    )


def _pictures(
    entries: Sequence[ExitRecord], logits: Logits, gates: Gates, labels: np.ndarray, label: np.ndarray, taken: np.ndarray
) -> list[Pictures]:
    """By exit, the samples that leave there, the surest ones and the least sure ones by the exit's own score (where that is one of its
    logits alone or of its gate head; else, and at the last exit, by the softmax)."""
    found = []
    values = scores([entry.policy for entry in entries], [entry.params for entry in entries], logits, gates)
    for k, entry in enumerate(entries):
        name = entry.policy
        sure = probabilities(logits[k], entry.scale / entry.temperature).max(1)
        own = name in ("max_logit", "margin", "softmax", "entropy", "gate")
        ranked = sure if not own else values[k] if policy(name).rising else -values[k]
        there = np.flatnonzero(taken == k)
        order = there[np.argsort(-ranked[there], kind="stable")]
        half = min(SHOWN, len(order) // 2 if len(order) < 2 * SHOWN else SHOWN)
        easiest, hardest = (
            [Picture(index=int(i), label=int(labels[i]), predicted=int(label[i]), probability=float(sure[i])) for i in rows]
            for rows in (order[: max(half, min(1, len(order)))], order[::-1][:half])
        )
        found.append(Pictures(exit=k, easiest=easiest, hardest=hardest))
    return found


def _corruptions(
    ui: Ui, entries: Sequence[ExitRecord], images: np.ndarray, labels: np.ndarray, run: Callable[[np.ndarray], tuple[Logits, Gates]],
    costs: Costs, seed: int,
) -> Corruptions:
    """Accuracy, shares and cost under every corruption, the thresholds as they are; strength 0 is the clean images."""
    chosen = spread(len(labels), CORRUPTED)
    images, labels = images[chosen], labels[chosen]

    def measure(strength: int, changed: np.ndarray) -> Strength:
        logits, gates = run(changed)
        alone = [float((item.argmax(1) == labels).mean()) for item in logits]
        return Strength(strength=strength, exit_accuracy=alone, **vars(outcome(entries, logits, labels, costs, gates)))

    clean = measure(0, images)
    kinds = []
    with ui.progress("corruptions", total=len(CORRUPTIONS) * len(STRENGTHS)) as bar:
        for name, row in CORRUPTIONS.items():
            rows = [clean]
            for strength in STRENGTHS:
                rows.append(measure(strength, corrupt(images, name, strength, seed)))
                bar.advance()
            kinds.append(Kind(name=name, summary=row.summary, unit=row.unit, amounts=list(row.amounts), strengths=rows))
    return Corruptions(samples=len(labels), kinds=kinds)


def _slowdown(
    ui: Ui, net: Evaluated, entries: Sequence[ExitRecord], images: np.ndarray, labels: np.ndarray, costs: Costs, hardware: Hardware | None
) -> Slowdown | None:
    """What images crafted against the exits cost, beside the same images as they were; and in the RTL, beside all-hard images.
    None where there is nothing to attack with."""
    if net.attack is None:
        ui.info("no slowdown attack: it goes by the gradients of a preset's network, and of your own the integers alone are here")
        return None
    chosen = spread(len(labels), ATTACKED)
    images, labels = images[chosen], labels[chosen]
    ui.info(f"slowdown attack on {len(labels):,} validation images")
    crafted = net.attack(images, EPS, STEPS, STEP)
    answers = [net.run(item) for item in (images, crafted)]
    before, after = (outcome(entries, logits, labels, costs, gates) for logits, gates in answers)
    most = costs.exits[-1].macs
    # 1: no image gains anything from leaving early any more; 0: the attack did nothing.
    room = most - before.macs
    rtl = None
    if hardware is not None:
        ui.info("the attacked images through the RTL, and again with all early exits switched off")
        clean, attacked, hard = hardware.run(images, False), hardware.run(crafted, False), hardware.run(crafted, True)
        rtl = Rtl(clean=clean, attacked=attacked, all_hard=hard, holds=attacked <= hard * (1 + TOLERANCE))
    return Slowdown(
        samples=len(labels), eps=EPS, steps=STEPS, step=STEP, clean=before, attacked=after, macs_rise=after.macs / before.macs - 1,
        saving_lost=(after.macs - before.macs) / room if room else None, rtl=rtl,
    )
