"""Step ``energy``: what the units of a design switch, counted in Verilator: ``energy.json`` (docs/interfaces.md) and its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from build_flows.artefacts.energy import WEIGHTS, EnergyFile, ExitEnergy, StageEnergy, Switching, UnitEnergy
from build_flows.artefacts.resources import ResourcesFile, UnitRecord
from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.verdict import synthesised
from build_flows.base.errors import ConfigError
from build_flows.base.ui import Ui, building
from build_flows.steps.data import DataSettings, data_inputs, data_settings, dataset
from build_flows.steps.engine import Step, Work
from build_flows.steps.flow import open_flow
from build_flows.steps.simulate_options import options
from hw.netlist import load
from sim.accelerator.changes import ChangeCounter, Changes

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["IMAGES", "INPUTS", "LEAST", "OUTPUTS", "Settings", "measure", "run", "switched"]

INPUTS = ("netlist.json", "rtl", "sim.json", "resources.json")
OUTPUTS = ("energy.json", "energy.html", "energy")
IMAGES = 200
"""Test images that are counted unless told: counting takes many times as long as simulating."""
LEAST = 8
"""Images that must leave at an exit for it to be looked at by itself."""
IDLE = 2000
"""Cycles without images."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, the first ``images`` of those that were simulated, and the project's ``name``."""

    data: DataSettings
    images: int
    name: str


def measure(project: "Project", ui: Ui, images: int = IMAGES) -> EnergyFile:
    """All up to synthesis and simulation, then ``<output>/energy.json``, and what it holds.

    Raises :class:`ConfigError` where exits answer at any time: a sample has several answers then.
    """
    if project.config.build.mode == "anytime":
        raise ConfigError(f"{project.file}: {project.named('build.mode')}: samples are counted by their answers; allowed: \"all\", "
                          "\"subnet\" or \"budgeted\"")
    with open_flow(project, ui) as flow:
        # First what says that Yosys is missing, before anything is trained or simulated.
        flow.synth()
        flow.simulate(options(project))
        flow.build.run(Step(
            name="energy", run=run, outputs=OUTPUTS, inputs={**{name: flow.path(name) for name in INPUTS}, **data_inputs(project)},
            settings=Settings(data=data_settings(project), images=images, name=project.name),
        ))
        return EnergyFile.load(flow.path("energy.json"))


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``energy.json``, its page and plots."""
    from build_flows.pages.energy_page import write_files

    netlist = load(inputs["netlist.json"].read_text(encoding="utf-8"))
    resources, simulated = ResourcesFile.load(inputs["resources.json"]), SimulationFile.load(inputs["sim.json"])
    if chosen.images > len(simulated.samples):
        work.ui.info(f"{chosen.images:,} test images are to be counted; {len(simulated.samples):,} were simulated, and all are")
    exits = np.array([sample.exit for sample in simulated.samples[: chosen.images]])
    images = dataset(chosen.data, inputs, work.caches).x_test[: len(exits)]
    with building(work.ui, "a model that counts changes") as built:
        counter = ChangeCounter(netlist, inputs["rtl"], work.models, progress=built)
    groups = [(k, np.flatnonzero(exits == k)) for k in range(len(netlist.exits))]
    groups = [(k, chosen_ones) for k, chosen_ones in groups if len(chosen_ones) >= LEAST]
    with work.ui.progress("counting changes", total=2 * len(images) + IDLE // 100) as bar:
        whole = counter.run(images, work.folder / "run")
        bar.advance(len(images))
        idle = counter.idle(IDLE, work.folder / "run")
        bar.advance(IDLE // 100)
        alone = {}
        for k, places in groups:
            alone[k] = counter.run(images[places], work.folder / "run")
            bar.advance(len(places))
    write_files(_file(chosen.name, resources, whole, idle, alone, [stage.busy for stage in simulated.stages]), work.folder)


def _file(name: str, resources: ResourcesFile, whole: Changes, idle: Changes, alone: Mapping[int, Changes],
          busy: Sequence[float]) -> EnergyFile:
    units = [UnitEnergy(
        name=unit.name, kind=unit.kind, stage=unit.stage, head=unit.head, activity=whole.activity(unit.name),
        idle_activity=idle.activity(unit.name), switches=switched([unit], whole).times(1 / whole.images),
        idle=switched([unit], idle).times(1 / idle.cycles),
    ) for unit in resources.units]
    stages = []
    for stage in (*range(len(busy)), None):
        own = [unit for unit in resources.units if unit.stage == stage]
        before = [changes for k, changes in alone.items() if stage is not None and k < stage]
        passed = sum((switched(own, changes) for changes in before), Switching())
        stages.append(StageEnergy(
            stage=stage, switches=switched(own, whole).times(1 / whole.images),
            passed=passed.times(1 / sum(changes.images for changes in before)) if before else None,
            idle=switched(own, idle).times(1 / idle.cycles), busy=None if stage is None else busy[stage],
        ))
    return EnergyFile(
        project=name, verdict=synthesised(resources), images=whole.images, cycles_per_sample=whole.cycles / whole.images, weights=WEIGHTS,
        sample=switched(resources.units, whole).times(1 / whole.images),
        idle=switched(resources.units, idle).times(1 / idle.cycles), units=units, stages=stages,
        exits=[ExitEnergy(exit=k, images=changes.images, cycles_per_sample=changes.cycles / changes.images,
                          switches=switched(resources.units, changes).times(1 / changes.images)) for k, changes in alone.items()],
    )


def switched(units: Sequence[UnitRecord], changes: Changes) -> Switching:
    """What ``units`` switched in all of a run."""
    total = Switching()
    for unit in units:
        often = changes.cycles * changes.activity(unit.name)
        total += Switching(lut=often * (unit.lut + unit.lutram), ff=often * unit.ff, dsp=often * unit.dsp, bram36=often * unit.bram36,
                           clock=float(changes.cycles * unit.ff))
    return total
