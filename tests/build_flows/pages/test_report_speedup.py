"""How a project compares with the same network without exits: by a comparison of this very RTL, or not at all."""

from build_flows.pages.report_speedup import find_row, speedup
from tests.build_flows.compare_samples import changed, sample

NAME = "early-conv-max-logit"
FOUND = changed(sample(), NAME, rtl="ab12")


def test_the_baseline_in_its_own_resources_comes_first() -> None:
    told = speedup(FOUND, "ab12")
    assert told is not None
    assert told.name == "layouts_b_lenet"
    row, same, rate = find_row(FOUND, "ab12"), *told.bases
    assert row is not None
    assert (same.told, rate.told) == ("in the same resources", "designed for the same target rate")
    assert (same.times, rate.times) == (row.speedup.resources, row.speedup.rate)
    assert (same.gain, rate.gain) == (row.accuracy_gain.resources, row.accuracy_gain.rate)
    assert (same.cycles, rate.cycles) == (2160.0, 1300.0)
    assert (same.trouble, rate.trouble) == (None, None)


def test_only_the_very_rtl_is_meant() -> None:
    assert speedup(FOUND, "cd34") is None
    # A baseline is not compared with itself, nor a layout without early exits.
    assert speedup(changed(sample(), "no-exits", rtl="ab12"), "ab12") is None
    assert speedup(FOUND.replace(layouts=[row for row in FOUND.layouts if row.baseline is None]), "ab12") is None


def test_the_resources_of_another_layout_are_not_its_own() -> None:
    told = speedup(changed(sample(), "late-conv", rtl="ab12"), "ab12")
    assert told is not None
    assert [base.told for base in told.bases] == ["designed for the same target rate"]


def test_another_target_rate_and_what_cannot_be_built_are_said() -> None:
    other = speedup(changed(FOUND, NAME, target_cycles_per_sample=640), "ab12")
    assert other is not None
    assert other.bases[1].told == "designed for 1,296 cycles a sample"
    large = speedup(changed(FOUND, "no-exits", fits=False), "ab12")
    slow = speedup(changed(FOUND, "no-exits", fmax_estimate_mhz=90.0), "ab12")
    assert large is not None
    assert slow is not None
    assert (large.bases[1].trouble, slow.bases[1].trouble) == ("does not fit", "misses its clock")
