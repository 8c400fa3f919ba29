"""A design that was predicted, as it is: compiled, run in the RTL with the test images, and synthesised."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from build_flows.artefacts.energy import EnergyFile
from build_flows.artefacts.explore import Errors, Outcome
from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.verdict import synthesised, used
from build_flows.base.errors import OfframpError, explain
from build_flows.base.interval import wilson
from build_flows.base.ui import SilentUi, Ui
from build_flows.project.load import load
from build_flows.steps import energy, flow
from build_flows.steps.simulate_options import options

__all__ = ["KEPT", "PLAIN", "Bundle", "Verified", "Wanted", "errors", "steady_energy", "verify", "verify_away", "verify_here"]

KEPT = ("sim.json", "resources.json", "energy.json", "sizing.json", "synthesis.json", "exits.json", "metrics.json", "folding.toml",
        "netlist.json")
"""What a worker without our disk sends back of a design, beside what was measured."""


@dataclass(frozen=True)
class Wanted:
    """What is measured beside what always is: whether what a sample switches is counted (``energy``), and of how many percent of the
    samples the latency is told."""

    energy: bool = False
    percentile: float = 99.0


PLAIN = Wanted()


@dataclass(frozen=True)
class Verified:
    """What was ``measured`` of a design (None: it failed, as ``error`` says in words), and artefacts by name, where they are not in the
    design's own folder."""

    measured: Outcome | None
    error: str = ""
    files: dict[str, bytes] | None = None


@dataclass(frozen=True)
class Bundle:
    """A design for a worker without our disk: ``files`` relative to a folder, among them the configuration ``config``."""

    files: dict[str, bytes]
    config: str


def verify(config: Path, ui: Ui, data: Path | None = None, wanted: Wanted = PLAIN) -> Outcome:
    """All steps of the configuration up to the simulation with its test images and to synthesis; ``data`` goes before its ``data.path``.
    What is fresh is not done again. Raises :class:`OfframpError` where the RTL and the golden model differ, and what the steps raise."""
    project = load(config, data)
    chosen = options(project)
    found = flow.simulate(project, ui, samples=chosen.samples, stall=chosen.stall, seed=chosen.seed)
    if found.agree != found.samples:
        raise OfframpError(f"only {found.agree} of {found.samples} samples agree with the golden model")
    resources = flow.synth(project, ui)
    verdict, total = synthesised(resources), resources.total
    counted = energy.measure(project, ui) if wanted.energy else None
    took = [item.cycle_out - item.cycle_in for item in SimulationFile.load(project.output / "sim.json").samples]
    return Outcome(
        accuracy=found.accuracy, accuracy_interval=wilson(found.accuracy, found.samples), samples=found.samples,
        shares=[item.share for item in found.exits], cycles_per_sample=found.cycles_per_sample,
        samples_per_second=verdict.rate(found.cycles_per_sample), clock_mhz=verdict.expected_clock_mhz,
        lut=used(total)["lut"], ff=total.ff, bram36=total.bram36, dsp=total.dsp, fits=verdict.buildable,
        short=[*resources.short, *([] if verdict.meets_clock is not False else [f"clock: {verdict.expected_clock_mhz:.1f} MHz"])],
        energy=None if counted is None else steady_energy(counted, found.cycles_per_sample),
        latency_us=float(np.percentile(took, wanted.percentile, method="inverted_cdf")) / verdict.expected_clock_mhz,
    )


def steady_energy(counted: EnergyFile, cycles_per_sample: float) -> float:
    """What a sample switches, weighed, where one comes every ``cycles_per_sample``: few are counted, and the cycles in which the design
    fills and empties for them are no sample's."""
    clock = counted.sample.clock * cycles_per_sample / counted.cycles_per_sample
    return counted.sample.replace(clock=clock).weighed(counted.weights)


def verify_here(data: Path | None, config: Path, wanted: Wanted = PLAIN) -> Verified:
    """:func:`verify` of a configuration on a disk that all share; an error of ours is told in words."""
    return _caught(lambda: verify(config, SilentUi(), data, wanted))


def verify_away(shared: dict[str, bytes], bundle: Bundle, wanted: Wanted = PLAIN) -> Verified:
    """:func:`verify` of ``bundle`` with the files that all bundles ``share``, in a folder of its own that is removed afterwards."""
    with TemporaryDirectory(prefix="offramp-") as folder:
        for name, content in {**shared, **bundle.files}.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        config = Path(folder) / bundle.config
        found = _caught(lambda: verify(config, SilentUi(), wanted=wanted))
        kept = {name: (config.parent / name).read_bytes() for name in KEPT if (config.parent / name).is_file()}
        rtl = config.parent / "rtl"
        if rtl.is_dir():
            archive = shutil.make_archive(str(Path(folder) / "rtl"), "gztar", config.parent, "rtl")
            kept["rtl.tar.gz"] = Path(archive).read_bytes()
        return Verified(found.measured, found.error, kept)


def _caught(work: Callable[[], Outcome]) -> Verified:
    try:
        return Verified(work())
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        return Verified(None, told.message)


def errors(predicted: Outcome, measured: Outcome) -> Errors:
    """How far off the prediction was."""
    low, high = measured.accuracy_interval
    least, most = predicted.accuracy_interval
    return Errors(
        cycles=predicted.cycles_per_sample / measured.cycles_per_sample - 1, lut=predicted.lut / measured.lut - 1,
        ff=predicted.ff / measured.ff - 1, bram36=predicted.bram36 - measured.bram36, dsp=predicted.dsp - measured.dsp,
        shares=max((one - other for one, other in zip(predicted.shares, measured.shares, strict=True)), key=abs),
        accuracy=predicted.accuracy - measured.accuracy, inside=least <= high and low <= most,
        energy=predicted.energy / measured.energy - 1 if predicted.energy is not None and measured.energy else None,
    )
