"""The page of a comparison: one file, every row, nothing but the rows' figures."""

from typing import Any

import pytest

from build_flows.artefacts.compare import Change, Failure, Speedup
from build_flows.pages.compare_page import render, summary
from build_flows.pages.html import gain_told
from tests.build_flows.compare_samples import changed, sample
from tests.build_flows.html_balance import stands_alone

pytestmark = pytest.mark.usefixtures("drawings")


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample())


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str, drawings: dict[Any, bytes]) -> None:
    stands_alone(html)
    drawings.clear()
    assert html == render(sample())
    assert html.count("<svg") == 4


def test_every_row_is_there_with_its_figures(html: str) -> None:
    for row in sample().layouts:
        assert html.count(f">{row.name}<") >= 2
        figures = (f"{row.lut:,}", f"{row.ff:,}", f">{row.carry:,}<", f"{row.cycles_per_sample:,.0f}", f"{100 * row.accuracy:.2f} %")
        assert all(told in html for told in (*figures, row.config))
    for told in ("DSP: 875 of 220", "0, conv, softmax", "no exits, same target rate", "2,150", "is predicted", "CARRY4, one a slice"):
        assert told in html


def test_it_says_what_is_measured_and_what_is_not(html: str) -> None:
    for told in ("Measured:", "Synthesised:", "Estimated: Fmax", "Set, not measured: the clock", "one training of all their exits"):
        assert told in html


def test_names_are_escaped() -> None:
    found = changed(sample(), "early-conv-max-logit", name="<i>x</i>")
    text = render(found.replace(name="<i>x</i>", failed=[Failure(name="y", error="<u>no</u>")]))
    assert "<i>" not in text
    assert "<u>" not in text
    assert "&lt;u&gt;no" in text


@pytest.mark.usefixtures("any_drawing")
def test_a_failed_layout_is_told() -> None:
    text = render(sample().replace(failed=[Failure(name="broken", error="no folding")]))
    assert "broken failed: no folding" in text


def test_the_summary_follows_the_rows() -> None:
    found = sample()
    told = "\n".join(summary(found))
    assert "early-conv-max-logit is the fastest" in told
    assert "1.66 times the samples a second of the network without exits in the resources of early-conv-max-logit" in told
    assert "resources of early-conv-max-logit (46,296), in accuracy not told apart from it (-0.03 points, 95 % interval" in told
    assert "As fast within 1 %, and in accuracy not told apart from it: early-conv-softmax, early-conv-entropy," in told
    assert "Too large for xc7z020clg400-1: both-big (LUT: 91508 of 53200; FF: 122019 of 106400; DSP: 875 of 220)." in told
    assert "By the timing estimate" not in told

    fast = changed(found, "early-linear", samples_per_second=153_000.0, speedup=Speedup(rate=2.0, resources=3.3))
    told = "\n".join(summary(fast))
    assert "early-linear is the fastest (alone within 1 %)" in told
    assert "That is 2.00 times" in told


@pytest.mark.usefixtures("any_drawing")
def test_what_misses_its_clock_is_no_best() -> None:
    fast = changed(sample(), "early-linear", samples_per_second=153_000.0, fmax_estimate_mhz=90.0, expected_clock_mhz=90.0)
    told = "\n".join(summary(fast))
    assert "early-conv-max-logit is the fastest" in told
    assert "the clock is too fast for early-linear (90 MHz of 100 MHz): their samples a second are given at the clock estimated." in told
    page = render(fast)
    assert "early-linear: misses its clock, 90 MHz estimated of 100 MHz" in page
    assert "153,000<small>at 90 MHz</small>" in page


def test_a_baseline_that_cannot_be_built_is_called_so() -> None:
    told = "\n".join(summary(changed(sample(), "no-exits", fits=False, short=["DSP48E1: 578 of 220"])))
    assert "network without exits designed for the same rate, which does not fit (76,923)" in told


