"""Designs of one network for one part, in numbers: many of them, one after another.

What is found is what :func:`build_flows.planning.folding_search.search` finds. Targets leave a layer finitely many choices, so many targets
have the same folding; it is searched for once for all that leave the same choices and the same gates.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from build_flows.artefacts.energy import WEIGHTS
from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.parts import Part
from build_flows.planning.fold_choices import Choice
from build_flows.planning.fold_space import Space
from build_flows.planning.folding import Folding, FoldingError, evaluate, stage_targets, taken
from build_flows.planning.folding_search import emptiest
from build_flows.planning.gate_costs import gate_costs, gates_built
from build_flows.planning.glue_costs import glue_cost, logit_beats, with_decisions
from build_flows.planning.layer_costs import Cost
from build_flows.planning.network import Network
from build_flows.planning.pace import least_pace
from build_flows.planning.switching import Layer, layers, switching
from build_flows.planning.throughput import cycles_a_sample

__all__ = ["BUBBLE", "PIPELINE", "Design", "Designs", "verdict_cycles"]

BUBBLE = 2
"""Cycles that an image takes more than its words on the bus: b_lenet, whose stages were faster, took 100.0 and 100.3 for 98."""
PIPELINE = 50
"""Cycles of a verdict beside those of a head's linear layers; twelve heads of b_lenet, digits and triple_wins took 23 % less to 17 % more
than the sum."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is predicted of a folding: ``cycles`` a sample, and which stage takes them (``slowest``; None: the image bus); what all
    ``takes``, by the keys of :data:`build_flows.artefacts.verdict.NAMES`; what the part is ``short`` of; and ``energy``, what a sample
    switches at full rate, weighed (:mod:`build_flows.planning.switching`). ``latencies``: by exit, the cycles from a sample's first word in
    to its result, at full rate and as if it found all gates before it full. ``folding`` is what designs have in common whose stages take
    the same cycles and resources."""

    folding: str
    cycles: float
    slowest: int | None
    takes: dict[str, float]
    short: tuple[str, ...]
    energy: float
    latencies: tuple[float, ...]

    @property
    def fits(self) -> bool:
        """Whether the part has enough of everything."""
        return not self.short


@dataclass(frozen=True)
class _Folded:
    """A ``folding``, the cycles a frame of each stage, what it takes between its layers, the ``logits`` of each exit
    (:func:`build_flows.planning.glue_costs.logit_beats`), its ``layers`` one by one, and the ``latencies`` of its early exits' verdicts;
    with the choices that it was found among, so that they stay."""

    folding: Folding
    stage_cycles: tuple[int, ...]
    glue: Cost
    logits: tuple[tuple[int, int], ...]
    layers: tuple[Layer, ...]
    latencies: tuple[int, ...]
    choices: tuple[tuple[Choice, ...], ...]


class Designs:
    """All designs of ``network`` for ``part``, its images on a bus of ``bus_bits``. Attributes: ``searched``, how often a folding was
    searched for, and ``asked``, how many designs there were."""

    def __init__(self, network: Network, part: Part, bus_bits: int) -> None:
        self.network, self.part = network, part
        self.words = ceil(network.source.values / (bus_bits // 8))
        self.bus_bits = bus_bits
        self.searched = self.asked = 0
        self._found: dict[tuple[object, ...], _Folded] = {}

    def least(self, reach: Sequence[float], utilisation: float) -> int:
        """The least cycles a sample that any design keeps."""
        return least_pace(self.network, reach, utilisation, self.bus_bits).cycles

    def at(self, cycles: int, reach: Sequence[float], utilisation: float, policies: Sequence[str],
           arrive: Sequence[float] | None = None) -> Design:
        """The design for ``cycles`` a sample, planned for the shares ``reach`` that arrive at each stage, later stages as busy as
        ``utilisation``, that decides by ``policies`` at its early exits. ``arrive`` are the shares that do (None: those planned for):
        a stage that next to none reach is planned for more.

        Raises :class:`FoldingError` for fewer cycles than any folding keeps.
        """
        self.asked += 1
        targets = stage_targets(cycles, reach, utilisation)
        least = self.least(reach, utilisation)
        if cycles < least:
            raise FoldingError(f"cycles must be at least {least}, not {cycles}")
        folded = self._folded(targets, reach)
        frames = tuple(gate.frames for gate in gates_built(cycles, folded.stage_cycles, folded.latencies, tuple(reach)))
        memories = gate_costs(self.network, folded.folding.widths, frames)
        cost, other = folded.folding.layer_cost + memories, with_decisions(folded.glue, folded.logits, policies)
        takes = taken(cost, other)
        comes = tuple(arrive or reach)
        busy = [self.words + BUBBLE, *(share * each for share, each in zip(comes, folded.stage_cycles, strict=True))]
        found = cycles_a_sample(self.words + BUBBLE, folded.stage_cycles, (*folded.latencies, 0), frames, comes)
        slowest = max(range(len(busy)), key=lambda place: busy[place])
        return Design(
            folding=hashlib.sha256(repr((folded.stage_cycles, cost)).encode()).hexdigest()[:12], cycles=found,
            slowest=slowest - 1 if slowest else None, takes=takes,
            short=tuple(item.told() for item in shortages(takes, capacity(self.part))),
            latencies=tuple(_latencies(folded, frames, self.words)),
            energy=switching(folded.layers, other + memories, comes, found, self.words).weighed(WEIGHTS),
        )

    def _folded(self, targets: tuple[int, ...], reach: Sequence[float]) -> _Folded:
        space = Space(self.network, targets, True, reach)
        choices = tuple(space.choices.values())
        # The very tuples are the same where the choices are; they are kept, so that no other can come to lie in their place.
        key = (tuple(space.frames.items()), tuple(space.entries), *map(id, choices))
        if key not in self._found:
            self.searched += 1
            best = emptiest(space, self.part)
            found = evaluate(self.network, space.folds(best), targets, self.part, input_pe=best.input_pe, reach=reach)
            cycles = tuple(found.stage_cycles(stage) for stage in range(len(targets)))
            glue = glue_cost(found, self.bus_bits)
            self._found[key] = _Folded(found, cycles, glue, logit_beats(found), layers(found), verdict_cycles(found), choices)
        return self._found[key]


def _latencies(folded: _Folded, frames: Sequence[int], words: int) -> Iterator[float]:
    """By exit: an image comes in, each layer on its way takes all of its cycles after the one before, and each gate hands on all ``frames``
    that it holds first."""
    plans, total = folded.folding.plans.values(), float(words)
    for stage, cycles in enumerate(folded.stage_cycles):
        if stage:
            total += frames[stage - 1] * cycles
        trunk, head = (sum(plan.cycles for plan in plans if plan.stage == stage and plan.units and plan.head is side)
                       for side in (False, True))
        total += trunk
        yield total + head + PIPELINE


def verdict_cycles(folding: Folding) -> tuple[int, ...]:
    """By gate, cycles from a frame's last beat to its verdict: about those of the head's linear layers, for what is before them ends with
    that beat."""
    found = []
    for head in folding.network.heads[:-1]:
        last = [folding.plans[layer.name].cycles for layer in head if layer.kind == "linear"]
        found.append(PIPELINE + (sum(last) or folding.plans[head[-1].name].cycles))
    return tuple(found)
