"""Measures the figures of ``docs/exit_unit.md``: single units, by the commands that users run."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import SEED, Figures, run_json
from build_flows.artefacts.exit_unit import SweepFile, SweepRow
from build_flows.base.ui import Ui
from build_flows.exit_unit.simulate import plain_unit
from build_flows.exit_unit.spec import UnitSpec
from build_flows.project.load import load as load_config
from build_flows.steps.data import project_dataset
from quant_models.exits.policies import POLICIES, integer_threshold
from sim import golden
from sim.units.report import judge
from sim.units.sweep import Play as Turn
from sim.units.sweep import play
from sim.units.unit import Samples, Unit, expect
from sim.units.verilog import build_models, make, unit_verilogs

__all__ = ["DATA", "PAGE", "PART", "exit_units"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "exit_unit.md"
DATA = ROOT / "docs" / "exit_unit_benchmark.json"
PICTURES = ("throughput", "latency")
PART = "figures"
LONG = 100_000
LATENCY = {"max_logit": 5, "margin": 5, "softmax": 12, "entropy": 18}
"""Cycles allowed from a sample's first beat to its result, ten classes at once."""
LUTS = {0.05: {"max_logit": 70, "margin": 110, "softmax": 220, "entropy": 420},
        0.002: {"max_logit": 70, "margin": 110, "softmax": 290, "entropy": 500}}
"""LUTs allowed at a logit scale, ten classes one by one."""
PEER = "peer (ATHEENA, FCCM 2023): 1,818 LUT, 1,498 FF, 8 DSP, 180 cycles deep, a sample every 10 cycles"
TAUS = {"softmax": (0.3, 0.5, 0.7, 0.9, 0.99), "entropy": (0.05, 0.2, 0.5, 1.0, 1.5)}
"""Real thresholds that the test images are decided with, in turn."""


def exit_units(ui: Ui) -> str:
    """Measure everything, write it into the page and beside it, and give the table."""
    figures = Figures(ui)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _rate(figures, work)
        _sweep(figures, work)
        _area(figures, work)
        _wide(figures, work)
        _fashion(figures, work)
    _proofs(figures)
    return figures.write(PAGE, PART, DATA)


def _simulate(work: Path, *options: str) -> tuple[SweepFile, str]:
    """What a sweep found, and the command as users give it."""
    command = ["exit-unit", "simulate", *options, "--seed", str(SEED)]
    run_json([sys.executable, "-m", "build_flows.cli.main", *command, "--json", "-o", str(work / "units")], ROOT)
    return SweepFile.load(work / "units" / "sweep.json"), f"`offramp {' '.join(command)}`"


