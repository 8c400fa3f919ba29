"""Relative energy: sums over resources, and two designs beside each other."""

import itertools

import pytest

from build_flows.artefacts.energy import SPREAD, WEIGHTS, EnergyFile, Switching, compared, weightings
from tests.build_flows.energy_samples import energy


def test_it_is_read_as_it_was_written(tmp_path):
    energy().save(tmp_path / "energy.json")
    assert EnergyFile.load(tmp_path / "energy.json") == energy()


def test_resources_are_weighed_one_by_one():
    weights = Switching(lut=10, ff=100, dsp=1000, bram36=10_000, clock=100_000)
    assert Switching(lut=1, ff=2, dsp=3, bram36=4, clock=5).weighed(weights) == 543_210
    assert (Switching(lut=1, clock=2) + Switching(lut=3, dsp=1)).times(2) == Switching(lut=8, dsp=2, clock=4)


def test_waiting_costs_what_a_cycle_without_images_does():
    found = energy(cycles=100)
    assert found.at(100) == found.sample
    assert found.at(150) == found.sample + found.idle.times(50)
    with pytest.raises(ValueError, match="cycles must be at least 100, not 99"):
        found.at(99)


def test_a_clock_that_stands_still_saves_where_there_is_no_work():
    found = energy()
    saved = 2000 * 0.1 + 1000 * 0.75
    assert found.gating == pytest.approx(saved * WEIGHTS.clock / found.sample.weighed(WEIGHTS))


def test_one_rate_is_that_of_the_slower_design():
    fast, slow = energy(cycles=100), energy(cycles=300, times=2.0)
    equal, full = compared(fast, slow)
    one, other = fast.at(300).weighed(WEIGHTS), slow.sample.weighed(WEIGHTS)
    assert equal.times == pytest.approx(other / one)
    assert full.times == pytest.approx(2.0)
    assert (full.least, full.most) == (pytest.approx(2.0), pytest.approx(2.0))
    back, _ = compared(slow, fast)
    assert back.times == pytest.approx(1 / equal.times)
    assert (back.least, back.most) == (pytest.approx(1 / equal.most), pytest.approx(1 / equal.least))


def test_clocks_may_differ():
    """They are those that can be expected, not those that are set."""
    fast = energy(cycles=100)
    slow = fast.replace(verdict=fast.verdict.replace(expected_clock_mhz=fast.verdict.expected_clock_mhz / 2))
    assert compared(fast, slow)[0].times == pytest.approx(fast.sample.weighed(WEIGHTS) / fast.at(200).weighed(WEIGHTS))


def test_no_weights_within_the_spread_are_outside_the_range():
    """The extremes are at the corners: of weights in between, none gives a ratio beyond."""
    one = energy(times=1.0)
    other = energy().replace(sample=Switching(lut=300, ff=900, dsp=9, bram36=0.2, clock=2500))
    _, full = compared(one, other)
    assert not full.sure
    for factors in itertools.product((1 / SPREAD, 0.7, 1.0, 2.0, SPREAD), repeat=5):
        weights = Switching(**{name: getattr(WEIGHTS, name) * factor for name, factor in zip(Switching.model_fields, factors, strict=True)})
        assert full.least - 1e-9 <= other.sample.weighed(weights) / one.sample.weighed(weights) <= full.most + 1e-9
    assert len(list(weightings(WEIGHTS))) == 33


def test_an_order_is_sure_when_it_is_the_same_for_all_weights():
    assert compared(energy(), energy(times=1.1))[1].sure
    assert compared(energy(), energy(times=0.9))[1].sure
    assert not compared(energy(), energy())[1].sure
