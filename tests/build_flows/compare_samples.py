"""A made-up comparison for the tests of its plots and its page."""

from typing import Any

from build_flows.artefacts.compare import COUNTS, CompareFile, Matched, Taken
from build_flows.artefacts.resources import (
    Capacity,
    EstimateErrors,
    EstimateRow,
    Estimates,
    LayerEstimate,
    ResourcesFile,
    Shares,
    Sums,
    TimingRecord,
    UnitRecord,
    UnitTiming,
)
from build_flows.artefacts.simulation import ExitFigures, Figures
from build_flows.compare.pareto import front
from build_flows.compare.rows import finish, make_row
from build_flows.project.config import Config

CAPACITY = Capacity(lut=53200, lutram=17400, ff=106400, bram36=140, dsp=220, carry=13300)
KEYS = ("lut", "lut_paired", "lutram", "ff", "bram36", "dsp", "carry")
NO_ESTIMATE = EstimateRow(lut=None, ff=None, bram36=None, dsp=None)


def config(exits: list[dict[str, Any]], cycles: int = 1296, name: str = "x") -> Config:
    """A configuration with these early exits."""
    return Config.model_validate({
        "project": {"name": name}, "data": {"name": "fashion-mnist"}, "model": {"preset": "b_lenet"},
        "exits": [*exits, {"policy": "always"}], "target": {"cycles_per_sample": cycles},
    })


def unit(name: str, kind: str, size: int, *, stage: int | None = None, head: bool = False, exit_cost: bool = False) -> UnitRecord:
    """A synthesised unit of about ``size`` LUTs."""
    layer = kind == "layer"
    return UnitRecord(
        name=name, kind=kind, op="MVAU_rtl" if layer else None, stage=stage, head=head, exit_cost=exit_cost, lut=size,
        lut_paired=size * 9 // 10, lutram=size // 8, ff=size * 3 // 2, bram36=size / 2000 // 0.5 * 0.5 if layer else 0,
        dsp=size // 90 if layer else 0, carry=size // 12,
        timing=UnitTiming(fmax_mhz=120.0, path="a to b", path_ns=8.3, in_ns=None, out_ns=None, through_ns=None),
    )


