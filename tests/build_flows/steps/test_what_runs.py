"""Every module of ours that is loaded while a step runs stands in what the step depends on: what is found without running anything
(``build_flows/steps/sources.py``) must not miss what runs.

Each step's function is run alone, in a process of its own, on the artefacts of the small project or of a toy; a finder in that process, and
in those that it starts, writes down what is imported.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.artefacts.compare import Taken
from build_flows.artefacts.cosim import CosimFile
from build_flows.base.parts import find_part
from build_flows.base.ui import SilentUi
from build_flows.board.platforms import PLATFORMS
from build_flows.board.results import find_results
from build_flows.compare import compare
from build_flows.compare.matching import match_file
from build_flows.explore import answers
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import (
    agree,
    calibrate,
    cosim,
    evaluate,
    evaluate_hardware,
    export,
    flow,
    profile,
    report,
    resources,
    simulate,
    subnet,
    synth,
)
from build_flows.steps import compile as compile_step
from build_flows.steps.bitstream import make_bitstream
from build_flows.steps.engine import Build, Step
from build_flows.steps.package import make_package
from build_flows.steps.simulate_options import Options
from build_flows.steps.sources import EXCLUDED, ROOMS, Sources
from hw.netlist import dump, load
from quant_models.bring.float_net import train_float
from quant_models.networks.presets import preset
from quant_models.training.train import TrainSettings
from sim import golden
from sim.result_word import saturate
from tests import toy
from tests.build_flows import unseen
from tests.build_flows.alone import alone
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.compiled import CompiledFlow
from tests.build_flows.board.golden_toy import write_golden
from tests.build_flows.own_networks import FACTORY, own_project, two_exits
from tests.build_flows.projects import changed, configured
from tests.build_flows.simulation_samples import simulation
from tests.test_layering import ROOT
from tests.toy_rtl import emit

pytestmark = [pytest.mark.cosim, pytest.mark.slow]

HOOK = f"""
import os, sys

class Recorder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        place = os.environ.get("IMPORTED")
        if place and name.partition(".")[0] in {ROOMS!r}:
            with open(place, "a") as file:
                file.write(name + "\\n")

sys.meta_path.insert(0, Recorder)
"""

HARNESS = (
    "build_flows.base.ui", "build_flows.project.load", "build_flows.project.template", "build_flows.steps.engine",
    "build_flows.steps.sources", "sim.errors", "sim.golden.errors",
)
"""Of what is left out of every identity, what a step may have; with what they import it is loaded before anything is written down."""

RUN = """
import importlib, os, pickle, sys
from pathlib import Path

for name in sys.argv[4:]:
    importlib.import_module(name)
from build_flows.base.ui import SilentUi
from build_flows.steps.engine import Work

