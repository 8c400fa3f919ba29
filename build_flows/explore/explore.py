"""``offramp explore``: trains once, predicts the designs of a space, and verifies those of the front.

What is finished is kept: trainings and verifications are steps of their projects, predictions lie in a store by the hash of all that they
follow from. An exploration that was interrupted, or lost its workers, goes on where it was.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from build_flows.artefacts.explore import Evaluated, ExitPays, ExploreFile, Failed, PointRecord
from build_flows.artefacts.verdict import capacity
from build_flows.base.errors import OfframpError
from build_flows.base.parts import find_part
from build_flows.base.ui import Ui
from build_flows.explore import answers
from build_flows.explore.decisions import harm_bound
from build_flows.explore.design_files import DesignFiles
from build_flows.explore.designs import Designs, Row
from build_flows.explore.objectives import chosen
from build_flows.explore.options import Options
from build_flows.explore.pays import pays
from build_flows.explore.predict import Goal
from build_flows.explore.predicted import Known, Source
from build_flows.explore.prediction import predicted
from build_flows.explore.preparation import prepared
from build_flows.explore.search_file import SearchFile
from build_flows.explore.space import Space
from build_flows.explore.verification import Verification, verified
from build_flows.explore.workers import Started, workers
from build_flows.planning.layout_network import with_exits
from build_flows.planning.read_network import read_network

__all__ = ["explore"]

def explore(search: SearchFile, source: Path, ui: Ui, options: Options) -> tuple[ExploreFile, Path]:
    """What ``explore.json`` holds, and the folder that it belongs into.

    Raises :class:`OfframpError` where no design fits and holds what it must, and :class:`ConfigError` for a base that cannot be explored,
    before anything is trained.
    """
    objectives = chosen(search.objectives)
    files = DesignFiles(search, source, options.data)
    sources, goal, whole = prepared(search, files, ui, options)
    begun = time.monotonic()
    known = Known()
    with ExitStack() as stack:
        started = Started(stack, lambda: workers(ui, options.scheduler, options.count))
        predictions = None if options.budget is None else begun + options.budget / 2
        optimiser = predicted(search, whole, files, sources, goal, known, started, ui, predictions)
        designs = Designs(known, sources, objectives, search.must)
        if not designs.rows:
            raise OfframpError(_nothing(known, goal), hint="slower rates, fewer exits, fewer bits, or a smaller network may fit")
        ui.info(f"front: {len(designs.front)} of {len(designs.rows):,} designs that fit and hold what they must, predicted")
        deadline = None if options.budget is None else begun + options.budget
        found = verified(designs, files, search.verify, started, ui, options, deadline)
    return _file(search, source, files, designs, found, known, whole, sources, goal, optimiser, started.count), files.folder


def _nothing(known: Known, goal: Goal) -> str:
    if not known.thresholds:
        return "no design was predicted"
    return f"none of {known.thresholds:,} designs fits {goal.part} and holds what it must"


def _file(
    search: SearchFile, source: Path, files: DesignFiles, designs: Designs, found: Verification, known: Known, whole: Space,
    sources: Sequence[Source], goal: Goal, optimiser: str | None, count: int,
) -> ExploreFile:
    part = find_part(goal.part)
    confidence = 1 - (1 - search.confidence) / max(1, sum(bool(row.chosen.family.layout) for row in found.rows))

    def record(row: Row) -> PointRecord:
        made = found.told(row)
        layout = row.chosen.family.layout
        if made.measured is None or not layout:
            return made
        own = answers.load_answers(files.trainings[row.chosen.family.bits].folder / answers.LOGITS)
        exits = [sources[row.source].exits[place] for place in layout]
        return made.replace(harm_bound=harm_bound(own, exits, row.chosen.family.policy, row.chosen.thresholds, goal.seed, confidence))

    front = [designs.rows[index] for index in designs.front]
    moved = [row for row in front if row.chosen.name in found.moved]
    worth: list[ExitPays] = []
    for row in front:
        if row.chosen.family.layout:
            network = read_network(files.trainings[row.chosen.family.bits].folder / answers.GOLDEN)
            exits = [sources[row.source].exits[place] for place in row.chosen.family.layout]
            measured = found.measured.get(row.chosen.name)
            worth += pays(row.chosen.name, with_exits(network, exits), row.chosen.family.layout, (measured or row.predicted.outcome).shares)
    done = known.thresholds
    return ExploreFile(
        version=ExploreFile.VERSION, name=files.folder.name, source=source.name, part=part.name, capacity=capacity(part),
        objectives=list(search.objectives), must={key: value for key, value in search.must.model_dump().items() if value is not None},
        evaluated=Evaluated(
            size=whole.size, points=len(known.foldings), thresholds=done, complete=optimiser is None, fitting=len(designs.rows),
            seconds=round(known.seconds, 3), optimiser=optimiser, workers=count,
        ),
        hypervolume=designs.hypervolume, reference=designs.scale.worst.tolist(), ideal=designs.scale.ideal.tolist(),
        front=[record(row) for row in front if row not in moved], alone=[record(designs.rows[index]) for index in designs.alone],
        moved=[record(row) for row in moved], failed=[Failed(name=name, error=error) for name, error in sorted(found.failed.items())],
        pays=worth, cloud=designs.cloud, seed=search.seed, confidence=search.confidence,
    )
