"""``offramp exit-unit simulate``: a sweep of units through Verilated RTL at full rate, every result against the golden model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.artefacts.exit_unit import SweepFile, SweepRow, SweepSeconds
from build_flows.base.errors import OfframpError
from build_flows.base.ui import Ui
from build_flows.exit_unit.spec import UnitSpec, latency_bound
from build_flows.synthesis import synthesise as synthesis
from quant_models.exits.policies import POLICIES
from sim.units.cases import draw, draw_body
from sim.units.report import Verdict, judge
from sim.units.sweep import Measured, Play, play
from sim.units.unit import Unit, expect
from sim.units.verilog import build_models, make, unit_verilogs

__all__ = ["COLUMNS", "Sweep", "plain_unit", "row_cells", "simulate", "specs"]

COLUMNS = ("policy", "classes", "pe", "verified", "II", "latency min/median/max", "bubbles", "Mcycles/s")
SYNTHESIS_COLUMNS = ("LUT", "paired", "LUTRAM", "FF", "DSP", "BRAM36")
_RESOURCES = ("lut", "lut_paired", "lutram", "ff", "dsp", "bram36")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What to simulate: every unit of ``specs`` with ``samples`` samples. ``stall`` is the probability that an end of a stream is not ready
    in a cycle; ``seed`` draws samples and stalls."""

    specs: Sequence[UnitSpec]
    samples: int = 1000
    stall: float = 0.0
    seed: int = 1
    synth: bool = False


def specs(policies: Sequence[str], classes: Sequence[int], pes: Sequence[int], **common: Any) -> tuple[list[UnitSpec], list[str]]:
    """The units of a sweep, and a note for each pair of numbers that is left out because pe does not divide the classes.

    ``policies`` may be ``["all"]``. ``common`` are further values of :class:`UnitSpec`; ``threshold`` and ``score`` go to the policies that
    have them. Raises :class:`OfframpError` when a value is wrong, or no unit is left.
    """
    names = list(POLICIES) if list(policies) == ["all"] else list(dict.fromkeys(policies))
    for name in names:
        if name not in POLICIES:
            raise OfframpError(f"policy must be all or one of {', '.join(POLICIES)}, not {name!r}")
    pairs = [(count, pe) for count in dict.fromkeys(classes) for pe in dict.fromkeys(pes)]
    threshold, score = common.pop("threshold", None), common.pop("score", "softmax")
    if "class_threshold" in names and (score not in POLICIES or POLICIES[score].unit is None):
        fit = [row.name for row in POLICIES.values() if row.unit is not None]
        raise OfframpError(f"score must be one of {', '.join(fit)}, not {score!r}")
    found, notes = [], []
    for name in names:
        for count, pe in pairs:
            # What is no number of classes or no divisor at all is a fault, not something to leave out.
            if 2 <= count <= 1000 and pe >= 1 and count % pe and len(pairs) > 1:
                note = f"pe {pe} does not divide {count} classes: left out"
                if note not in notes:
                    notes.append(note)
                continue
            own: dict[str, Any] = {"score": score} if name == "class_threshold" else {}
            if POLICIES[score if own else name].unit is not None:
                own["threshold"] = threshold
            found.append(UnitSpec(policy=name, classes=count, pe=pe, **own, **common))
    if not found:
        raise OfframpError(f"no pe of {', '.join(map(str, pes))} divides a number of classes of {', '.join(map(str, classes))}")
    return found, notes


def plain_unit(spec: UnitSpec) -> Unit:
    """The unit in plain numbers, as simulation takes it."""
    decision = spec.decision()
    limits: range = getattr(decision.score, "value_range", decision.threshold_range)
    return Unit(name=spec.name, policy=spec.policy, classes=spec.classes, pe=spec.pe, bits=spec.logit_bits, params=spec.params,
                threshold=spec.integer, limits=(limits[0], limits[-1]), scale=spec.scale, bias=tuple(spec.bias or ()))


