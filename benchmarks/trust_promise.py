"""How often calibration breaks its promise: calibration sets drawn with replacement from a pool of images that the network has not seen,
and the thresholds that each gives judged on the whole pool."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.figures import SEED, Figures
from benchmarks.tables import table
from build_flows.base.files import write_text
from build_flows.project.load import Project, load
from build_flows.project.template import template
from build_flows.steps import flow
from build_flows.steps.calibrate import TRAINED
from build_flows.steps.data import held_out, project_dataset
from quant_models.exits.deciding import ExitLogits
from quant_models.exits.exit_search import Ranked
from quant_models.exits.joint_search import outcome
from quant_models.exits.ladder import harmful, harmless, of_search
from quant_models.exits.policies import Head
from quant_models.exits.promise import divide, needed
from quant_models.exits.proof import Proof, promised
from quant_models.exits.ranking import constants, ranked

__all__ = ["Drawn", "Pool", "draws", "promises"]

ROOT = Path(__file__).parent.parent
DRAWS = 2000
SIZES = (287, 1000, 5000)
LOSSES = (0.005, 0.01)
CONFIDENCE = 0.9
BROKEN = 0.113
"""10 % and two deviations of a share of so many draws."""
NEVER = 0.05
LEAVING = 0.01
"""Where fewer of the pool leave early, none is said to."""
POLICIES = ("max_logit", "margin", "softmax", "entropy", "class_threshold", "patience", "gate")
MORE = {"class_threshold": (15_000,)}
"""Further sizes: with these classes have thresholds of their own."""
EPOCHS = 4
"""Of the network of Fashion-MNIST: a promise is kept or not whatever the network."""


@dataclass(frozen=True)
class Pool:
    """The early exits over all images of a pool with one policy, and over training images; where the last exit is right (bool ``[n]``)."""

    network: str
    policy: str
    exits: Sequence[Ranked | None]
    trained: Sequence[Ranked | None]
    last_right: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What came of the draws of ``size`` images at a ``loss`` allowed, 0 to 1: by draw the accuracy that the pool loses, and the share of
    it that leaves at the first exit and at any before the last. ``plenty``: the proof has twice n_min samples. ``possible``: there are
    thresholds that let some of the pool go at no more harm."""

    network: str
    policy: str
    size: int
    loss: float
    promise: str
    plenty: bool
    possible: bool
    lost: np.ndarray
    first: np.ndarray
    early: np.ndarray

    @property
    def broken(self) -> float:
        """Share of the draws that lose more than was allowed."""
        return float((self.lost > self.loss + 1e-12).mean())

    @property
    def never(self) -> float:
        """Share of the draws of which practically none leaves early."""
        return float((self.early < LEAVING).mean())


def draws(pool: Pool, size: int, loss: float, count: int, seed: int = SEED) -> Drawn:
    """``count`` calibrations, by what the step ``calibrate`` runs, each on ``size`` images drawn with replacement."""
    rng = np.random.default_rng([seed, size, round(1e4 * loss)])
    division = divide(size, loss, CONFIDENCE)
    # Images drawn by chance are in an order by chance.
    proof = Proof(division=division, order=np.arange(size), confidence=CONFIDENCE)
    samples = len(pool.last_right)
    lost, first, early = np.zeros(count), np.zeros(count), np.zeros(count)
    for at in range(count):
        index = rng.integers(0, samples, size)
        drawn = [None if item is None else item.of(index) for item in pool.exits]
        found = promised(drawn, pool.last_right[index], loss, proof, None if division.joint else pool.trained)
        if found.cuts is None:
            continue
        right, leave = outcome(pool.exits, pool.last_right, found.cuts)
        lost[at] = (int(pool.last_right.sum()) - right) / samples
        first[at], early[at] = leave[0] / samples, 1 - leave[-1] / samples
    least = needed(loss, CONFIDENCE)
    plenty = least is not None and division.proof >= 2 * least
    return Drawn(network=pool.network, policy=pool.policy, size=size, loss=loss, promise=division.promise, plenty=plenty,
                 possible=_possible(pool, loss), lost=lost, first=first, early=early)


def _possible(pool: Pool, loss: float) -> bool:
    """Whether any thresholds let some of the pool go and harm no more of it than ``loss``."""
    safe = [None if item is None else harmless(item, pool.last_right) for item in pool.exits]
    ladder = of_search(safe, loss)
    harm = harmful(safe, ladder).mean(1)
    leave = [1 - outcome(pool.exits, pool.last_right, rung)[1][-1] / len(pool.last_right) for rung in ladder]
    return any(found <= loss and share >= LEAVING for found, share in zip(harm, leave, strict=True))


