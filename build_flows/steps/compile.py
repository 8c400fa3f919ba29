"""From the exported network to ``rtl/``: folding, FINN graph, measured FIFO depths and gates, top."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Elaboratable

from build_flows.artefacts.memory_files import externalise
from build_flows.base.files import read_json, write_json, write_text
from build_flows.base.parts import find_part
from build_flows.base.ui import Ui
from build_flows.finn_bridge.compile_graph import CompiledGraph, compile_graph
from build_flows.finn_bridge.finn_folding import finn_folding
from build_flows.finn_bridge.saved_graph import save_graph
from build_flows.planning.fifo_sizing import Sizing, measure
from build_flows.planning.folding import Folding, evaluate, read_toml, search, stage_targets, to_toml
from build_flows.planning.gate_model import GatePlan, plan_gates
from build_flows.planning.layer_costs import HANDOVER
from build_flows.planning.network import read_network
from build_flows.project.config import Project
from hw.accelerator import Accelerator
from hw.exits.result_word import result_word
from hw.netlist import Exit, Input, Netlist, Result, Stage, dump
from hw.stage_probe import StageProbe
from sim.accelerator.probe import VerilatedProbe, build_probe
from sim.accelerator.shipped import simulation_files

__all__ = ["SIZING_VERSION", "compile_project"]

SIZING_VERSION = 1

VERDICT_FIFOS = 2
"""Cycles that a verdict takes from its decision to the gate."""

DRAFT_IN_FLIGHT = 32
"""Samples in flight while nothing is known of the stages yet; nothing measured depends on it."""

LEAST_REACH = 0.01
"""A stage is planned for at least this share of the samples: calibration may have found that none reaches it."""


@dataclass(frozen=True)
class _Plan:
    """What the accelerator is designed for."""

    folding: Folding
    reach: tuple[float, ...]


def compile_project(project: Project, ui: Ui, *, model: Path, golden: Path, exits: Path, cache: Path, work: Path) -> None:
    """Writes ``folding.toml``, ``dataflow.onnx``, ``netlist.json``, ``sizing.json`` and ``rtl/`` into ``work``. ``rtl/filelist.f`` names
    what is synthesised; :func:`~sim.accelerator.shipped.simulation_files` lie beside that.

    ``cache`` keeps Verilated models from run to run. Raises :class:`OfframpError` or one of the rooms' errors when something cannot be
    built.
    """
    target = project.config.target
    calibrated = read_json(exits)["exits"]
    plan = _plan(project, model, golden, calibrated, ui)
    for line in plan.folding.exceeds():
        ui.info(f"warning: by the estimate, {target.board} has too little {line}")
    write_text(work / "folding.toml", to_toml(plan.folding))

    rtl = work / "rtl"
    ui.info("FINN: graph and Verilog of the layers")
    graph = compile_graph(model, golden, plan.folding.as_dict(), project.config.part, target.clock_mhz, rtl,
                          project.config.exchangeable)
    save_graph(graph, work / "dataflow.onnx")
    draft = _netlist(project, graph, plan, calibrated)
    sizing = _measure(draft, graph, rtl, work, cache, ui)
    gates = plan_gates(
        max(target.cycles_per_sample, sizing.stages[0].interval), plan.reach, [stage.interval for stage in sizing.stages],
        [stage.verdict_latency + VERDICT_FIFOS for stage in sizing.stages[:-1]],
    )
    in_flight = _in_flight(project, sizing, gates, ui)
    netlist = dataclasses.replace(
        draft, max_in_flight=in_flight, result=_word(project, draft.classes, in_flight),
        streams=tuple(dataclasses.replace(item, depth=sizing.depths.get(item.name, item.depth)) for item in draft.streams),
        gates=tuple(dataclasses.replace(gate, frames=found.frames) for gate, found in zip(draft.gates, gates, strict=True)),
    )

    ui.info("top and file list")
    _write_verilog(rtl, rtl / "accelerator.v", Accelerator(netlist), "accelerator")
    write_text(rtl / "filelist.f", "".join(f"{name}\n" for name in (*graph.files, "accelerator.v")))
    for name, text in simulation_files(netlist, rtl).items():
        write_text(rtl / name, text)
    write_text(work / "netlist.json", dump(netlist))
    write_json(work / "sizing.json", _sizing(sizing, gates, plan))


def _plan(project: Project, model: Path, golden: Path, calibrated: list[dict[str, float]], ui: Ui) -> _Plan:
    target = project.config.target
    reach = [1.0]
    for k, item in enumerate(calibrated[1:]):
        wanted = project.config.hard_share
        share = reach[-1] * wanted[k] if wanted is not None else item["reach"]
        reach.append(min(reach[-1], max(LEAST_REACH, share)))
    network = read_network(golden, project.config.exchangeable)
    targets = stage_targets(target.cycles_per_sample, reach, target.utilisation)
    part = find_part(target.board)
    if project.folding is not None:
        folding = evaluate(network, read_toml(project.folding, network), targets, part)
    elif project.config.build.folding == "finn":
        folding = evaluate(network, finn_folding(model, golden, targets, part.name), targets, part)
        for k in range(len(targets)):
            limit = folding.limit(k)
            if limit.cycles > limit.target + HANDOVER:
                ui.info(f"warning: FINN's folding of stage {k} takes {limit.cycles} cycles a frame, not {limit.target} ({limit.layer})")
    else:
        folding = search(network, targets, part)
    return _Plan(folding, tuple(reach))


def _netlist(project: Project, graph: CompiledGraph, plan: _Plan, calibrated: list[dict[str, object]]) -> Netlist:
    """The netlist before anything was measured: FIFOs and gates are as shallow as they may be."""
    config, network = project.config, plan.folding.network
    entry = next(item for item in graph.streams if item.src[0] == "input")
    source = network.source
    decisions = []
    learned = {item.index: item for item in graph.learned}
    for k, item in enumerate(calibrated):
        logits = graph.exits[k]
        params = dict(item["params"])  # type: ignore[call-overload]
        if item["policy"] == "gate":
            params |= {"gate_acc_bits": learned[k].acc_bits, "gate_bias": learned[k].bias, "gate_scale": item["gate_scale"]}
            params["gate_bits"] = max(params["gate_bits"], learned[k].acc_bits)
        decisions.append(Exit(
            index=k, policy=str(item["policy"]), classes=network.classes, pe=logits.pe, acc_bits=logits.acc_bits, bias=logits.bias,
            threshold=int(item["threshold"]), enabled=bool(item["enabled"]), scale=float(item["scale"]),  # type: ignore[call-overload, arg-type]
            params=params,
        ))
    return Netlist(
        name=project.name, part=config.part, clock_mhz=config.target.clock_mhz, classes=network.classes, order=config.build.order,
        max_in_flight=DRAFT_IN_FLIGHT,
        input=Input(
            height=source.height, width=source.width, channels=source.channels, bits=network.in_bits, signed=network.in_signed,
            bus_bits=config.build.bus_bits, beat_bits=entry.bits, frame_beats=entry.frame_beats,
        ),
        result=_word(project, network.classes, DRAFT_IN_FLIGHT),
        stages=tuple(
            Stage(index=k, reach=share, target_cycles=cycles)
            for k, (share, cycles) in enumerate(zip(plan.reach, plan.folding.targets, strict=True))
        ),
        layers=graph.layers,
        streams=graph.streams,
        gates=graph.gates,
        exits=tuple(decisions),
        exchangeable=config.exchangeable,
    )


def _word(project: Project, classes: int, in_flight: int) -> Result:
    build = project.config.build
    return result_word(bits=build.result_bits, classes=classes, exits=len(project.config.built), max_in_flight=in_flight,
                       anytime=build.mode == "anytime")


def _measure(draft: Netlist, graph: CompiledGraph, rtl: Path, work: Path, cache: Path, ui: Ui) -> Sizing:
    if draft.exchangeable:
        # Nothing is measured of what a threshold decides; without it the model is the same for all heads.
        draft = dataclasses.replace(draft, exits=tuple(dataclasses.replace(item, threshold=0) for item in draft.exits))
    harness = StageProbe(draft)
    text = work / "stage_probe.v"
    _write_verilog(rtl, text, harness, "stage_probe")
    ui.info("measuring stage intervals and FIFO depths in Verilator")
    sources = [*(rtl / name for name in graph.files), text]
    model = build_probe(sources, (), ("*",), cache)
    with VerilatedProbe(model, rtl) as probe:
        return measure(draft, harness, probe)


def _write_verilog(rtl: Path, file: Path, unit: Elaboratable, name: str) -> None:
    """``file``, and below ``rtl`` what its exchangeable memories hold."""
    text, contents = externalise(str(verilog.convert(unit, name=name, emit_src=False, strip_internal_attrs=True)))
    write_text(file, text)
    for memory, values in contents.items():
        write_text(rtl / memory, values)


def _in_flight(project: Project, sizing: Sizing, gates: tuple[GatePlan, ...], ui: Ui) -> int:
    """Samples that may be inside: what the project says, else enough that stages and gates set the pace, never this limit."""
    build = project.config.build
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


def _sizing(sizing: Sizing, gates: tuple[GatePlan, ...], plan: _Plan) -> dict[str, object]:
    limits = [plan.folding.limit(k) for k in range(len(sizing.stages))]
    return {
        "version": SIZING_VERSION,
        "stages": [
            {
                "index": k, "interval": stage.interval, "verdict_latency": stage.verdict_latency, "target": limit.target,
                "predicted": limit.cycles, "limited_by": f"{limit.layer} ({limit.unit})", "reach": plan.reach[k],
            }
            for k, (stage, limit) in enumerate(zip(sizing.stages, limits, strict=True))
        ],
        "fifos": {name: {"depth": depth, "reached": sizing.reached[name]} for name, depth in sorted(sizing.depths.items())},
        "gates": [json.loads(json.dumps(dataclasses.asdict(gate))) for gate in gates],
        "cost": dataclasses.asdict(plan.folding.cost),
    }
