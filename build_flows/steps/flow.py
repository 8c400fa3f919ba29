"""The project's steps in order: train, calibrate, export, compile, agree, simulate, report, and those beside them.

Every function here runs the steps it needs first; a step whose inputs did not change is skipped. What a step does, reads and writes stands
in a file of its name.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from build_flows.artefacts.evaluation import EvaluationFile
from build_flows.artefacts.exchange import Exchange, differences
from build_flows.artefacts.resources import ResourcesFile, SynthesisFile
from build_flows.artefacts.simulation import Figures, SimulationFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.artefacts.verdict import Verdict, synthesised
from build_flows.base.errors import OfframpError
from build_flows.base.interval import wilson
from build_flows.base.parts import find_part
from build_flows.base.ui import Ui
from build_flows.planning.read_network import read_network
from build_flows.planning.verdict import predicted
from build_flows.project.load import Project
from build_flows.project.own import trains_own
from build_flows.steps import subnet as subnet_step
from build_flows.steps.engine import Build, Step
from build_flows.steps.simulate_options import Options, options
from quant_models.exits.records import ExitsFile
from quant_models.judge.profile_records import ProfileFile
from quant_models.records import ArtefactError
from quant_models.training.records import ExitMetrics, MetricsFile

__all__ = ["Compiled", "Flow", "Trained", "compile", "evaluate", "open_flow", "profile", "report", "simulate", "synth", "train", "verdict"]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training and calibration left; ``subnet`` is the one exit that is built (None: all are), ``mode`` the mode of the build."""

    metrics: MetricsFile
    exits: ExitsFile
    subnet: int | None
    mode: str

    @property
    def alone(self) -> list[ExitMetrics]:
        """How good every exit that is built is by itself, on the validation split."""
        return self.metrics.exits if self.subnet is None else [self.metrics.exits[self.subnet]]

    def to_json(self) -> dict[str, Any]:
        """What ``offramp train --json`` publishes."""
        found = self.exits.calibration
        return {
            "accuracy": found.accuracy, "accuracy_interval": wilson(found.accuracy, found.samples), "samples": found.samples,
            "exits": [{
                "accuracy": alone.accuracy, "accuracy_interval": wilson(alone.accuracy, self.metrics.validation_samples),
                "leave": item.leave, "leave_interval": wilson(item.leave, found.samples), "threshold": item.threshold,
            } for alone, item in zip(self.alone, self.exits.exits, strict=True)],
            "mode": self.mode,
        }


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What was measured and sized, and how the RTL differs from that of the project it was exchanged with (None: of none)."""

    sizing: SizingFile
    exchange: Exchange | None

    def to_json(self) -> dict[str, Any]:
        """What ``offramp compile --json`` publishes."""
        return {
            "cost": self.sizing.cost.to_json(), "stages": [stage.to_json() for stage in self.sizing.stages],
            "exchange": None if self.exchange is None else self.exchange.to_json(),
        }


class Flow:
    """One project's steps inside one locked output folder: get it from :func:`open_flow`."""

    def __init__(self, project: Project, ui: Ui, build: Build) -> None:
        self.project = project
        self.ui = ui
        self.build = build

    def path(self, name: str) -> Path:
        """Where artefact ``name`` lies."""
        return self.build.path(name)

    def paths(self, names: tuple[str, ...]) -> dict[str, Path]:
        """Where the artefacts ``names`` lie, by name."""
        return {name: self.path(name) for name in names}

    @property
    def checkpoint(self) -> Path:
        """The weights of the network that is built."""
        return self.path("checkpoint.safetensors" if self.project.config.subnet is None else subnet_step.OUTPUT)

    @property
    def network(self) -> dict[str, Path]:
        """The artefact that the network is in, once it is trained or taken."""
        return {"golden": self.path("golden.npz")} if self.project.config.model.own else {"checkpoint": self.checkpoint}

    def train(self, *, warn: bool = True) -> Trained:
        """Checkpoint, metrics.json, exits.json; of a network of the user's own model.onnx and golden.npz instead of a checkpoint.

        What could not be calibrated or compiled is refused before anything is trained, and ``warn`` tells what could be trained, but not
        compiled (:mod:`build_flows.steps.ahead`).
        """
        from build_flows.steps import calibrate
        from build_flows.steps.ahead import look_ahead, refuse_cost, refuse_unbuildable

        project, subnet = self.project, self.project.config.subnet
        ahead = partial(look_ahead, project, self.ui, warn)
        step = train_step(project)
        if trains_own(project.config):
            from build_flows.steps import own, own_train

            self.build.run(own_train.step(project), before=ahead)
            step = own.step(project, self.paths(own_train.OUTPUTS))
        if self.build.run(step, before=ahead) and project.config.model.own:
            network = read_network(self.path("golden.npz"))
            refuse_cost(project, network)
            refuse_unbuildable(project, network, self.ui)
        if subnet is not None and not project.config.model.own:
            self.build.run(subnet_step.step(project, self.path("checkpoint.safetensors")))
        self.build.run(calibrate.step(project, self.network))
        return Trained(
            metrics=MetricsFile.load(self.path("metrics.json")), exits=ExitsFile.load(self.path("exits.json")), subnet=subnet,
            mode=project.config.build.mode,
        )

    def compile(self) -> Compiled:
        """model.onnx, golden.npz, folding.toml, netlist.json, rtl/; then FINN's graph against the golden model."""
        self.project.refuse_shared_places()
        self.project.refuse_unplanned()
        self.train()
        for step in (*self._export_steps(), self._compile_step(), self._agree_step()):
            self.build.run(step)
        return Compiled(sizing=SizingFile.load(self.path("sizing.json")), exchange=self._exchange())

    def _exchange(self) -> Exchange | None:
        """How the RTL differs from that of the project that ``train.start`` (of a network of the user's own ``model.weights``) is of, where
        heads are exchangeable and that was compiled."""
        start = self.project.start or self.project.own_weights
        if not self.project.config.exchangeable or start is None or not (start.parent / "rtl").is_dir():
            return None
        found = differences(start.parent, self.build.folder)
        self.ui.info(found.told())
        return found

    def _export_steps(self) -> list[Step]:
        """A network of the user's own is exported when it is taken."""
        from build_flows.steps import export

        return [] if self.project.config.model.own else [export.step(self.project, self.checkpoint)]

    def _compile_step(self) -> Step:
        from build_flows.steps import compile

        return compile.step(self.project, self.path("model.onnx"), self.path("golden.npz"), self.path("exits.json"))

    def _agree_step(self) -> Step:
        from build_flows.steps import agree

        return agree.step(self.project, self.network, self.path("golden.npz"), self.path("dataflow.onnx"))

    def simulate(self, chosen: Options) -> Figures:
        """sim.json with the project's own options; other options run beside it and leave it alone."""
        from build_flows.steps import simulate

        self.compile()
        step = self._simulate_step()
        if chosen != options(self.project):
            work = self.build.work(self.path(".steps") / "simulate-other")
            return simulate.simulate(simulate.settings(self.project, chosen), step.inputs, work, waves=chosen.waves)
        self.build.run(step)
        return SimulationFile.load(self.path("sim.json")).figures

    def _simulate_step(self) -> Step:
        from build_flows.steps import simulate

        return simulate.step(self.project, self.paths(simulate.INPUTS))

    def _simulated(self) -> bool:
        """Whether RTL and ``sim.json`` are there, of the network as it is now."""
        try:
            return all(map(self.build.fresh, (*self._export_steps(), self._compile_step(), self._simulate_step())))
        except OfframpError:
            # An artefact or a tool that they need is missing.
            return False

    def evaluate(self) -> EvaluationFile:
        """evaluation.json, evaluation.html and plots; with cycles where the network was simulated as it is now."""
        from build_flows.steps import evaluate, evaluate_hardware

        self.train()
        step = evaluate.step(self.project, self.network, self.path("exits.json"))
        if self._simulated():
            step = evaluate_hardware.step(step, self.paths(evaluate_hardware.INPUTS))
        self.build.run(step)
        return EvaluationFile.load(self.path("evaluation.json"))

    def profile(self) -> ProfileFile:
        """profile.json, profile.html and plots: where the accuracy goes between float and quantised, layer by layer.

        Raises :class:`OfframpError` for a network that is a QONNX file.
        """
        from build_flows.steps import profile

        if self.project.config.model.own:
            step = profile.own_step(self.project)
            self.train()
        else:
            self.train()
            step = profile.step(self.project, self.path("checkpoint.safetensors"))
        self.build.run(step)
        return ProfileFile.load(self.path("profile.json"))

    def synth(self, part: str | None = None, full: bool = False) -> ResourcesFile:
        """synthesis.json, and resources.json with it."""
        from build_flows.steps import synth
        from sim.tools.yosys import version

        version()  # without Yosys nothing is trained or compiled in vain
        chosen = find_part(self.project.config.part if part is None else part)
        self.compile()
        self.build.run(synth.step(self.path("netlist.json"), self.path("rtl"), chosen.name, full))
        return self.resources()

    def resources(self) -> ResourcesFile:
        """resources.json: synthesis.json, which must be there, and Vivado's figures where there is a bitstream of this netlist."""
        from build_flows.board.built import BITSTREAM
        from build_flows.steps import resources

        self.build.run(resources.step(self.path("synthesis.json"), self.path("netlist.json"), self.path(BITSTREAM)))
        return ResourcesFile.load(self.path("resources.json"))

    def synthesised(self) -> ResourcesFile | None:
        """resources.json where the RTL as it is now was synthesised, else None; nothing is synthesised for it."""
        from build_flows.steps import synth

        try:
            made = SynthesisFile.load(self.path("synthesis.json"))
            step = synth.step(self.path("netlist.json"), self.path("rtl"), made.part, made.whole is not None)
            return self.resources() if self.build.fresh(step) else None
        except (OfframpError, ArtefactError):
            # It was never synthesised, or what was left of it cannot be used.
            return None

    def verdict(self) -> Verdict:
        """Whether the compiled design fits the configured board and keeps its clock: by resources.json where the RTL as it is now was
        synthesised, else predicted. Raises :class:`quant_models.records.ArtefactError` for what was never compiled."""
        config, found = self.project.config, self.synthesised()
        if found is not None:
            return synthesised(found, find_part(config.part))
        return predicted(SizingFile.load(self.path("sizing.json")), find_part(config.part), config.target.clock_mhz)

    def report(self) -> Path:
        """report.html, with what is known of the RTL as it is now beside it: resources.json where it was synthesised, and compare.json of a
        comparison that it was part of."""
        from build_flows.steps import report
        from build_flows.steps.comparison import COMPARE, find_comparison

        self.simulate(options(self.project))
        found = self.paths(report.INPUTS)
        if self.synthesised() is not None:
            found |= self.paths((report.SYNTHESISED,))
        compared = find_comparison(self.build.folder)
        if compared is not None:
            found |= {COMPARE: compared, "rtl": self.path("rtl")}
        self.build.run(report.step(self.project, found))
        return self.path("report.html")


