"""Designs that were predicted, put side by side: which hold what must hold, and which of those no other one beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from build_flows.artefacts.explore import Cloud, Outcome, PlacedExit, PointRecord
from build_flows.explore.design_files import Chosen
from build_flows.explore.evaluate import Known, Source
from build_flows.explore.objectives import Floats, Objective, Scale, front, values
from build_flows.explore.predict import Predicted
from build_flows.explore.search_file import MustSection
from build_flows.explore.space import Asked, Bits

__all__ = ["CLOUD", "Designs", "Row", "holds"]

CLOUD = 5000
"""Designs that a plot shows at most: of more every second, third, ..."""


@dataclass(frozen=True)
class Row:
    """A design, and what is predicted of it."""

    chosen: Chosen
    source: int
    predicted: Predicted

    @property
    def record(self) -> PointRecord:
        """As ``explore.json`` holds it, before it is verified."""
        family, asked = self.chosen.family, self.chosen.asked
        return PointRecord(
            name=self.chosen.name, weight_bits=family.bits[0], act_bits=family.bits[1], cycles=asked.cycles, utilisation=asked.utilisation,
            loss=asked.loss if family.layout else None, predicted=self.predicted.outcome,
            exits=[PlacedExit(after=after, head=head, policy=family.policy, threshold=threshold)
                   for (after, head), threshold in zip(family.layout, self.chosen.thresholds, strict=True)],
        )


class Designs:
    """The designs of ``known`` that fit and hold what they ``must``, weighed by ``objectives``. Of the networks without early exits only
    the one that is right more often counts, of each number of bits."""

    def __init__(self, known: Known, sources: Sequence[Source], objectives: Sequence[Objective], must: MustSection) -> None:
        self.objectives, self.must = objectives, must
        rows = [row for row in _rows(known, sources) if row.predicted.outcome.fits and holds(row.predicted.outcome, must)]
        best: dict[Bits, tuple[float, int]] = {}
        for row in rows:
            if not row.chosen.family.layout:
                found = row.predicted.outcome.accuracy, -row.source
                best[row.chosen.family.bits] = max(best.get(row.chosen.family.bits, found), found)
        self.rows = [row for row in rows if row.chosen.family.layout or -row.source == best[row.chosen.family.bits][1]]

    @cached_property
    def values(self) -> Floats:
        """``[rows, objectives]``, the least is best."""
        return values([row.predicted.outcome for row in self.rows], self.objectives)

    @cached_property
    def scale(self) -> Scale:
        """From the best to the worst of all rows, of which there must be one."""
        return Scale.of(self.values)

    @cached_property
    def front(self) -> list[int]:
        """The rows that no other one beats."""
        return front(self.values)

    @property
    def hypervolume(self) -> float:
        """Of the front."""
        return self.scale.hypervolume(self.values[self.front]) if self.rows else 0.0

    @cached_property
    def alone(self) -> list[int]:
        """Of the rows without early exits those that no other one of these beats."""
        without = [index for index, row in enumerate(self.rows) if not row.chosen.family.layout]
        return [without[at] for at in front(self.values[without])] if without else []

    @property
    def cloud(self) -> Cloud:
        """All rows, or an even part of them."""
        shown = self.rows[:: max(1, -(-len(self.rows) // CLOUD))]
        outcomes = [row.predicted.outcome for row in shown]
        return Cloud(
            accuracy=[item.accuracy for item in outcomes], samples_per_second=[item.samples_per_second for item in outcomes],
            lut=[float(item.lut) for item in outcomes], exits=[len(row.chosen.family.layout) for row in shown],
        )


def _rows(known: Known, sources: Sequence[Source]) -> list[Row]:
    rows = []
    for (source, family), found in sorted(known.designs.items()):
        variants = known.variants[source, family]
        for item in sorted(found, key=lambda item: (item.loss, item.cycles, item.utilisation)):
            own = variants[item.loss]
            thresholds = tuple(threshold for threshold in own.thresholds if threshold is not None)
            rows.append(Row(Chosen(
                family=family, asked=Asked(item.loss, item.cycles, item.utilisation), thresholds=thresholds,
                hard_share=tuple(own.hard_share), alone=sources[source].alone,
            ), source, item))
    return rows


def holds(outcome: Outcome, must: MustSection) -> bool:
    """Whether a design holds what it must, by what was predicted or measured of it."""
    accurate = must.accuracy is None or 100 * outcome.accuracy >= must.accuracy
    soon = must.latency_us is None or (outcome.latency_us is not None and outcome.latency_us <= must.latency_us)
    return accurate and soon and (must.samples_per_second is None or outcome.samples_per_second >= must.samples_per_second)