def simulate(sweep: Sweep, output: Path, ui: Ui) -> SweepFile:
    """Runs the sweep and writes ``sweep.json`` into ``output``; gives what is in it.

    Verilog and models are kept in ``output/.models`` and found there again. Faults are in the result, under ``faults``: nothing is raised
    for them. Raises :class:`OfframpError`, or what the rooms raise, when the sweep could not be carried out.
    """
    output.mkdir(parents=True, exist_ok=True)
    cache = output / ".models"
    units = [plain_unit(spec) for spec in sweep.specs]
    started = time.perf_counter()
    with ui.progress("writing the units' Verilog", len(units)) as bar:
        verilogs = unit_verilogs(units, cache / "verilog", progress=lambda name: bar.advance())
    with ui.progress(f"building the model of {len(units)} units" if len(units) > 1 else "building the unit's model"):
        places = build_models(units, verilogs, cache)
    built = time.perf_counter()

    with ui.progress("drawing samples"):
        bodies = {count: draw_body(count, units[0].bits, sweep.samples, sweep.seed, units[0].scale)
                  for count in dict.fromkeys(unit.classes for unit in units)}
        # The units of a policy with as many classes have the same samples, whatever pe.
        drawn = {(unit.policy, unit.classes): unit for unit in units}
        samples = {key: draw(unit, sweep.samples, sweep.seed, bodies[unit.classes]) for key, unit in drawn.items()}
        expected = {key: expect(unit, samples[key]) for key, unit in drawn.items()}
    plays = [Play(place=places[unit.name], unit=unit, samples=samples[unit.policy, unit.classes], stall=sweep.stall, seed=sweep.seed)
             for unit in units]
    ready = time.perf_counter()
    with ui.progress("simulating: units verified", len(units)) as bar:
        measured = play(plays, work=cache, progress=lambda index, count, done: bar.advance() if done else bar.update(
            text=f"{units[index].name}: {count:,} of {sweep.samples:,}"))
    ended = time.perf_counter()

    rows, faults = [], []
    for spec, unit, run in zip(sweep.specs, units, measured, strict=True):
        key = unit.policy, unit.classes
        verdict = judge(unit, samples[key], expected[key], run, stalled=sweep.stall > 0, latency=make(unit).latency)
        rows.append(_row(spec, unit, verdict, run, sweep))
        faults += [f"{unit.name}: {fault}" for fault in verdict.faults]
    if sweep.synth:
        rows = _synthesised(rows, verilogs, cache / "synthesis", ui)
    cycles = sum(run.cycles for run in measured)
    result = SweepFile(
        units=rows, faults=faults, seed=sweep.seed, stall=sweep.stall, cycles=cycles, sim_cycles_per_second=round(cycles / (ended - ready)),
        seconds=SweepSeconds(build=round(built - started, 2), draw=round(ready - built, 2), simulate=round(ended - ready, 2)),
    )
    result.save(output / "sweep.json")
    return result


def _row(spec: UnitSpec, unit: Unit, verdict: Verdict, run: Measured, sweep: Sweep) -> SweepRow:
    least, median, most = verdict.latency or (None, None, None)
    alone = unit.policy == unit.scoring
    row = SweepRow(
        name=unit.policy if alone else f"{unit.policy} ({unit.scoring})",
        policy=unit.policy, classes=unit.classes, pe=unit.pe, samples=sweep.samples, agree=verdict.agree,
        ii=verdict.ii, latency_min=least, latency_median=median, latency_max=most,
        latency_bound=latency_bound(unit.classes, unit.pe), bubbles=verdict.bubbles, coverage=verdict.coverage,
        logit_bits=unit.bits, scale=unit.scale, epsilon=spec.bound,
        threshold=spec.real if POLICIES[spec.scoring].unit is not None else None,
        cycles=run.cycles, sim_cycles_per_second=round(run.cycles / max(run.seconds, 1e-6)),
    )
    return row if alone else row.replace(score=unit.scoring)


def _synthesised(rows: Sequence[SweepRow], verilogs: dict[str, str], cache: Path, ui: Ui) -> list[SweepRow]:
    """The rows with what their units take."""
    with ui.progress("synthesising: units done", len(verilogs)) as bar:
        found = synthesis.synthesise_all({name: synthesis.Unit(top=name, verilog=text) for name, text in verilogs.items()}, cache,
                                         progress=lambda name, unit: bar.advance())
    return [
        row.replace(**{field: getattr(found[name].resources, field) for field in _RESOURCES})
        for row, name in zip(rows, verilogs, strict=True)
    ]


def row_cells(row: SweepRow) -> tuple[object, ...]:
    """A row of the table, under ``COLUMNS``, and under ``SYNTHESIS_COLUMNS`` where the unit was synthesised."""
    cycles = [value for value in (row.latency_min, row.latency_median, row.latency_max) if value is not None]
    verified = row.agree if row.agree == row.samples else f"{row.agree:,} of {row.samples:,}"
    cells = (row.policy, row.classes, row.pe, verified, "-" if row.ii is None else row.ii,
             "/".join(f"{value:g}" for value in cycles) or "-", row.bubbles, f"{row.sim_cycles_per_second / 1e6:.1f}")
    return cells + tuple(getattr(row, field) for field in _RESOURCES if field in row.model_fields_set)