def _rate(figures: Figures, work: Path) -> None:
    """Full rate over many samples, and the latency of ten classes at once."""
    found, how = _simulate(work, "--policy", "all", "--classes", "10", "--pe", "1,10", "--samples", str(LONG))
    units = found.units
    exact = [unit for unit in units if unit.ii == unit.classes // unit.pe and not unit.bubbles and unit.agree == unit.samples == LONG]
    figures.add("interval of any policy, 100,000 samples, no stalls", "classes / pe cycles, no bubble",
                f"{len(exact)} of {len(units)} units: 10 and 1 cycles, no bubble, every sample equal to the golden model",
                len(exact) == len(units), how)
    for name, most in LATENCY.items():
        latency = next(_latency(unit) for unit in units if (unit.policy, unit.pe) == (name, 10))
        figures.add(f"latency of `{name}`, 10 classes at once", f"at most {most} cycles", f"{latency} cycles", latency <= most,
                    "first beat accepted to result valid, in the same run")


def _sweep(figures: Figures, work: Path) -> None:
    """Every policy and shape in one sweep."""
    started = time.monotonic()
    found, how = _simulate(work, "--policy", "all", "--classes", "2,10,100,1000", "--pe", "1,2,5,10", "--samples", "1000")
    seconds = time.monotonic() - started
    units = found.units
    within = [unit for unit in units if _latency(unit) <= unit.latency_bound]
    worst = max(units, key=lambda unit: _latency(unit) - unit.latency_bound)
    spare = worst.latency_bound - _latency(worst)
    figures.add("latency in general", "at most 2 · classes / pe + 2 · ⌈log2 pe⌉ + 12 cycles",
                f"{len(within)} of {len(units)} units (least to spare: {spare} cycles, `{worst.policy}`, {worst.classes} classes, pe "
                f"{worst.pe})", len(within) == len(units), how)
    for name in PICTURES:
        shutil.copyfile(work / "units" / f"{name}.png", PAGE.parent / f"exit_unit_{name}.png")
    agree = sum(unit.agree for unit in units)
    figures.add("that sweep: every sample verified", f"{1000 * len(units):,}", f"{agree:,} in {seconds:.0f} s, Verilog and models built "
                f"({found.sim_cycles_per_second / 1e3:,.0f} k cycles a second)", agree == 1000 * len(units), "the same run")


def _area(figures: Figures, work: Path) -> None:
    """LUTs by Yosys."""
    for scale, allowed in LUTS.items():
        found, how = _simulate(work, "--policy", ",".join(allowed), "--classes", "10", "--pe", "1", "--scale", str(scale),
                               "--samples", "1000", "--synth")
        for unit in found.units:
            most, dsps = allowed[unit.policy], int(unit.policy == "entropy")
            figures.add(f"`{unit.policy}`, 10 classes of 16 bits, pe 1, logit scale {scale}", f"at most {most} LUT, {dsps} DSP, 0 BRAM",
                        _cost(unit), unit.lut <= most and unit.dsp <= dsps and not unit.bram36, how)
    found, how = _simulate(work, "--policy", "softmax", "--classes", "10", "--pe", "10", "--scale", "0.002", "--samples", "1000", "--synth")
    [unit] = found.units
    figures.add("`softmax`, 10 classes at once, a sample a cycle, logit scale 0.002", "at most 1,800 LUT, 0 DSP, 0 BRAM",
                f"{_cost(unit)}; {_latency(unit)} cycles deep, a sample every cycle; {PEER}",
                unit.lut <= 1800 and not unit.dsp and not unit.bram36, how)


def _cost(unit: SweepRow) -> str:
    return (f"{unit.lut:,} LUT (paired {unit.lut_paired:,}), {unit.lutram} LUT as memory, {unit.ff:,} FF, {unit.dsp} DSP, "
            f"{unit.bram36:g} BRAM36")


def _latency(unit: SweepRow) -> int:
    """The greatest one; a unit without a result has been told as a fault."""
    if unit.latency_max is None:
        raise AssertionError(f"{unit.name} gave no result")
    return unit.latency_max


def _wide(figures: Figures, work: Path) -> None:
    found, how = _simulate(work, "--policy", "softmax", "--classes", "1000", "--pe", "8", "--samples", "1000")
    [unit] = found.units
    figures.add("`softmax`, 1000 classes, pe 8", "1000 samples verified", f"{unit.agree} of {unit.samples}, interval {unit.ii}, "
                f"latency {_latency(unit)}", unit.agree == 1000, how)


def _fashion(figures: Figures, work: Path) -> None:
    """The RTL's decisions on the logits of b_lenet's first exit, beside those in real numbers."""
    config = ROOT / "examples" / "b_lenet_fashion.toml"
    run_json([sys.executable, "-m", "build_flows.cli.main", "compile", str(config), "--json"], ROOT)
    project = load_config(config)
    images = project_dataset(project).x_test
    net = golden.load(project.output / "golden.npz")
    logits = net.run(images)[0]
    scale = net.scales[0]
    for name, taus in TAUS.items():
        spec = UnitSpec(policy=name, classes=logits.shape[1], pe=5, scale=scale, logit_bits=16)
        unit = plain_unit(spec)
        which = np.arange(len(logits)) % len(taus)
        limits = np.array([integer_threshold(name, tau, spec.head, spec.params) for tau in taus])
        leaves = _decide(unit, logits, limits[which], work)
        score, wanted = POLICIES[name].real(logits * scale), np.array(taus)[which]  # type: ignore[misc]
        real = score >= wanted if POLICIES[name].rising or name == "softmax" else score <= wanted
        differ = leaves != real
        outside = int((differ & (np.abs(score - wanted) > spec.head.epsilon)).sum())
        within = int(differ.sum()) - outside
        figures.add(
            f"`{name}`: decisions of the RTL on Fashion-MNIST's test images that differ from real numbers, outside epsilon",
            f"0 of {len(images):,}",
            f"{outside} of {len(images):,} (within epsilon = {spec.head.epsilon:g}: {within}; derived bound {spec.bound:.2g})",
            outside == 0 and len(images) == 10_000,
            f"logits of exit 0 of `examples/b_lenet_fashion.toml`, scale {scale:.4g}, thresholds {', '.join(map(str, taus))} in turn",
        )


def _decide(unit: Unit, logits: np.ndarray, thresholds: np.ndarray, work: Path) -> np.ndarray:
    """bool ``[n]``: which samples the RTL lets go, each with its own threshold; every result is checked against the golden model."""
    cache = work / "fashion"
    places = build_models([unit], unit_verilogs([unit], cache / "verilog"), cache)
    rules = np.stack([thresholds, np.ones_like(thresholds), np.zeros_like(thresholds)], axis=1)
    samples = Samples(head=np.zeros((0, logits.shape[1]), np.int32), body=logits.astype(np.int32), rules=rules,
                      exact=np.zeros(len(logits), np.bool_))
    [run] = play([Turn(place=places[unit.name], unit=unit, samples=samples, seed=SEED)], work=work)
    verdict = judge(unit, samples, expect(unit, samples), run, stalled=False, latency=make(unit).latency)
    if verdict.agree != len(logits):
        raise AssertionError(f"{unit.name}: {verdict.faults[0] if verdict.faults else 'RTL and golden model differ'}")
    found: np.ndarray = (run.words >> unit.label_bits & 1).astype(np.bool_)
    return found


def _proofs(figures: Figures) -> None:
    started = time.monotonic()
    found = run_json([sys.executable, "-m", "build_flows.cli.main", "prove", "--json"], ROOT)["proofs"]
    seconds = time.monotonic() - started
    passed = [proof for proof in found if proof["passed"]]
    deep = [proof["depth"] for proof in passed if proof["depth"] is not None]
    units = ", ".join(dict.fromkeys(proof["unit"] for proof in found))
    depth = "for runs of any length"
    if deep:
        depth = f"{len(passed) - len(deep)} for runs of any length, the others up to {min(deep)} cycles"
    figures.add("stream contract proven by model checking, at small sizes", "every proof",
                f"{len(passed)} of {len(found)} ({units}), {depth}, {seconds:.0f} s", len(passed) == len(found), "`offramp prove`")