def promises(figures: Figures) -> str:
    """Take the figures down; gives the table of all draws."""
    figures.ui.info("calibration's promises: networks and their logits")
    pools = [pool for project in _projects() for pool in _pools(figures, project)]
    found: list[Drawn] = []
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        running = [
            workers.submit(draws, pool, size, loss, DRAWS) for pool in pools for size in (*SIZES, *MORE.get(pool.policy, ()))
            for loss in LOSSES
        ]
        for item in running:
            found.append(item.result())
            one = found[-1]
            figures.ui.info(f"{one.network}, {one.policy}, {one.size} images, {100 * one.loss:g} points: {100 * one.broken:.1f} % broken")
    how = f"{DRAWS:,} draws of {', '.join(map(str, SIZES))} images with replacement, every policy; judged on all images of the pool"
    sure = [item for item in found if item.promise == "confidence"]
    worst = max(sure, key=lambda item: item.broken)
    figures.add(
        f"promises of calibration that are broken, at confidence {CONFIDENCE}", "at most 11.3 %",
        f"{100 * worst.broken:.1f} % at worst ({_named(worst)}); {100 * np.mean([item.broken for item in sure]):.1f} % of all",
        worst.broken <= BROKEN, how,
    )
    mean = [item for item in found if item.promise == "average"]
    most = max(mean, key=lambda item: float(item.lost.mean()) / item.loss)
    figures.add(
        "loss on average, where that is what is promised", f"at most {100 * most.loss:g} points",
        f"{100 * float(most.lost.mean()):.2f} points at most ({_named(most)}; {100 * most.broken:.1f} % of these draws lose more)",
        float(most.lost.mean()) <= most.loss, how,
    )
    plenty = [item for item in sure if item.plenty and item.possible]
    idle = max(plenty, key=lambda item: item.never)
    others = max((item for item in plenty if item.policy != "patience"), key=lambda item: item.never)
    figures.add(
        "draws of which none leaves, where the proof has 2 n_min images or more", "under 5 %",
        f"{100 * idle.never:.1f} % at worst ({_named(idle)}); {100 * others.never:.1f} % without patience ({_named(others)})",
        idle.never < NEVER,
        f"fewer than {100 * LEAVING:g} % of the pool leave early; where some could at no more harm to the pool than is allowed",
    )
    return _table(found)


def _named(item: Drawn) -> str:
    return f"{item.network}, {item.policy}, {item.size} images, {100 * item.loss:g} points"


def _table(found: Sequence[Drawn]) -> str:
    rows = [
        (
            item.network, item.policy, str(item.size), f"{100 * item.loss:g}", item.promise, f"{100 * item.broken:.1f} %",
            f"{100 * float(item.lost.mean()):.2f}", f"{100 * float(np.median(item.first)):.0f} %",
            f"{100 * float(np.median(item.early)):.0f} %", f"{100 * item.never:.1f} %",
        )
        for item in found
    ]
    return table(("network", "policy", "images", "points allowed", "promise", "broken", "points lost, mean", "leave at exit 0, median",
                  "leave early, median", "none leaves"), rows)


def _projects() -> Iterator[Project]:
    """The digits, with gate heads, and Fashion-MNIST; trained below ``examples/build``."""
    folder = ROOT / "examples" / "build" / "promise"
    digits = template("digits").replace('policy = "softmax"', 'policy = "gate"', 1).replace('policy = "max_logit"', 'policy = "gate"', 1)
    fashion = template("b_lenet").replace("\nepochs = 12", f"\nepochs = {EPOCHS}")
    for name, text in (("digits", digits), ("fashion", fashion)):
        file = folder / name / "config.toml"
        write_text(file, text.replace("threads = 0", "threads = 1"))
        yield load(file)


def _pools(figures: Figures, project: Project) -> Iterator[Pool]:
    """By policy the test images of ``project``, which nothing has seen."""
    with flow.open_flow(project, figures.ui) as steps:
        steps.train()
        checkpoint = steps.checkpoint
    data = project_dataset(project)
    from quant_models.datasets.load import split

    held = held_out(project)
    kept, _ = split(data, held.fraction, held.seed)
    shown = np.random.default_rng([held.seed, 2]).permutation(kept)[:TRAINED]
    pool, trained = (_logits(checkpoint, images) for images in (data.x_test, data.x_train[np.sort(shown)]))
    for policy in POLICIES:
        early = len(pool) - 1
        if (policy == "patience" and early < 2) or (policy == "gate" and any(item.gate is None for item in pool[:-1])):
            continue
        here, there = ([*(replace(item, policy=policy) for item in items[:-1]), items[-1]] for items in (pool, trained))
        heads = [
            Head(classes=data.classes, scale=item.scale, gate_bits=item.gate_bits, gate_scale=item.gate_scale) for item in here
        ]
        params = [constants(here, k, head) for k, head in enumerate(heads)]
        yield Pool(project.config.data.name, policy, ranked(here, params, data.y_test), ranked(there, params, None),
                   here[-1].logits.argmax(1) == data.y_test)


def _logits(checkpoint: Path, images: np.ndarray) -> list[ExitLogits]:
    """What every exit of a trained network makes of ``images``; the last one's policy is always."""
    from quant_models.integers.export import golden
    from quant_models.integers.gate_units import gate_units
    from quant_models.integers.view import integer_outputs
    from quant_models.networks.checkpoint import load_checkpoint, load_model

    model = load_model(checkpoint, load_checkpoint(checkpoint).spec)
    meta, _ = golden(model)
    logits, gates = integer_outputs(model, images)
    units = gate_units(model)
    return [
        ExitLogits(
            policy="always", logits=values, scale=head["layers"][-1]["scale"], gate=gates.get(k),
            gate_bits=units[k].bits if k in units else 16, gate_scale=units[k].scale if k in units else 1.0,
        )
        for k, (values, head) in enumerate(zip(logits, meta["heads"], strict=True))
    ]
