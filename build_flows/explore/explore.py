"""``offramp explore``: trains once, predicts the designs of a space, and verifies those of the front.

What is finished is kept: trainings and verifications are steps of their projects, predictions lie in a store by the hash of all that they
follow from. An exploration that was interrupted, or lost its workers, goes on where it was.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from build_flows.artefacts.explore import ExploreFile
from build_flows.base.errors import OfframpError
from build_flows.base.ui import Ui
from build_flows.explore.design_files import DesignFiles
from build_flows.explore.designs import Designs
from build_flows.explore.evaluate import Known
from build_flows.explore.look import Looked, look
from build_flows.explore.objectives import chosen
from build_flows.explore.options import Options
from build_flows.explore.predict import Goal
from build_flows.explore.preparation import prepared
from build_flows.explore.result import Explored
from build_flows.explore.search_file import SearchFile
from build_flows.explore.setting import Setting
from build_flows.explore.verify_front import verify_front
from build_flows.explore.workers import Started, workers
from sim.tools.yosys import version

__all__ = ["explore"]


def explore(search: SearchFile, source: Path, ui: Ui, options: Options) -> tuple[ExploreFile, Path]:
    """What ``explore.json`` holds, and the folder that it belongs into.

    Raises :class:`OfframpError` where no design fits and holds what it must, and :class:`ConfigError` for a base that cannot be explored,
    and :class:`sim.errors.ToolError` without Yosys where designs are to be verified here, before anything is trained.
    """
    if search.verify and options.scheduler is None:
        version()
    objectives = chosen(search.objectives)
    files = DesignFiles(search, source, options.data)
    sources, goal, whole = prepared(search, files, ui, options)
    begun = time.monotonic()
    setting = Setting(search=search, files=files, sources=sources, goal=goal, space=whole)
    known = Known()
    with ExitStack() as stack:
        started = Started(stack, lambda: workers(ui, options.scheduler, options.count))
        looked = look(setting, known, started, ui, None if options.budget is None else begun + options.budget / 2)
        designs = Designs(known, sources, objectives, search.must)
        if not designs.rows:
            raise _nothing(known, looked, goal)
        ui.info(f"front: {len(designs.front)} of {len(designs.rows):,} designs that fit and hold what they must, predicted")
        end = None if options.budget is None else begun + options.budget
        found = verify_front(designs, files, search.verify, started, ui, options, end)
    made = Explored(setting=setting, known=known, looked=looked, designs=designs, verified=found, workers=started.count)
    return made.file(source.name), files.folder


def _nothing(known: Known, looked: Looked, goal: Goal) -> OfframpError:
    """Why there is no front."""
    if not known.thresholds and not looked.complete and looked.optimiser is None:
        return OfframpError("the time was up before any design was predicted", hint="a longer --budget; the same command goes on")
    hint = "slower rates, fewer exits, fewer bits, or a smaller network may fit"
    if not known.thresholds:
        return OfframpError("no folding keeps the rates asked for, or no early exit lets a sample go", hint=hint)
    return OfframpError(f"none of the {known.thresholds:,} designs predicted fits {goal.part} and holds what it must", hint=hint)