def train_step(project: Project) -> Step:
    """The step ``train`` of ``project``: what it does follows from where its network comes from."""
    from build_flows.steps import import_weights, own, take, train

    if project.config.model.own:
        return own.step(project)
    if project.checkpoint is not None:
        return take.step(project)
    return train.step(project) if project.weights is None else import_weights.step(project)


@contextmanager
def open_flow(project: Project, ui: Ui, reuse: Sequence[Path] = ()) -> Iterator[Flow]:
    """The steps of ``project``, its output folder locked meanwhile (:class:`build_flows.steps.engine.Build` says what that raises, and what
    ``reuse`` is)."""
    with Build(project.output, ui, project.file, reuse=reuse) as build:
        yield Flow(project, ui, build)


def train(project: Project, ui: Ui) -> Trained:
    """Train and calibrate: ``checkpoint.safetensors``, ``metrics.json``, ``exits.json``."""
    with open_flow(project, ui) as flow:
        return flow.train()


def compile(project: Project, ui: Ui) -> Compiled:
    """All up to ``rtl/`` and the agreement of FINN, Brevitas and the golden model."""
    with open_flow(project, ui) as flow:
        return flow.compile()


def simulate(
    project: Project, ui: Ui, samples: int | None = None, stall: float = 0.0, seed: int = 1, waves: Path | None = None
) -> Figures:
    """All up to the simulation of the accelerator; the figures of ``build_flows.steps.simulate.figures``."""
    with open_flow(project, ui) as flow:
        return flow.simulate(Options(samples=samples, stall=stall, seed=seed, waves=waves))


def synth(project: Project, ui: Ui, *, part: str | None = None, full: bool = False) -> ResourcesFile:
    """All up to ``resources.json``, and what it holds.

    ``part``: a part or board, that of the configuration's board when None; ``full``: the complete top is synthesised as well.
    Raises :class:`build_flows.base.parts.PartError` for an unknown part before anything is run.
    """
    with open_flow(project, ui) as flow:
        return flow.synth(part, full)


def evaluate(project: Project, ui: Ui) -> EvaluationFile:
    """Train, calibrate and measure what the exits are worth; what ``evaluation.json`` holds."""
    with open_flow(project, ui) as flow:
        return flow.evaluate()


def profile(project: Project, ui: Ui) -> ProfileFile:
    """Train, calibrate and find where the accuracy goes; what ``profile.json`` holds."""
    with open_flow(project, ui) as flow:
        return flow.profile()


def verdict(project: Project, ui: Ui) -> Verdict:
    """Whether the design, which must be compiled, fits and keeps its clock: :meth:`Flow.verdict`."""
    with open_flow(project, ui) as flow:
        return flow.verdict()


def report(project: Project, ui: Ui) -> Path:
    """All steps; the path of ``report.html``."""
    with open_flow(project, ui) as flow:
        return flow.report()