def resources(early: int, size: int = 6000) -> ResourcesFile:
    """``resources.json`` of a layout with ``early`` early exits, whose backbone takes about ``size`` LUTs."""
    units = [unit(f"stage{k}_conv0", "layer", size // (k + 1), stage=k) for k in range(early + 1)]
    units += [unit(f"head{early}_fc0", "layer", 900, stage=early, head=True), unit("decision_last", "decision", 90, stage=early)]
    for k in range(early):
        units += [
            unit(f"head{k}_fc0", "layer", 1500, stage=k, head=True, exit_cost=True),
            unit(f"decision{k}", "decision", 400, stage=k, exit_cost=True),
            unit(f"gate{k}", "gate", 350, stage=k, exit_cost=True), unit(f"fork{k}", "fork", 60, stage=k, exit_cost=True),
        ]
    units += [unit("fifo0", "fifo", 120, stage=0), unit("merge", "merge", 150), unit("registers", "control", 300)]
    total: dict[str, Any] = {key: sum(getattr(item, key) for item in units) for key in KEYS}
    added = [item for item in units if item.exit_cost]
    used: dict[str, Any] = {**total, "lut": total["lut"] + total["lutram"]}
    there = CAPACITY.to_json()
    short = [f"{key.upper()}: {used[key]} of {there[key]}" for key in COUNTS if used[key] > there[key]]
    unknown = LayerEstimate(finn=NO_ESTIMATE, corrected=NO_ESTIMATE, synthesised=NO_ESTIMATE,
                            error=EstimateErrors(finn=NO_ESTIMATE, corrected=NO_ESTIMATE))
    return ResourcesFile(
        part="xc7z020clg400-1", capacity=CAPACITY, clock_mhz=100.0, total=Sums(**total), total_of="sum of units",
        sum_of_units=Sums(**total), whole=None, shares=Shares(**{key: used[key] / there[key] for key in COUNTS}), fits=not short,
        short=short, fmax_estimate_mhz=118.4 - 9 * early,
        timing=TimingRecord(fmax_mhz=118.4 - 9 * early, period_ns=8.4, path_ns=8.4, in_ns=None, out_ns=None, through_ns=None, path=[],
                            assumptions=[]),
        path="about 118 MHz", units=units, stages=[],
        exits_add=Shares(**{key: sum(getattr(item, key) for item in added) / total[key] if total[key] else 0.0 for key in COUNTS}),
        memories=[], memories_elsewhere=[], estimates=Estimates(layers=[], total=unknown), vivado=None,
    )


def figures(shares: list[float], accuracy: float, cycles: float) -> Figures:
    """What the simulation says of a run in which ``shares`` leave at each exit."""
    return Figures(
        samples=10000, agree=10000, accuracy=accuracy, cycles_per_sample=cycles, clock_mhz=100.0,
        samples_per_second=1e8 / cycles, limited_by="stage 0, stage0_conv0_mvau", sim_cycles_per_second=1e6, cycles=int(10000 * cycles),
        exits=[ExitFigures(share=share, accuracy=accuracy if share else None, latency_median=900.0 if share else None) for share in shares],
        stages=[],
    )


def exit_at(after: int, head: str, policy: str) -> dict[str, Any]:
    return {"after": after, "head": head, "policy": policy}


def sample() -> CompareFile:
    """What ``compare`` returns for ten layouts."""
    layouts: list[tuple[str, str | None, list[dict[str, Any]], list[float], float, float, int]] = [
        ("no-exits", "rate", [], [1.0], 0.9084, 1300.0, 9000),
        ("baseline-resources", "resources", [], [1.0], 0.9084, 2160.0, 7300),
        ("early-conv-max-logit", None, [exit_at(0, "conv", "max_logit")], [0.71, 0.29], 0.9081, 1305.0, 6000),
        ("early-conv-softmax", None, [exit_at(0, "conv", "softmax")], [0.73, 0.27], 0.9079, 1304.0, 6000),
        ("early-conv-entropy", None, [exit_at(0, "conv", "entropy")], [0.72, 0.28], 0.9080, 1306.0, 6100),
        ("early-pool-softmax", None, [exit_at(0, "pool", "softmax")], [0.52, 0.48], 0.9042, 1303.0, 5600),
        ("early-linear", None, [exit_at(0, "linear", "margin")], [0.55, 0.45], 0.9040, 1302.0, 5900),
        ("late-conv", None, [exit_at(1, "conv", "softmax")], [0.83, 0.17], 0.9076, 1310.0, 7000),
        ("both-conv", None, [exit_at(0, "conv", "softmax"), exit_at(1, "conv", "softmax")], [0.7, 0.2, 0.1], 0.9071, 1307.0, 5800),
        ("both-big", None, [exit_at(0, "conv", "softmax"), exit_at(1, "pool", "entropy")], [0.7, 0.18, 0.12], 0.9069, 655.0, 41000),
    ]
    rows = []
    for name, baseline, exits, shares, accuracy, cycles, size in layouts:
        wanted = 2150 if baseline == "resources" else 1296
        rows.append(make_row(name, baseline, config(exits, wanted), figures(shares, accuracy, cycles), resources(len(exits), size),
                             f"{name}/config.toml", wanted))
    rows[1] = rows[1].replace(matched=Matched(
        layout="early-conv-max-logit", total=resources(1).total, fits=True,
        predicted=Taken(lut=9000.0, bram36=3.5, dsp=100.0), allowed=Taken(lut=9500.0, bram36=4.0, dsp=103.0),
    ))
    rows = finish(rows)
    objectives = ["accuracy", "throughput", "lut"]
    best = front(rows, objectives)
    return CompareFile(
        version=1, name="layouts_b_lenet", source="layouts_b_lenet.toml",
        layouts=[row.replace(pareto=index in best) for index, row in enumerate(rows)], part="xc7z020clg400-1",
        capacity=CAPACITY, objectives=objectives, pareto=[rows[index].name for index in best],
        include_unbuildable=False, unbuildable=[row.name for row in rows if not row.buildable],
        reference="early-conv-max-logit", full=False, failed=[],
        weights="All layouts and baselines take their weights from one training of all their exits together.",
    )


def changed(found: CompareFile, layout: str, **changes: object) -> CompareFile:
    """``found`` with other values of the row of ``layout``, and what follows from them."""
    rows = [row.replace(**changes) if row.name == layout else row for row in found.layouts]
    again = [
        row.replace(accuracy_gain=told.accuracy_gain, within_noise=told.within_noise) for row, told in zip(rows, finish(rows), strict=True)
    ]
    return found.replace(layouts=again, unbuildable=[row.name for row in again if not row.buildable])
