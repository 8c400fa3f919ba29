"""What is predicted of designs: accuracy and shares by the integers that the exits gave, cycles and resources by the folding search.

:func:`predict` is pure: what it gives follows from what it is given, wherever it is run.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import mul
from pathlib import Path
from tempfile import TemporaryDirectory

from build_flows.artefacts.explore import Outcome
from build_flows.base.interval import wilson
from build_flows.base.parts import find_part
from build_flows.explore.answers import Answers, load_answers
from build_flows.explore.decisions import Decided, Scoring, decided
from build_flows.explore.space import Asked
from build_flows.planning.designs import Designs
from build_flows.planning.exchangeable import logit_bits
from build_flows.planning.layout_network import with_exits
from build_flows.planning.network import Network
from build_flows.planning.pace import planned_reach
from build_flows.planning.read_network import read_network
from quant_models.records import Record

__all__ = ["Chunk", "Chunked", "Goal", "Material", "Predicted", "Variant", "least_cycles", "predict", "scoring"]

SURE = 0.99
"""How sure it is to be that no more samples reach a stage than it is planned for, by the images that select."""


@dataclass(frozen=True)
class Material:
    """The bytes of ``answers.npz`` and of the ``golden.npz`` with all exits of one training."""

    answers: bytes
    golden: bytes


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What designs are for: the ``part``, ``clock_mhz``, width of the image bus, ``layers`` as in ``build.layers``, whether heads are to be
    ``exchangeable``, ``epsilon`` as in ``calibrate.epsilon``, the ``seed`` that parts the validation images, and of how many percent of the
    samples latency is told (``percentile``)."""

    part: str
    clock_mhz: float
    bus_bits: int
    layers: str
    exchangeable: bool
    epsilon: float
    seed: int
    percentile: float = 99.0


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Designs that decide alike: the early ``exits`` of the network that they keep, their ``policy``, and what each is ``asked`` for."""

    exits: tuple[int, ...]
    policy: str
    asked: tuple[Asked, ...]


class Variant(Record):
    """What thresholds that lose at most ``loss`` points make of the images that select: real ``thresholds`` by early exit (None: lets none
    go) and ``hard_share``, what each is planned to pass on."""

    loss: float
    thresholds: list[float | None]
    hard_share: list[float]


class Predicted(Record):
    """A design by the ``loss``, ``cycles`` and ``utilisation`` that it was asked for, and what is predicted of it; designs of a layout
    with the same ``folding`` have stages that take the same cycles and resources. Those that no folding can keep the pace of, and those in
    which an early exit lets none go, are not among what :func:`predict` gives."""

    loss: float
    cycles: int
    utilisation: float
    folding: str
    outcome: Outcome


class Chunked(Record):
    """What :func:`predict` gives."""

    variants: list[Variant]
    designs: list[Predicted]


def predict(material: Material, goal: Goal, chunk: Chunk) -> Chunked:
    """What is predicted of the designs of ``chunk``. Deterministic."""
    known = _known(material, goal)
    designs = _designs(material, goal, chunk.exits)
    variants: dict[float, Decided] = {}
    found = []
    for item in chunk.asked:
        if item.loss not in variants:
            variants[item.loss] = decided(known.answers, chunk.exits, chunk.policy, item.loss, goal.seed, scoring(known.network, goal))
        now = variants[item.loss]
        if None in now.thresholds:
            continue
        # Later stages that are as small as the shares seen allow would hold up the whole once a few images more go on.
        planned = planned_reach(accumulate(now.planned(SURE), mul))
        if item.cycles < designs.least(planned, item.utilisation):
            continue
        design = designs.at(item.cycles, planned, item.utilisation, [chunk.policy] * len(chunk.exits),
                            (1.0, *accumulate(now.hard_share, mul)))
        accuracy = now.right / now.samples
        found.append(Predicted(
            loss=item.loss, cycles=item.cycles, utilisation=item.utilisation, folding=design.folding, outcome=Outcome(
                accuracy=accuracy, accuracy_interval=wilson(accuracy, now.samples), samples=now.samples, shares=list(now.shares),
                cycles_per_sample=design.cycles, samples_per_second=goal.clock_mhz * 1e6 / design.cycles, clock_mhz=goal.clock_mhz,
                lut=design.takes["lut"], ff=design.takes["ff"], bram36=design.takes["bram36"], dsp=design.takes["dsp"], fits=design.fits,
                short=list(design.short), energy=design.energy,
                latency_us=design.latencies[_leaves(now.leave, goal.percentile)] / goal.clock_mhz,
            ),
        ))
    return Chunked(variants=[Variant(loss=loss, thresholds=list(now.thresholds), hard_share=list(now.planned(SURE)))
                             for loss, now in variants.items()], designs=found)


def _leaves(leave: Sequence[int], percentile: float) -> int:
    """The exit by which ``percentile`` of all samples have left, of which so many ``leave`` at each."""
    wanted, left = percentile / 100 * sum(leave) - 1e-9, 0
    for exit, count in enumerate(leave):
        left += count
        if left >= wanted:
            return exit
    return len(leave) - 1


def least_cycles(material: Material, goal: Goal) -> int:
    """The least cycles a sample that any layout of the exits keeps, however few samples reach later stages."""
    network = _known(material, goal).network
    kept: Sequence[int] = range(len(network.stages) - 1)
    layouts = [tuple[int, ...](), *((exit,) for exit in kept)]
    return min(_designs(material, goal, layout).least(planned_reach([0.0] * len(layout)), 1.0) for layout in layouts)


def scoring(network: Network, goal: Goal) -> Scoring:
    """How scores of the exits of ``network`` are computed."""
    return Scoring(epsilon=goal.epsilon, bits=logit_bits(network) if goal.exchangeable else None)


@dataclass(frozen=True)
class _Known:
    answers: Answers
    network: Network


@lru_cache(maxsize=8)
def _known(material: Material, goal: Goal) -> _Known:
    with TemporaryDirectory() as folder:
        golden = Path(folder) / "golden.npz"
        golden.write_bytes(material.golden)
        network = read_network(golden, goal.exchangeable, layers=goal.layers)
    return _Known(load_answers(io.BytesIO(material.answers)), network)


@lru_cache(maxsize=64)
def _designs(material: Material, goal: Goal, exits: tuple[int, ...]) -> Designs:
    return Designs(with_exits(_known(material, goal).network, exits), find_part(goal.part), goal.bus_bits)