@pytest.mark.parametrize(("change", "told"), [
    ((0.0, -0.008, 0.008), "in accuracy not told apart from it (+0.00 points, 95 % interval -0.80 to +0.80 points)"),
    ((-0.00001, -0.008, 0.008), "in accuracy not told apart from it (+0.00 points, 95 % interval -0.80 to +0.80 points)"),
    ((0.002, -0.006, 0.0099), "in accuracy not told apart from it (+0.20 points, 95 % interval -0.60 to +0.99 points)"),
    ((0.01, 0.0022, 0.0178), "with 1.00 points more accuracy (95 % interval +0.22 to +1.78 points)"),
    ((-0.01, -0.0182, -0.0018), "with 1.00 points less accuracy (95 % interval -1.82 to -0.18 points)"),
])
def test_a_difference_within_its_interval_is_no_better(change: tuple[float, float, float], told: str) -> None:
    difference, low, high = change
    assert gain_told(Change(difference=difference, low=low, high=high, paired=False)) == told


def test_what_cannot_be_built_is_red_and_said_first(html: str) -> None:
    head = html[:html.index("<nav>")]
    assert "1 of 10 rows cannot be built as they are, and are on no front:" in head
    assert "both-big: does not fit, LUT: 91508 of 53200; FF: 122019 of 106400; DSP: 875 of 220" in head
    assert "raise target.cycles_per_sample" in head
    assert html.count('<small class="bad">does not fit</small>') == 1
    assert '<span class="bad">no</span>' in html
    assert '<td class="n bad">875<small>397.7 %</small>' in html
    fitting = sample().replace(layouts=[row for row in sample().layouts if row.fits], unbuildable=[])
    assert 'class="bad' not in render(fitting)
    assert "on no front" not in render(fitting)
    assert "cannot be built as they are:" in render(sample().replace(include_unbuildable=True))


@pytest.mark.usefixtures("any_drawing")
def test_accuracies_stand_with_their_interval(html: str) -> None:
    assert "90.81 % (90.2 to 91.4)" in html
    assert "-0.03<small>-0.83 to +0.77, within noise</small>" in html
    assert "that of two separate sets (Newcombe)" in html
    paired = sample()
    rows = [row.replace(accuracy_gain=row.accuracy_gain.replace(rate=Change(difference=-0.01, low=-0.02, high=-0.001, paired=True)))
            for row in paired.layouts]
    page = render(paired.replace(layouts=rows))
    assert "image by image" in page
    assert "-1.00<small>-2.00 to -0.10</small>" in page


def test_it_does_without_baselines_and_early_exits() -> None:
    found = sample().replace(layouts=[row for row in sample().layouts if row.baseline is None])
    assert "That is" not in "\n".join(summary(found))
    assert "second baseline" not in render(found)
    found = sample().replace(layouts=sample().layouts[:1])
    assert summary(found) == [
        "No other row beats these in accuracy, throughput, lut together, of those that fit and keep their clock: no-exits, "
        "baseline-resources; accuracies that the test images do not tell apart count as equal."
    ]
    render(found)
    assert summary(found.replace(pareto=[])) == [
        "No row is on the front of accuracy, throughput, lut: none fits xc7z020clg400-1 and keeps its clock."
    ]
    assert summary(found.replace(objectives=["lut"], include_unbuildable=True)) == [
        "No other row beats these in lut together: no-exits, baseline-resources."
    ]


@pytest.mark.usefixtures("any_drawing")
def test_it_says_what_full_totals_are_of() -> None:
    assert "unit by unit and summed" in render(sample())
    assert "of the complete top as one" in render(sample().replace(full=True))


@pytest.mark.usefixtures("any_drawing")
def test_a_clock_that_was_not_estimated_is_a_dash() -> None:
    assert " MHz</td>" not in render(sample().replace(layouts=[row.replace(fmax_estimate_mhz=None) for row in sample().layouts]))


def test_where_nothing_fits_it_says_so() -> None:
    rows = [row.replace(fits=False, short=["dsp"], matched=row.matched and row.matched.replace(fits=False)) for row in sample().layouts]
    found = sample().replace(layouts=rows)
    told = summary(found)
    assert told[0] == "No layout with early exits fits xc7z020clg400-1."
    slow = [row.replace(fmax_estimate_mhz=50.0) for row in sample().layouts]
    assert summary(sample().replace(layouts=slow))[0] == "No layout with early exits fits xc7z020clg400-1 at its clock."
    assert any(line.startswith("Even the slowest design without exits takes more than early-conv-max-logit") for line in told)
    assert "Even its slowest design is predicted to take more." in render(found)
