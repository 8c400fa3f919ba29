"""Step ``simulate``: the accelerator's run in Verilator, compared sample by sample with the golden model, and the figures that come of
it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.simulation import AnytimeExit, AnytimeRecord, ExitFigures, Figures, SimulationFile, StageFigures
from build_flows.base.ui import building
from build_flows.steps.data import DataSettings, data_inputs, data_settings, dataset
from build_flows.steps.engine import Step, Work
from build_flows.steps.simulate_options import Options, options
from hw.netlist import Netlist, load
from sim import golden
from sim.accelerator import agreement
from sim.accelerator.answers import compare_answers
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.run import SimResult, expected_ids
from sim.accelerator.run import simulate as run_accelerator

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["INPUTS", "Settings", "figures", "run", "settings", "simulate", "step"]

BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, and how to run; ``thresholds`` are integer ones by exit that are written to registers first."""

    data: DataSettings
    samples: int | None
    stall: float
    seed: int
    thresholds: Mapping[int, int]


INPUTS = ("netlist.json", "rtl", "golden.npz", "exits.json")


def settings(project: "Project", chosen: Options) -> Settings:
    """The project's images, run with the options ``chosen``."""
    return Settings(data=data_settings(project), samples=chosen.samples, stall=chosen.stall, seed=chosen.seed, thresholds=chosen.thresholds)


def step(project: "Project", artefacts: Mapping[str, Path]) -> Step:
    """``sim.json`` with the project's own options, of the ``artefacts`` named :data:`INPUTS`."""
    return Step(
        name="simulate", run=run, outputs=("sim.json",), inputs={**artefacts, **data_inputs(project)},
        settings=settings(project, options(project)), resumable=True,
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``sim.json``."""
    simulate(chosen, inputs, work)


def simulate(chosen: Settings, inputs: Mapping[str, Path], work: Work, waves: Path | None = None) -> Figures:
    """Simulate, compare with the golden model, write ``sim.json`` and return the published figures (:func:`figures`).

    Raises :class:`sim.errors.AgreementError` for the first sample that differs, and what :func:`sim.accelerator.run.simulate` raises.
    """
    data, ui = dataset(chosen.data, inputs, work.caches), work.ui
    images, labels = data.x_test, np.asarray(data.y_test, np.int64)
    net = load(inputs["netlist.json"].read_text(encoding="utf-8"))
    count = len(images) if chosen.samples is None else min(chosen.samples, len(images))
    if chosen.samples is not None and chosen.samples > count:
        ui.info(f"{chosen.samples:,} test images are asked for; there are {count:,}, and all are run")
    images, labels = images[:count], labels[:count]
    ui.info(f"golden model: {count:,} images")
    rules = [
        replace(rule, threshold=chosen.thresholds.get(k, rule.threshold)) for k, rule in enumerate(golden.load_exits(inputs["exits.json"]))
    ]
    gates: dict[int, npt.NDArray[np.int64]] = {}
    logits = golden.load(inputs["golden.npz"]).run(images, gates=gates)
    wanted = golden.decide(logits, rules, gates)
    with building(ui, "the accelerator's model") as built:
        AcceleratorBench(net, inputs["rtl"], work.models, trace=waves is not None, building=built)
    batches = [min(BATCH, count - start) for start in range(0, count, BATCH)]
    with ui.progress("simulating the RTL", total=count) as bar:
        def tell(state: Mapping[str, Any]) -> None:
            bar.update(completed=state["results"], text=f"{state['cycle']:,} cycles")

        result = run_accelerator(
            net, inputs["rtl"], images, work=work.folder / "run", cache=work.models, stall_in=chosen.stall, stall_out=chosen.stall,
            seed=chosen.seed, batches=batches, waves=waves, progress=tell,
            writes={f"THRESHOLD_{k}": value for k, value in chosen.thresholds.items()},
        )
    fields = {item.name: item for item in net.result.fields}
    ids = expected_ids(batches, fields["id"].width)
    agreement.compare(wanted, result, confidence=fields["confidence"], ids=ids)
    agreed = agreement.agree(wanted, result, confidence=fields["confidence"], ids=ids)
    if result.provisional is not None:
        compare_answers(golden.answers(logits, rules, gates), wanted.exit, result.provisional, confidence=fields["confidence"])
    found = figures(net, result, labels, int(agreed.sum()))
    told = {"stall": chosen.stall, "seed": chosen.seed, "figures": found, "labels": labels.tolist()}
    SimulationFile.model_validate({**result.to_json(), **told}).save(work.folder / "sim.json")
    return found


def figures(netlist: Netlist, result: SimResult, labels: npt.NDArray[np.int64], agreed: int) -> Figures:
    """The figures that ``offramp simulate --json`` publishes; names once published stay.

    ``accuracy`` and ``share`` from 0 to 1 (an exit's ``accuracy`` is null when no sample left there), ``cycles_per_sample`` at steady
    state, ``latency_median`` in cycles. Where exits answer at any time, ``anytime`` has the ``words_per_sample`` and by exit ``answered``,
    the share of samples that it gave a word for, and the ``accuracy`` and ``latency_median`` of these words.
    """
    right = result.label == labels
    more = {} if result.provisional is None else {"anytime": _anytime(result, labels)}
    planned = {item.index: item.reach for item in netlist.stages}
    return Figures(
        samples=len(labels), agree=agreed, accuracy=float(right.mean()),
        exits=[_exit(right, result.exit == item.index, result) for item in netlist.exits],
        cycles_per_sample=result.cycles_per_sample, clock_mhz=netlist.clock_mhz,
        samples_per_second=netlist.clock_mhz * 1e6 / result.cycles_per_sample, limited_by=result.limited_by,
        sim_cycles_per_second=result.sim_cycles_per_second, cycles=result.cycles,
        stages=[
            StageFigures(reach=item.reach, busy=item.busy, unit=item.unit, planned=planned[item.index]) for item in result.stages
        ],
        **more,
    )


def _exit(right: npt.NDArray[np.bool_], here: npt.NDArray[np.bool_], result: SimResult) -> ExitFigures:
    latency: Sequence[int] | npt.NDArray[np.int64] = (result.cycle_out - result.cycle_in)[here]
    return ExitFigures(
        share=float(here.mean()), accuracy=float(right[here].mean()) if here.any() else None,
        latency_median=float(np.median(latency)) if here.any() else None,
    )


def _anytime(result: SimResult, labels: npt.NDArray[np.int64]) -> AnytimeRecord:
    early = result.provisional
    assert early is not None
    exits = []
    for k in range(early.label.shape[1] + 1):
        leaves = result.exit == k
        label, cycle = result.label[leaves], result.cycle_out[leaves]
        truth, begun = labels[leaves], result.cycle_in[leaves]
        if k < early.label.shape[1]:
            said = early.answered[:, k]
            label, cycle = np.append(label, early.label[said, k]), np.append(cycle, early.cycle_out[said, k])
            truth, begun = np.append(truth, labels[said]), np.append(begun, result.cycle_in[said])
        exits.append(AnytimeExit(
            answered=len(label) / len(labels), accuracy=float((label == truth).mean()) if len(label) else None,
            latency_median=float(np.median(cycle - begun)) if len(label) else None,
        ))
    return AnytimeRecord(words_per_sample=result.words / len(labels), exits=exits)
