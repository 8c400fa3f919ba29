"""Results say whether the design can be built, and at what clock a rate is."""

from pathlib import Path

from build_flows.artefacts.sizing import CostRecord, SizingFile
from build_flows.artefacts.verdict import Verdict
from build_flows.base.interval import wilson
from build_flows.pages.html import share_told
from offramp.results import Compilation, Resources, Simulation, Training
from tests.build_flows.cli.stand_in import RESULT, TOO_LARGE, TOO_SLOW, VERDICT
from tests.build_flows.compare_samples import resources
from tests.build_flows.report_samples import exits, metrics

ALARM = "cannot be built: does not fit xc7z020clg400-1: DSP: 303 of 220 (predicted, not synthesised yet); clock not estimated yet"


def simulation(verdict: Verdict) -> Simulation:
    rate = verdict.rate(RESULT.cycles_per_sample)
    return Simulation.model_validate({**RESULT.to_json(), "samples_per_second": rate, "verdict": verdict})


def test_a_simulation_tells_fit_clock_and_the_rate_to_expect() -> None:
    assert "cannot be built" not in repr(simulation(VERDICT))
    assert "772,201 at 100 MHz, the clock set, not estimated yet" in repr(simulation(VERDICT))
    assert ALARM in repr(simulation(TOO_LARGE))
    slow = repr(simulation(TOO_SLOW))
    assert "713,745 at 92.4 MHz, the clock estimated" in slow
    assert "cannot be built: fits xc7z020clg400-1 (synthesised by Yosys); misses its clock of 100 MHz" in slow
    assert "97.50 % (95.3 to 98.7)" in slow


def test_accuracies_are_told_with_their_intervals() -> None:
    assert "95.00 % (89.6 to 98.0)" in repr(simulation(VERDICT))
    trained = Training(metrics(), exits(), metrics().exits)
    alone, first = metrics().exits[0].accuracy, trained.exits[0]
    assert first.accuracy_interval == wilson(alone, 144)
    assert share_told(alone, 144) in repr(trained)
    assert f"trained: {share_told(trained.accuracy, 144)} of the validation split" in repr(trained)


def test_what_was_compiled_tells_whether_it_fits() -> None:
    sizing = SizingFile(stages=[], fifos={}, gates=[], cost=CostRecord(lut=1, lutram=0, ff=2, bram18=0, dsp=303))
    assert ALARM in repr(Compilation(sizing, Path("rtl"), Path("folding.toml"), TOO_LARGE))
    assert "cannot be built" not in repr(Compilation(sizing, Path("rtl"), Path("folding.toml"), VERDICT))


def test_resources_tell_fit_and_clock() -> None:
    small, large = (Resources.model_validate(found.to_json()) for found in (resources(1), resources(2, 41000)))
    assert "resources: fits xc7z020clg400-1 (synthesised by Yosys); keeps 100 MHz: 109.4 MHz" in repr(small)
    assert "cannot be built" not in repr(small)
    assert "cannot be built: does not fit xc7z020clg400-1: LUT: 85814 of 53200, FF: 122019 of 106400, DSP: 875 of 220" in repr(large)
