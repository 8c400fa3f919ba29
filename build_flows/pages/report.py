"""``report.html``: what was built, how good and how fast it is, and how it was made, in one file that needs nothing else.

:func:`render` takes plain data as the artefacts hold it; parts whose data are not given are left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from build_flows.base.files import write_text
from build_flows.board.dma_traffic import HP_BITS, traffic
from build_flows.pages import report_plots as plots
from build_flows.pages.report_data import ReportData, gather
from build_flows.pages.report_diagram import diagram
from quant_models.exits.policies import POLICIES

__all__ = ["overloaded", "render", "write_report"]

__sources__ = ("templates/report.html.j2",)

COSTS = ("dsp", "lut", "ff", "bram18")


def render(data: ReportData) -> str:
    """The report as one HTML document; the same data give the same bytes."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("build_flows.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": _percent, "number": _number, "cost": _cost}
    template = environment.get_template("report.html.j2")
    return template.render(
        name=data.config["project"]["name"],
        config=data.config,
        results=data.results,
        netlist=data.netlist,
        calibration=data.exits.get("calibration", {}),
        exits=_exits(data),
        stages=_stages(data),
        measured=data.intervals is not None,
        overloaded=overloaded(data),
        predicted=_predicted(data),
        groups=_groups(data.netlist),
        totals=_totals(data),
        unknown=_without_lut(data.netlist),
        streams=[_stream(item) for item in data.streams],
        fifos=data.fifos,
        gates=data.gates,
        dma=traffic(data.netlist, data.results["samples_per_second"]),
        hp_bits=HP_BITS,
        resumed=data.resumed,
        plots={name: _safe(text) for name, text in _plots(data).items()},
        diagram=_safe(diagram(data.netlist, [item["share"] for item in data.results["exits"]], data.intervals)),
        made=data.made,
        taken=(data.metrics or {}).get("taken"),
    )


def write_report(config: Mapping[str, Any], file: str, versions: Mapping[str, str], artefacts: Mapping[str, Path], target: Path) -> None:
    """Write the report to ``target``; the rest is as :func:`build_flows.pages.report_data.gather` takes it."""
    write_text(target, render(gather(config, file, versions, artefacts)))


def overloaded(data: ReportData) -> str | None:
    """What to say when more samples reached a later stage than it can take at stage 0's rate; None when none is overloaded."""
    cycles = _stage_cycles(data)
    first = cycles[0]
    loads = [(reach * interval, k, reach) for k, (reach, interval) in enumerate(zip(_reached(data.results), cycles, strict=True))]
    load, stage, reach = max(loads)
    if stage == 0 or load <= first:
        return None
    planned = data.netlist["stages"][stage]["reach"]
    return (
        f"Stage {stage} sets the pace: {_percent(reach)} of the samples reached it, it was planned for {_percent(planned)}, and each "
        f"takes it {cycles[stage]:,} cycles. Throughput is that of this stage, not that of stage 0."
    )


def _safe(markup: str) -> Any:
    """``markup`` of our own, which the template must not escape."""
    from markupsafe import Markup

    return Markup(markup)


def _plots(data: ReportData) -> dict[str, str]:
    calibration = data.exits.get("calibration", {})
    found = {"shares": plots.shares(data.results, [item["leave"] for item in data.exits["exits"]])}
    if data.curves:
        found["tradeoff"] = plots.tradeoff(data.curves, calibration.get("last_exit_accuracy"))
    if data.samples and len(data.samples["exit"]) > 0:
        took = [out - first for first, out in zip(data.samples["cycle_in"], data.samples["cycle_out"], strict=True)]
        found["latency"] = plots.latency(data.samples["exit"], took)
        if len(took) > 2:
            found["throughput"] = plots.throughput(data.samples["cycle_out"], data.results["cycles_per_sample"])
    if data.metrics and len(data.metrics.get("history", ())) > 1:
        found["history"] = plots.history(data.metrics["history"])
    return found


def _reached(results: Mapping[str, Any]) -> list[float]:
    """Share of the simulated samples that reached each stage."""
    left = [item["share"] for item in results["exits"]]
    return [sum(left[k:]) for k in range(len(left))]


def _stage_cycles(data: ReportData) -> list[int]:
    """Cycles a frame of each stage with its head: measured, else what is planned for its slowest layer."""
    if data.intervals is not None:
        return list(data.intervals)
    layers = data.netlist["layers"]
    return [max((layer["cycles"] for layer in layers if layer["stage"] == stage["index"]), default=0) for stage in data.netlist["stages"]]


def _exits(data: ReportData) -> list[dict[str, Any]]:
    rows = []
    for entry, built, measured, reached in zip(
        data.exits["exits"], data.netlist["exits"], data.results["exits"], _reached(data.results), strict=True
    ):
        alone = (data.exits.get("calibration", {}).get("exit_accuracy") or [None] * len(data.exits["exits"]))[entry["index"]]
        rows.append(
            {
                "index": entry["index"],
                "policy": built["policy"],
                "rule": _rule(built, data.exits.get("calibration", {})),
                "expected": entry["leave"],
                "share": measured["share"],
                "accuracy": measured["accuracy"],
                "alone": alone,
                "reached": reached,
                "latency": measured.get("latency_median"),
            }
        )
    return rows


