"""``offramp explore``: trains once, predicts the designs of a space, and verifies those of the front.

What is finished is kept: trainings and verifications are steps of their projects, predictions lie in a store by the hash of all that they
follow from. An exploration that was interrupted, or lost its workers, goes on where it was.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from build_flows.artefacts.explore import ExploreFile
from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import hash_path
from build_flows.base.ui import Ui
from build_flows.compare.sweep import write
from build_flows.explore import answers
from build_flows.explore.design_files import DesignFiles, Training
from build_flows.explore.designs import Designs
from build_flows.explore.objectives import chosen
from build_flows.explore.options import Options
from build_flows.explore.predict import Goal, Material, least_cycles
from build_flows.explore.predicted import Known, Source
from build_flows.explore.prediction import Looked, predicted
from build_flows.explore.result import Explored
from build_flows.explore.search_file import SearchFile
from build_flows.explore.setting import Setting
from build_flows.explore.space import space
from build_flows.explore.store import key_of
from build_flows.explore.verification import verified
from build_flows.explore.workers import Started, workers
from build_flows.project.load import load as load_config
from build_flows.steps.flow import open_flow

__all__ = ["explore"]


def explore(search: SearchFile, source: Path, ui: Ui, options: Options) -> tuple[ExploreFile, Path]:
    """What ``explore.json`` holds, and the folder that it belongs into.

    Raises :class:`OfframpError` where no design fits and holds what it must, and :class:`ConfigError` for a base that cannot be explored,
    before anything is trained.
    """
    objectives = chosen(search.objectives)
    files = DesignFiles(search, source, options.data)
    goal = _goal(files, search)
    sources = [_trained(training, ui, options.data) for training in _trainings(files)]
    begun = time.monotonic()
    least = min(least_cycles(item.material, goal) for item in sources)
    setting = Setting(search=search, files=files, sources=sources, goal=goal, space=space(search, files.heads, files.bits, least))
    known = Known()
    with ExitStack() as stack:
        started = Started(stack, lambda: workers(ui, options.scheduler, options.count))
        looked = predicted(setting, known, started, ui, None if options.budget is None else begun + options.budget / 2)
        designs = Designs(known, sources, objectives, search.must)
        if not designs.rows:
            raise _nothing(known, looked, goal)
        ui.info(f"front: {len(designs.front)} of {len(designs.rows):,} designs that fit and hold what they must, predicted")
        found = verified(designs, files, search.verify, started, ui, options, None if options.budget is None else begun + options.budget)
    made = Explored(setting=setting, known=known, looked=looked, designs=designs, verified=found, workers=started.count)
    return made.file(source.name), files.folder


def _goal(files: DesignFiles, search: SearchFile) -> Goal:
    config, where = files.base.config, f"{files.source}: the base's"
    if config.target.keep_free:
        raise ConfigError(f"{where} target.keep_free: designs are weighed against the whole part; allowed: unset")
    if config.calibrate.temperature:
        raise ConfigError(f"{where} calibrate.temperature = true: thresholds are searched for without temperatures; allowed: false")
    if config.build.folding != "optimal":
        raise ConfigError(f'{where} build.folding = "{config.build.folding}": every design has its own; allowed: "optimal"')
    if config.subnet is not None or config.build.mode == "anytime":
        raise ConfigError(f'{where} build.mode = "{config.build.mode}": allowed: "all"')
    return Goal(part=config.part, clock_mhz=config.target.clock_mhz, bus_bits=config.build.bus_bits, layers=config.build.layers,
                exchangeable=config.exchangeable, epsilon=config.calibrate.epsilon, seed=search.seed)


def _trainings(files: DesignFiles) -> list[Training]:
    return [*files.trainings.values(), *([files.alone] if files.alone else [])]


def _trained(training: Training, ui: Ui, data: Path | None) -> Source:
    """Train, and ask all exits."""
    file = training.layout.file
    write(training.layout, ui.info)
    ui.info(f"training {len(training.exits)} early exits in {training.bits[0]}-bit weights and {training.bits[1]}-bit activations"
            if training.exits else "training the network without early exits")
    project = load_config(file, data)
    with open_flow(project, ui) as flow:
        flow.train()
        flow.build.run(answers.step(project, flow.network))
        paths = flow.path(answers.LOGITS), flow.path(answers.GOLDEN)
    return Source(
        material=Material(*(path.read_bytes() for path in paths)), digest=key_of({str(k): hash_path(path) for k, path in enumerate(paths)}),
        exits={place: index for index, place in enumerate(training.exits)}, alone=training.alone,
    )


def _nothing(known: Known, looked: Looked, goal: Goal) -> OfframpError:
    """Why there is no front."""
    if not known.thresholds and not looked.complete and looked.optimiser is None:
        return OfframpError("the time was up before any design was predicted", hint="a longer --budget; the same command goes on")
    hint = "slower rates, fewer exits, fewer bits, or a smaller network may fit"
    if not known.thresholds:
        return OfframpError("no folding keeps the rates asked for, or no early exit lets a sample go", hint=hint)
    return OfframpError(f"none of the {known.thresholds:,} designs predicted fits {goal.part} and holds what it must", hint=hint)
