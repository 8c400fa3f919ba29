"""Verifying one design, with steps that give made-up figures."""

import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.verdict import synthesised, used
from build_flows.base.errors import OfframpError
from build_flows.base.ui import SilentUi
from build_flows.explore import verify as module
from build_flows.explore.verify import Bundle, Wanted, errors, verify, verify_away, verify_here
from tests.build_flows.compare_samples import figures, resources
from tests.build_flows.energy_samples import energy
from tests.build_flows.explore.material import outcome
from tests.build_flows.simulation_samples import simulation


class Flow:
    """Steps that write what is sent back."""

    def __init__(self, agree=10000, error=None, **changes):
        self.agree, self.error, self.changes, self.folders = agree, error, changes, []

    def simulate(self, project, ui, samples, stall, seed):
        self.folders.append(project.output)
        if self.error is not None:
            raise self.error
        (project.output / "rtl").mkdir(parents=True, exist_ok=True)
        (project.output / "rtl" / "top.v").write_text("module top;")
        exits = np.zeros(50, np.int64)
        simulation(exits, exits, exits).save(project.output / "sim.json")
        (project.output / "checkpoint.part").write_text("is not sent back")
        return figures([0.8, 0.2], 0.9, 512.5).replace(agree=self.agree)

    def synth(self, project, ui):
        (project.output / "resources.json").write_text("{}")
        return resources(1).replace(**self.changes)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[project]\nname = "a"\noutput = "."\n[data]\nname = "digits"\n[model]\npreset = "digits"\n'
                    '[[exits]]\npolicy = "always"\n')
    return path


def test_what_is_measured(config, monkeypatch):
    monkeypatch.setattr(module, "flow", Flow())
    found, made = verify(config, SilentUi()), resources(1)
    assert (found.accuracy, found.samples, found.shares, found.cycles_per_sample) == (0.9, 10000, [0.8, 0.2], 512.5)
    assert found.accuracy_interval[0] < 0.9 < found.accuracy_interval[1]
    assert found.lut == used(made.total)["lut"]
    assert (found.ff, found.bram36, found.dsp) == (made.total.ff, made.total.bram36, made.total.dsp)
    verdict = synthesised(made)
    assert (found.clock_mhz, found.fits) == (verdict.expected_clock_mhz, verdict.buildable)
    assert found.samples_per_second == pytest.approx(found.clock_mhz * 1e6 / 512.5, rel=1e-6)
    assert found.latency_us == 9 / found.clock_mhz


def test_latency_is_that_of_the_percentile_asked_for(config, monkeypatch):
    class Late(Flow):
        def simulate(self, project, ui, samples, stall, seed):
            figures = super().simulate(project, ui, samples, stall, seed)
            found = SimulationFile.load(project.output / "sim.json")
            late = [item.replace(cycle_out=item.cycle_in + 10 * k) for k, item in enumerate(found.samples)]
            found.replace(samples=late).save(project.output / "sim.json")
            return figures

    monkeypatch.setattr(module, "flow", Late())
    cycles = [round(verify(config, SilentUi(), None, Wanted(percentile=share)).latency_us * verify(config, SilentUi()).clock_mhz)
              for share in (2.0, 50.0, 99.0, 100.0)]
    assert cycles == [0, 240, 490, 490], "of fifty"


def test_what_is_switched_is_counted_where_it_is_asked_for(config, monkeypatch):
    monkeypatch.setattr(module, "flow", Flow())
    assert verify(config, SilentUi()).energy is None
    counted = energy()
    monkeypatch.setattr(module.energy, "measure", lambda project, ui: counted)
    found = verify_here(None, config, wanted=Wanted(energy=True)).measured
    clock = counted.sample.clock * 512.5 / counted.cycles_per_sample
    assert found.energy == counted.sample.replace(clock=clock).weighed(counted.weights) > 0, "clocks at the pace of the whole simulation"
    bundle = Bundle({"design/config.toml": config.read_bytes()}, "design/config.toml")
    assert verify_away({}, bundle, wanted=Wanted(energy=True)).measured == found
    told = errors(found.replace(energy=1.25 * found.energy), found)
    assert told.energy == pytest.approx(0.25)
    assert errors(found, found.replace(energy=None)).energy is None
    assert errors(found.replace(energy=None), found).energy is None


def test_a_clock_that_is_missed_is_no_fit(config, monkeypatch):
    monkeypatch.setattr(module, "flow", Flow(fmax_estimate_mhz=40.0))
    found = verify(config, SilentUi())
    assert not found.fits
    assert found.clock_mhz == 40.0
    assert "clock: 40.0 MHz" in found.short


def test_rtl_that_differs_is_a_failure(config, monkeypatch):
    monkeypatch.setattr(module, "flow", Flow(agree=9999))
    with pytest.raises(OfframpError, match="only 9999 of 10000 samples agree with the golden model"):
        verify(config, SilentUi())
    found = verify_here(None, config)
    assert found.measured is None
    assert "9999 of 10000" in found.error


def test_what_the_user_can_mend_is_told_and_what_is_our_fault_is_raised(config, monkeypatch):
    monkeypatch.setattr(module, "flow", Flow(error=OfframpError("no folding")))
    assert verify_here(None, config).error == "no folding"
    monkeypatch.setattr(module, "flow", Flow(error=AssertionError("ours")))
    with pytest.raises(AssertionError, match="ours"):
        verify_here(None, config)


@pytest.mark.parametrize("fails", [False, True])
def test_away_from_home_a_folder_of_its_own_is_left_behind_clean(config, monkeypatch, fails):
    steps = Flow(agree=0 if fails else 10000)
    monkeypatch.setattr(module, "flow", steps)
    found = verify_away({"data/x.npz": b"data"}, Bundle({"design/config.toml": config.read_bytes()}, "design/config.toml"))
    [folder] = steps.folders
    assert not folder.exists()
    assert (found.measured is None) is fails
    assert found.files is not None
    assert sorted(found.files) == ["rtl.tar.gz", "sim.json"] if fails else ["resources.json", "rtl.tar.gz", "sim.json"]
    with tarfile.open(fileobj=BytesIO(found.files["rtl.tar.gz"])) as archive:
        assert "rtl/top.v" in [Path(name).as_posix() for name in archive.getnames()]


def test_errors_are_predicted_less_measured():
    predicted = outcome(0.9, 1e5, 1100, shares=[0.7, 0.2, 0.1], bram36=4.5, dsp=12, ff=1900, cycles_per_sample=1020.0)
    measured = outcome(0.905, 1e5, 1000, shares=[0.72, 0.15, 0.13], bram36=4, dsp=15, ff=2000, cycles_per_sample=1000.0)
    found = errors(predicted, measured)
    assert found.cycles == pytest.approx(0.02)
    assert (found.lut, found.ff) == (pytest.approx(0.1), pytest.approx(-0.05))
    assert (found.bram36, found.dsp) == (0.5, -3)
    assert (found.shares, found.accuracy) == (pytest.approx(0.05), pytest.approx(-0.005))
    assert found.inside
    assert not errors(predicted, measured.replace(accuracy_interval=(0.911, 0.93))).inside
    assert not errors(predicted, measured.replace(accuracy_interval=(0.8, 0.889))).inside
