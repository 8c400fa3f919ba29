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
from build_flows.planning.folding import FoldingError, evaluate, stage_targets, taken
from build_flows.planning.folding_search import emptiest
from build_flows.planning.gate_costs import gate_losses, planned_gates
from build_flows.planning.glue_costs import glue_cost, logit_beats, with_decisions
from build_flows.planning.layer_costs import Cost
from build_flows.planning.network import Network
from build_flows.planning.pace import least_pace
from build_flows.planning.switching import Layer, layers, switching

__all__ = ["FILL", "Design", "Designs"]

FILL = 2.3
"""Cycles from a frame's first beat into a stage to its exit's verdict, over the cycles a frame of the stage, at full rate; digits at 128
cycles a sample took 2.1 to 2.5."""


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
    """Of a folding the cycles a frame of each stage, what its layers take and what is between them, the ``logits`` of each exit
    (:func:`build_flows.planning.glue_costs.logit_beats`), its ``layers`` one by one and its ``gates``' memories; with the choices that it
    was found among, so that they stay."""

    name: str
    stage_cycles: tuple[int, ...]
    cost: Cost
    glue: Cost
    logits: tuple[tuple[int, int], ...]
    layers: tuple[Layer, ...]
    gates: Cost
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
        other = with_decisions(folded.glue, folded.logits, policies)
        takes = taken(folded.cost, other)
        busy = [share * each for share, each in zip(arrive or reach, folded.stage_cycles, strict=True)]
        pace = max(self.words, *busy)
        gates = planned_gates(targets, tuple(reach))
        lost = max(gate_losses(gates, targets, folded.stage_cycles, tuple(arrive or reach), round(pace)), default=0.0)
        found = pace / (1 - lost)
        return Design(
            folding=folded.name, cycles=found, slowest=None if pace == self.words else busy.index(pace), takes=takes,
            short=tuple(item.told() for item in shortages(takes, capacity(self.part))),
            latencies=tuple(_latencies(folded.stage_cycles, [gate.frames for gate in gates])),
            energy=switching(folded.layers, other + folded.gates, arrive or reach, found).weighed(WEIGHTS),
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
            name = hashlib.sha256(repr((cycles, found.cost)).encode()).hexdigest()[:12]
            self._found[key] = _Folded(name, cycles, found.cost, glue_cost(found, self.bus_bits), logit_beats(found), layers(found),
                                       found.gates, choices)
        return self._found[key]


def _latencies(stage_cycles: Sequence[int], frames: Sequence[int]) -> Iterator[float]:
    """By exit: each stage on the way takes :data:`FILL` of its cycles, and each gate hands on all ``frames`` that it holds first."""
    total = 0.0
    for stage, cycles in enumerate(stage_cycles):
        total += FILL * cycles + (frames[stage - 1] * cycles if stage else 0)
        yield total