def _rule(built: Mapping[str, Any], calibration: Mapping[str, Any]) -> str:
    """When a sample leaves, in words."""
    row = POLICIES[built["policy"]]
    real = calibration.get("real_thresholds", {}).get(str(built["index"]))
    if row.unit is None:
        return row.summary
    if isinstance(real, list):
        scored = POLICIES[built["params"]["score"]]
        return f"{scored.summary} of the class that wins: {min(real):.3g} to {max(real):.3g} ({scored.unit})"
    told = f": {real:.3g} ({row.unit})" if real is not None else ""
    return f"{row.summary}{told}; as an integer, {built['threshold']}"


def _stages(data: ReportData) -> list[dict[str, Any]]:
    rows = []
    for stage, cycles, reached in zip(data.netlist["stages"], _stage_cycles(data), _reached(data.results), strict=True):
        slowest = max((layer for layer in data.netlist["layers"] if layer["stage"] == stage["index"]), key=lambda item: item["cycles"])
        rate = data.results["cycles_per_sample"]
        busy = reached * cycles / rate if rate else None
        rows.append({**stage, "cycles": cycles, "planned": slowest["cycles"], "slowest": slowest["name"], "reached": reached, "busy": busy})
    return rows


def _predicted(data: ReportData) -> float | None:
    """Cycles per sample that the measured stages and the gates' queue model lead one to expect at the planned reach."""
    if data.intervals is None:
        return None
    slowest: float = max(stage["reach"] * cycles for stage, cycles in zip(data.netlist["stages"], data.intervals, strict=True))
    loss: float = max((gate["loss"] for gate in data.gates), default=0.0)
    return slowest / (1 - loss)


def _groups(netlist: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers stage by stage, the head's behind the stage's, with what each group costs."""
    groups = []
    for stage in netlist["stages"]:
        found = [layer for layer in netlist["layers"] if layer["stage"] == stage["index"]]
        slowest = max((layer["cycles"] for layer in found), default=0)
        rows = [_layer(layer, slowest) for layer in sorted(found, key=lambda item: bool(item["head"]))]
        costs = [_sums(found, key) for key in COSTS]
        groups.append({"stage": stage, "rows": rows, "costs": costs})
    return groups


def _layer(layer: Mapping[str, Any], slowest: int) -> dict[str, Any]:
    folding = ", ".join(_fold(key, value) for key, value in sorted(layer.get("folding", {}).items()) if key != "parallel_window" or value)
    costs = [(layer.get("cost", {}).get(key), layer.get("finn", {}).get(key)) for key in COSTS]
    finn_cycles = layer.get("finn", {}).get("cycles")
    kind = str(layer["op"]).removesuffix("_rtl")
    return {**layer, "kind": kind, "told": folding, "costs": costs, "finn_cycles": finn_cycles, "slowest": layer["cycles"] == slowest}


def _sums(layers: Sequence[Mapping[str, Any]], key: str) -> tuple[float, float | None]:
    """(our sum, FINN's sum or None where it has no estimate) of the cost ``key``."""
    estimates = [layer["finn"][key] for layer in layers if key in layer.get("finn", {})]
    return sum(layer.get("cost", {}).get(key) or 0 for layer in layers), sum(estimates) if estimates else None


def _without_lut(netlist: Mapping[str, Any]) -> list[str]:
    """Kinds of layers whose LUTs FINN does not estimate: its sum does not hold them."""
    return sorted({str(layer["op"]).removesuffix("_rtl") for layer in netlist["layers"] if "lut" not in layer.get("finn", {})})


def _fold(key: str, value: int) -> str:
    return "parallel window" if key == "parallel_window" else f"{key.upper()} {value}"


def _totals(data: ReportData) -> list[dict[str, Any]]:
    sums = {key: _sums(data.netlist["layers"], key) for key in COSTS}
    return [{"name": key.upper(), "ours": ours, "finn": finn, "part": (data.part or {}).get(key)} for key, (ours, finn) in sums.items()]


def _stream(item: Mapping[str, Any]) -> dict[str, Any]:
    depth, top, stalls, cycles = (item.get(key) for key in ("depth", "max", "stalls", "cycles"))
    return {
        "name": item["name"],
        "told": _told(item["name"]),
        "depth": depth,
        "max": top,
        "unit": item.get("unit", "beats"),
        "fill": top / depth if depth and top is not None else None,
        "stalls": stalls,
        "stalled": stalls / cycles if cycles and stalls is not None else None,
    }


def _told(name: str) -> str:
    """What a counted stream carries, in words."""
    if name.startswith("gate"):
        return f"frames kept after exit {name[4:]}, waiting for stage {int(name[4:]) + 1}"
    if name.startswith("exit"):
        return f"logits of exit {name[4:]}, waiting for their decision"
    return {"input": "images, waiting to be let in", "output": "results, waiting to be fetched"}.get(name, "")


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{int(value):,}"


def _cost(value: float | None) -> str:
    """A predicted cost: whole, or one decimal where that is much of it (half a block RAM)."""
    if not value:
        return "-" if value is None else "0"
    return f"{value:,.1f}" if value < 10 and not float(value).is_integer() else f"{value:,.0f}"
