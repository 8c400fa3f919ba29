"""What an exploration begins with: networks that are trained once with all exits that may be chosen, and what these answer."""

from pathlib import Path

from build_flows.base.errors import ConfigError
from build_flows.base.files import hash_path
from build_flows.base.ui import Ui
from build_flows.compare.sweep import write
from build_flows.explore import answers
from build_flows.explore.design_files import DesignFiles, Training
from build_flows.explore.evaluate import Source
from build_flows.explore.options import Options
from build_flows.explore.predict import Goal, Material, least_cycles
from build_flows.explore.search_file import SearchFile
from build_flows.explore.space import Space, space
from build_flows.explore.store import key_of
from build_flows.project.load import load as load_config
from build_flows.steps.flow import open_flow

__all__ = ["prepared"]


def prepared(search: SearchFile, files: DesignFiles, ui: Ui, options: Options) -> tuple[list[Source], Goal, Space]:
    """The networks, trained where they are not yet, those of each number of bits first and then the one without early exits; what designs
    are for, and the space of them. Raises :class:`ConfigError` for a base that cannot be explored, before anything is trained."""
    goal = _goal(files, search)
    sources = [_trained(training, ui, options.data) for training in _trainings(files)]
    return sources, goal, space(search, files.heads, files.bits, min(least_cycles(item.material, goal) for item in sources))


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
    if config.build.order != "arrival":
        raise ConfigError(f'{where} build.order = "{config.build.order}": pace and latency are predicted for results as they come; '
                          'allowed: "arrival"')
    if config.simulate.stall:
        raise ConfigError(f"{where} simulate.stall = {config.simulate.stall:g}: designs are measured at full rate; allowed: 0")
    return Goal(part=config.part, clock_mhz=config.target.clock_mhz, bus_bits=config.build.bus_bits, layers=config.build.layers,
                exchangeable=config.exchangeable, epsilon=config.calibrate.epsilon, seed=search.seed,
                percentile=search.must.latency_percentile)


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
        # Each design is built with some of these exits; two after one block are none of them.
        flow.train(warn=False)
        flow.build.run(answers.step(project, flow.network))
        paths = flow.path(answers.LOGITS), flow.path(answers.GOLDEN)
    return Source(
        material=Material(*(path.read_bytes() for path in paths)), digest=key_of({str(k): hash_path(path) for k, path in enumerate(paths)}),
        exits={place: index for index, place in enumerate(training.exits)}, alone=training.alone,
    )
