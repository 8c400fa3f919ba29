"""What ``explore.json`` holds, put together from what was predicted and verified."""

from dataclasses import dataclass

from build_flows.artefacts.explore import Evaluated, ExitPays, ExploreFile, Failed, PointRecord
from build_flows.artefacts.verdict import capacity
from build_flows.base.parts import find_part
from build_flows.explore.answers import GOLDEN, LOGITS, load_answers
from build_flows.explore.decisions import harm_bound
from build_flows.explore.designs import Designs, Row
from build_flows.explore.evaluate import Known
from build_flows.explore.look import Looked
from build_flows.explore.pays import pays
from build_flows.explore.predict import scoring
from build_flows.explore.setting import Setting
from build_flows.explore.verify_front import Verification
from build_flows.planning.layout_network import with_exits
from build_flows.planning.network import Network
from build_flows.planning.read_network import read_network

__all__ = ["Explored"]


@dataclass(frozen=True, kw_only=True)
class Explored:
    """An exploration at its end: what it was about (``setting``), what is ``known`` of the designs that were ``looked`` at, those that hold
    what they must (``designs``, one at least), what was ``verified`` of them, and by how many ``workers``."""

    setting: Setting
    known: Known
    looked: Looked
    designs: Designs
    verified: Verification
    workers: int

    def file(self, source: str) -> ExploreFile:
        """``explore.json`` of the search file called ``source``. Verified designs of the front come first; those that turned out not to
        belong there, and those that failed, are told apart from it."""
        search, goal, known, designs = self.setting.search, self.setting.goal, self.known, self.designs
        part = find_part(goal.part)
        rows = [designs.rows[index] for index in designs.front]
        moved = [row for row in rows if row.chosen.name in self.verified.moved]
        kept = [row for row in rows if row not in moved and row.chosen.name not in self.verified.failed]
        kept.sort(key=lambda row: row.chosen.name not in self.verified.measured)
        return ExploreFile(
            version=ExploreFile.VERSION, name=self.setting.files.folder.name, source=source, part=part.name, capacity=capacity(part),
            objectives=list(search.objectives), must=search.must.told(),
            evaluated=Evaluated(
                size=self.setting.space.size, points=len(known.foldings), thresholds=known.thresholds, complete=self.looked.complete,
                fitting=len(designs.rows), seconds=round(known.seconds, 3), optimiser=self.looked.optimiser, workers=self.workers,
            ),
            hypervolume=designs.hypervolume, reference=designs.scale.worst.tolist(), ideal=designs.scale.ideal.tolist(),
            front=[self._record(row) for row in kept], alone=[self._record(designs.rows[index]) for index in designs.alone],
            moved=[self._record(row) for row in moved],
            failed=[Failed(name=name, error=error) for name, error in sorted(self.verified.failed.items())],
            pays=[item for row in kept for item in self._pays(row)], cloud=designs.cloud, seed=search.seed, confidence=search.confidence,
        )

    @property
    def _confidence(self) -> float:
        """Of one bound, so that those of all verified designs hold together (Bonferroni)."""
        certified = sum(bool(row.chosen.family.layout) for row in self.verified.rows)
        return 1 - (1 - self.setting.search.confidence) / max(1, certified)

    def _exits(self, row: Row) -> list[int]:
        """Which exits of its training a design has."""
        return [self.setting.sources[row.source].exits[place] for place in row.chosen.family.layout]

    def _network(self, row: Row) -> Network:
        """The network of the training that a design with exits comes from, with all that may be chosen."""
        goal = self.setting.goal
        return read_network(self.setting.files.trainings[row.chosen.family.bits].folder / GOLDEN, goal.exchangeable, layers=goal.layers)

    def _record(self, row: Row) -> PointRecord:
        made, family = self.verified.told(row), row.chosen.family
        if made.measured is None or not family.layout:
            return made
        answers = load_answers(self.setting.files.trainings[family.bits].folder / LOGITS)
        goal = self.setting.goal
        return made.replace(harm_bound=harm_bound(
            answers, self._exits(row), family.policy, row.chosen.thresholds, goal.seed, scoring(self._network(row), goal), self._confidence,
        ))

    def _pays(self, row: Row) -> list[ExitPays]:
        layout = row.chosen.family.layout
        if not layout:
            return []
        shown = self.verified.measured.get(row.chosen.name, row.predicted.outcome)
        return pays(row.chosen.name, with_exits(self._network(row), self._exits(row)), layout, shown.shares)