os.environ["IMPORTED"] = sys.argv[1]
step, output, file = pickle.loads(Path(sys.argv[2]).read_bytes())
step.run(step.settings, step.inputs, Work(folder=Path(sys.argv[3]), ui=SilentUi(), output=output, file=file, named=step.named))
"""


def imported(project: Project, step: Step, folder: Path, harness: tuple[str, ...] = HARNESS) -> set[str]:
    """The modules of ours that were loaded while ``step`` of ``project`` ran, in its process and those below; without ``harness``."""
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK)
    (folder / "given").write_bytes(pickle.dumps((step, project.output, project.file)))
    work = folder / "work"
    for name in step.outputs:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "hook"), str(ROOT)])}
    command = [sys.executable, "-c", RUN, *(str(folder / name) for name in ("names", "given", "work")), *harness]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all((work / name).exists() for name in step.outputs)
    names = set((folder / "names").read_text().split())
    # What was looked for and is no module is the name of something in one.
    return {name for name in names if any(ROOT.joinpath(*name.split(".")).with_suffix(end).exists() for end in (".py", ""))}


def paths(project: Project, names: tuple[str, ...]) -> dict[str, Path]:
    return {name: project.output / name for name in names}


def train(tiny: Project, folder: Path) -> tuple[Project, Step]:
    made = changed(tiny, {"train": {"epochs": 1}})
    return made, flow.train_step(made)


def train_personal(tiny: Project, folder: Path) -> tuple[Project, Step]:
    with np.load(str(tiny.data)) as data:
        np.savez(folder / "user.npz", x=data["x_train"][:120], y=data["y_train"][:120])
    made = changed(
        tiny, {"train": {"epochs": 1, "batch_size": 16, "scheme": "personal"}}, start=tiny.output / "checkpoint.safetensors",
        samples=folder / "user.npz",
    )
    return made, flow.train_step(made)


def train_import(tiny: Project, folder: Path) -> tuple[Project, Step]:
    from build_flows.steps.data import project_dataset

    settings = TrainSettings(epochs=1, batch=64, validation=0.2, seed=1)
    train_float(preset("digits"), project_dataset(tiny), settings, folder / "net.safetensors")
    tables = {"train": {"epochs": 1, "scheme": "import"}, "import": {"weights": "net.safetensors", "divisor": 256, "fine_tune": 1}}
    made = changed(tiny, tables, weights=folder / "net.safetensors")
    return made, flow.train_step(made)


def train_take(tiny: Project, folder: Path) -> tuple[Project, Step]:
    made = changed(tiny, {"train": {"checkpoint": "net"}}, checkpoint=tiny.output / "checkpoint.safetensors")
    return made, flow.train_step(made)


def train_factory(tiny: Project, folder: Path) -> tuple[Project, Step]:
    (folder / "nets.py").write_text(FACTORY)
    made = two_exits(own_project(tiny, folder, 'factory = "nets:make"'))
    return made, flow.train_step(made)


def train_qonnx(tiny: Project, folder: Path) -> tuple[Project, Step]:
    (folder / "net.onnx").write_bytes((tiny.output / "model.onnx").read_bytes())
    made = own_project(tiny, folder, 'qonnx = "net.onnx"')
    return made, flow.train_step(made)


def calibrate_own(tiny: Project, folder: Path) -> tuple[Project, Step]:
    (folder / "net.onnx").write_bytes((tiny.output / "model.onnx").read_bytes())
    made = own_project(tiny, folder, 'qonnx = "net.onnx"')
    return made, calibrate.step(made, {"golden": tiny.output / "golden.npz"})


def answers_own(tiny: Project, folder: Path) -> tuple[Project, Step]:
    (folder / "net.onnx").write_bytes((tiny.output / "model.onnx").read_bytes())
    made = own_project(tiny, folder, 'qonnx = "net.onnx"')
    return made, answers.step(made, {"golden": tiny.output / "golden.npz"})


def calibrate_gates(tiny: Project, folder: Path) -> tuple[Project, Step]:
    (folder / "digits.npz").write_bytes((tiny.file.parent / "digits.npz").read_bytes())
    made = configured(folder, [(0, "global")], policy='"gate"', epochs="1")
    alone(made, flow.train_step(made), folder / "trained")
    return made, calibrate.step(made, {"checkpoint": folder / "trained" / "checkpoint.safetensors"})


def subnet_of(tiny: Project, folder: Path) -> tuple[Project, Step]:
    made = changed(tiny, {"build": {"mode": "subnet", "exit": 1}})
    return made, subnet.step(made, tiny.output / "checkpoint.safetensors")


def compile_finn(tiny: Project, folder: Path) -> tuple[Project, Step]:
    made = changed(tiny, {"build": {"folding": "finn", "exchangeable_heads": True}})
    return made, compile_step.step(made, *(tiny.output / name for name in ("model.onnx", "golden.npz", "exits.json")))


def evaluated(tiny: Project, folder: Path, simulated: bool) -> tuple[Project, Step]:
    with np.load(str(tiny.data)) as data:
        np.savez(folder / "few.npz", **{key: data[key][: 200 if key.endswith("train") else 30] for key in data})
    few = replace(tiny, data=folder / "few.npz")
    step = evaluate.step(few, {"checkpoint": tiny.output / "checkpoint.safetensors"}, tiny.output / "exits.json")
    return few, evaluate_hardware.step(step, paths(tiny, evaluate_hardware.INPUTS)) if simulated else step


def match(tiny: Project, folder: Path) -> tuple[Project, Step]:
    """Of the network without early exits."""
    (folder / "digits.npz").write_bytes((tiny.file.parent / "digits.npz").read_bytes())
    (folder / "net").write_bytes((tiny.output / "checkpoint.safetensors").read_bytes())
    made = configured(folder, [], checkpoint='"net"')
    alone(made, flow.train_step(made), folder / "taken")
    alone(made, export.step(made, folder / "taken" / "checkpoint.safetensors"), folder / "taken")
    settings = compare.MatchSettings(part=find_part("pynq-z2"), layers="finn", allowed=Taken(lut=20000.0, bram36=20.0, dsp=50.0))
    return made, Step(
        name="match", run=partial(compare.run_match, match_file), outputs=("match.json",),
        inputs={"golden": folder / "taken" / "golden.npz"},
        settings=settings, apart=("build_flows.pages", "build_flows.steps"),
    )


STEPS: dict[str, Callable[[Project, Path], tuple[Project, Step]]] = {
    "train": train, "train, personal": train_personal, "train, import": train_import, "train, checkpoint": train_take,
    "train, factory": train_factory, "train, qonnx": train_qonnx, "calibrate, own": calibrate_own, "calibrate, gates": calibrate_gates,
    "subnet": subnet_of,
    "calibrate": lambda tiny, folder: (tiny, calibrate.step(tiny, {"checkpoint": tiny.output / "checkpoint.safetensors"})),
    "export": lambda tiny, folder: (tiny, export.step(tiny, tiny.output / "checkpoint.safetensors")),
    "compile": lambda tiny, folder: (tiny, compile_step.step(
        tiny, *(tiny.output / name for name in ("model.onnx", "golden.npz", "exits.json")))),
    "compile, finn": compile_finn,
    "agree": lambda tiny, folder: (tiny, agree.step(
        tiny, {"checkpoint": tiny.output / "checkpoint.safetensors"}, tiny.output / "golden.npz", tiny.output / "dataflow.onnx")),
    "simulate": lambda tiny, folder: (tiny, simulate.step(tiny, paths(tiny, simulate.INPUTS))),
    "report": lambda tiny, folder: (tiny, report.step(tiny, paths(tiny, report.INPUTS))),
    "evaluate": partial(evaluated, simulated=False), "evaluate, simulated": partial(evaluated, simulated=True),
    "profile": lambda tiny, folder: (tiny, profile.step(tiny, tiny.output / "checkpoint.safetensors")),
    "match": match,
    "answers": lambda tiny, folder: (tiny, answers.step(tiny, {"checkpoint": tiny.output / "checkpoint.safetensors"})),
    "answers, own": answers_own,
}


def allowed(step: Step, sources: Sources) -> set[str]:
    """What a step may load: what it depends on, with what is left out of that and whatever only this imports."""
    run = step.run.func if isinstance(step.run, partial) else step.run
    return set(sources.closure(run.__module__).modules)


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources()


def check(project: Project, step: Step, folder: Path, sources: Sources, harness: tuple[str, ...] = HARNESS) -> None:
    found = imported(project, step, folder, harness)
    run: Any = step.run.func if isinstance(step.run, partial) else step.run
    assert run.__module__ in found
    missed = {name for name in found - allowed(step, sources) if not any(f"{name}.".startswith(f"{item}.") for item in EXCLUDED)}
    assert not missed, f"step {step.name} does not depend on {sorted(missed)}, but loads it"


@pytest.mark.parametrize("name", STEPS)
def test_a_step_depends_on_all_that_it_loads(name: str, tiny: Project, tmp_path: Path, sources: Sources) -> None:
    check(*STEPS[name](tiny, tmp_path), tmp_path, sources)


class SimulatedFlow(CompiledFlow):
    def simulate(self, chosen: Options) -> Any:
        return None


@pytest.fixture
def toys(project: Project, tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Step]:
    """The steps after a compilation, of the toy: with its images as a data set, the golden model's answers as its simulation, and a
    bitstream."""
    netlist = load((project.output / "netlist.json").read_text())
    golden_file, exits = write_golden(project.output, netlist)
    images = toy.images(60)
    np.savez(tmp_path / "toy.npz", x_train=images, y_train=np.arange(60) % 3, x_test=images, y_test=np.arange(60) % 3)
    head, data = project.file.read_text().split("[data]\n")
    data = data.replace('name = "digits"\n', 'name = "npz"\npath = "toy.npz"\n', 1)
    project.file.write_text(f"{head}[data]\n{data}")
    made = load_config(project.file)
    found = golden.decide(golden.load(golden_file).run(images), golden.load_exits(exits))
    confidence = saturate(found.confidence, next(item for item in netlist.result.fields if item.name == "confidence"))
    simulation(found.label, found.exit, confidence).save(project.output / "sim.json")
    models = made.output.parent / ".models"
    if not models.exists():
        model_cache.mkdir(parents=True, exist_ok=True)
        models.symlink_to(model_cache.absolute())
    results, board = find_results(built_elsewhere(made, tmp_path)), PLATFORMS["pynq-z2"]
    kept: dict[str, Step] = {}

    def keep(build: Build, step: Step) -> bool:
        kept[step.name] = step
        return False

    with Build(made.output, SilentUi(), made.file) as build:
        opened = SimulatedFlow(made, SilentUi(), build)
        opened.synth()
        make_bitstream(opened, board, "vivado", None, results)
        with monkeypatch.context() as patched:
            patched.setattr(Build, "run", keep)
            patched.setattr(CosimFile, "load", lambda path: None)
            make_bitstream(opened, board, "vivado", None, results)
            make_package(opened, board)
            cosim.cosim(opened, board, samples=12)
    kept["resources"] = resources.step(*(made.output / name for name in ("synthesis.json", "netlist.json", "bitstream")))
    small = emit(tmp_path / "small", exits=1)
    (tmp_path / "small.json").write_text(dump(small))
    kept["synth"] = synth.step(tmp_path / "small.json", tmp_path / "small", "xc7z020clg400-1", False)
    return kept


@pytest.mark.parametrize("name", ["synth", "resources", "plan-vivado", "bitstream", "package", "cosim"])
def test_a_step_after_compilation_depends_on_all_that_it_loads(
    name: str, toys: dict[str, Step], project: Project, tmp_path: Path, sources: Sources
) -> None:
    # Their modules hold the way to the step as well, by the steps before.
    check(load_config(project.file), toys[name], tmp_path, sources, (*HARNESS, "build_flows.steps.flow"))


def test_what_is_loaded_unseen_is_found(project: Project, tmp_path: Path) -> None:
    """The finder sees what a function loads by name alone, and what a process below it loads."""
    step = Step(name="unseen", run=unseen.run, outputs=("out",))
    assert imported(project, step, tmp_path) == {"hw", "hw.streams", "quant_models", "quant_models.training", *unseen.NAMES}
