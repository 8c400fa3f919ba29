"""The compiled accelerator as :mod:`build_flows.steps.evaluate` asks it: cycles a sample of any images, checked against the golden
model."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.base.ui import building
from build_flows.steps import evaluate
from build_flows.steps.engine import Step, Work
from hw.netlist import load
from sim import golden
from sim.accelerator import agreement
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.run import expected_ids, simulate

__all__ = ["INPUTS", "open_hardware", "run", "step"]

INPUTS = ("netlist.json", "rtl", "golden.npz", "sizing.json", "sim.json")
BATCH = 1000


def step(declared: Step, artefacts: Mapping[str, Path]) -> Step:
    """The step ``evaluate`` as ``declared``, with the accelerator of the ``artefacts`` named :data:`INPUTS`."""
    return dataclasses.replace(declared, run=run, inputs={**declared.inputs, **artefacts})


def run(chosen: evaluate.Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes what the exits are worth, with cycles."""
    evaluate.run(chosen, inputs, work, open_hardware(inputs, work))


def open_hardware(inputs: Mapping[str, Path], work: Work) -> evaluate.Hardware:
    """The accelerator whose artefacts are ``inputs`` (``netlist.json``, ``rtl``, ``golden.npz``, ``exits.json``, ``sizing.json``,
    ``sim.json``, all of one state of the project).

    A run raises :class:`sim.errors.AgreementError` for the first result that is not the golden model's.
    """
    net = load(inputs["netlist.json"].read_text(encoding="utf-8"))
    figures = SimulationFile.load(inputs["sim.json"]).figures
    exits = golden.load_exits(inputs["exits.json"])
    model = golden.load(inputs["golden.npz"])
    fields = {item.name: item for item in net.result.fields}

    def run(images: np.ndarray, hard: bool) -> float:
        writes = {f"ENABLE_{item.index}": 0 for item in net.exits[:-1]} if hard else {}
        batches = [min(BATCH, len(images) - start) for start in range(0, len(images), BATCH)]
        with building(work.ui, "the accelerator's model") as built:
            AcceleratorBench(net, inputs["rtl"], work.models, building=built)
        with work.ui.progress("simulating the RTL", total=len(images)) as bar:
            found = simulate(
                net, inputs["rtl"], images, work=work.folder / "run", cache=work.models, batches=batches, writes=writes, resume=False,
                progress=lambda state: bar.update(completed=state["results"], text=f"{state['cycle']:,} cycles"),
            )
        chosen = [dataclasses.replace(item, enabled=False) for item in exits[:-1]] + list(exits[-1:]) if hard else exits
        wanted = golden.decide_images(model, chosen, images)
        agreement.compare(wanted, found, confidence=fields["confidence"], ids=expected_ids(batches, fields["id"].width))
        return float(found.cycles_per_sample)

    return evaluate.Hardware(
        intervals=[item.interval for item in SizingFile.load(inputs["sizing.json"]).stages], cycles=figures.cycles_per_sample,
        clock_mhz=net.clock_mhz, run=run,
    )
