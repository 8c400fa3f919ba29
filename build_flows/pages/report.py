"""``report.html``: what was built, how good and how fast it is, and how it was made, in one file that needs nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from build_flows.base.files import write_text
from build_flows.base.interval import wilson
from build_flows.board.dma_traffic import HP_BITS, traffic
from build_flows.pages import html, report_rows
from build_flows.pages import report_plots as plots
from build_flows.pages.html import gain_told, percent, share_told
from build_flows.pages.promise_words import promise_words
from build_flows.pages.report_data import ReportData, gather
from build_flows.pages.report_diagram import diagram
from build_flows.pages.verdict import advice, at_clock, headline, mhz
from build_flows.project.config import Config

__all__ = ["overloaded", "render", "write_report"]

__sources__ = ("templates/report.html.j2",)


def render(data: ReportData) -> str:
    """The report as one HTML document; parts whose data are not given are left out. The same data give the same bytes."""
    verdict = data.verdict
    clock = data.results.clock_mhz if verdict is None else verdict.expected_clock_mhz
    rate = 1e6 * clock / data.results.cycles_per_sample
    return html.render(
        "report.html.j2",
        name=data.config.project.name,
        config=data.config,
        settings=data.config.model_dump(mode="json"),
        results=data.results,
        netlist=data.netlist,
        exits=report_rows.exit_rows(data), promise=promise_words(data.exits.calibration),
        stages=report_rows.stage_rows(data),
        measured=data.intervals is not None,
        overloaded=overloaded(data),
        predicted=report_rows.predicted(data),
        groups=report_rows.stage_layers(data.netlist),
        totals=report_rows.totals(data),
        unknown=report_rows.without_lut(data.netlist),
        streams=report_rows.stream_rows(data.streams),
        fifos=data.fifos,
        gates=data.gates,
        dma=traffic(replace(data.netlist, clock_mhz=clock), rate),
        hp_bits=HP_BITS,
        resumed=data.resumed,
        plots={name: html.markup(text) for name, text in _plots(data).items()},
        diagram=html.markup(diagram(data.netlist, [item.share for item in data.results.exits], data.intervals)),
        made=data.made,
        verdict=verdict,
        clock=clock,
        rate=rate,
        accuracy=wilson(data.results.accuracy, data.results.samples),
        at_clock=f"at {mhz(clock)}" if verdict is None else at_clock(verdict),
        fit="" if verdict is None else headline(verdict),
        advice=None if verdict is None else advice(verdict, data.config),
        resources=data.resources,
        used=report_rows.resource_rows(data),
        sums=report_rows.stage_sums(data),
        speedup=data.speedup,
        validation=data.exits.calibration.samples,
        share_told=share_told,
        gain_told=gain_told,
        taken=None if data.metrics is None else data.metrics.taken,
    )


def write_report(config: Config, file: str, versions: Mapping[str, str], artefacts: Mapping[str, Path], target: Path) -> None:
    """Write the report to ``target``; the rest is as :func:`build_flows.pages.report_data.gather` takes it."""
    write_text(target, render(gather(config, file, versions, artefacts)))


def overloaded(data: ReportData) -> str | None:
    """What to say when more samples reached a later stage than it can take at stage 0's rate; None when none is overloaded."""
    cycles = report_rows.stage_cycles(data)
    arrived = report_rows.reached(data.results)
    load, stage, reach = max((share * interval, k, share) for k, (share, interval) in enumerate(zip(arrived, cycles, strict=True)))
    if stage == 0 or load <= cycles[0]:
        return None
    return (
        f"Stage {stage} sets the pace: {percent(reach)} of the samples reached it, it was planned for "
        f"{percent(data.netlist.stages[stage].reach)}, and each takes it {cycles[stage]:,} cycles. Throughput is that of this stage, not "
        "that of stage 0."
    )


def _plots(data: ReportData) -> dict[str, str]:
    found = {"shares": plots.shares(data.results, [item.leave for item in data.exits.exits])}
    if data.curves:
        found["tradeoff"] = plots.tradeoff(data.curves, data.exits.calibration.last_exit_accuracy)
    if data.samples:
        found["latency"] = plots.latency([item.exit for item in data.samples], [item.cycle_out - item.cycle_in for item in data.samples])
        if len(data.samples) > 2:
            found["throughput"] = plots.throughput([item.cycle_out for item in data.samples], data.results.cycles_per_sample)
    if data.metrics is not None and len(data.metrics.history) > 1:
        found["history"] = plots.history(data.metrics.history)
    return found
