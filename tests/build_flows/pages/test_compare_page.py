"""The page of a comparison: one file, every row, nothing but the rows' figures."""

import re

import pytest

from build_flows.artefacts.compare import Failure, Speedup
from build_flows.pages.compare_page import render, summary
from tests.build_flows.compare_samples import changed, sample
from tests.build_flows.html_balance import Balance


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample())


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str) -> None:
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", html)
    assert "<script" not in html
    assert "@import" not in html
    assert html == render(sample())
    assert html.count("<svg") == 4


def test_every_row_is_there_with_its_figures(html: str) -> None:
    for row in sample().layouts:
        assert html.count(f">{row.name}<") >= 2
        figures = (f"{row.lut:,}", f"{row.ff:,}", f"{row.cycles_per_sample:,.0f}", f"{100 * row.accuracy:.2f} %")
        assert all(told in html for told in (*figures, row.config))
    for told in ("DSP: 875 of 220", "0, conv, softmax", "no exits, same target rate", "2,150", "is predicted"):
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


def test_a_failed_layout_is_told() -> None:
    text = render(sample().replace(failed=[Failure(name="broken", error="no folding")]))
    assert "broken failed: no folding" in text


def test_the_summary_follows_the_rows() -> None:
    found = sample()
    told = "\n".join(summary(found))
    assert "early-conv-max-logit is the fastest" in told
    assert "1.66 times the samples a second of the network without exits in the resources of early-conv-max-logit" in told
    assert "0.03 points less accuracy" in told
    assert "Too large for xc7z020clg400-1: both-big (LUT: 91508 of 53200; FF: 122019 of 106400; DSP: 875 of 220)." in told
    assert "By the timing estimate" not in told

    fast = changed(found, "early-linear", samples_per_second=153_000.0, speedup=Speedup(rate=2.0, resources=3.3), fmax_estimate_mhz=90.0)
    told = "\n".join(summary(fast))
    assert "early-linear is the fastest" in told
    assert "That is 2.00 times" in told
    assert "the clock is too fast for early-linear:" in told


@pytest.mark.parametrize(("accuracy", "told"), [(0.9084, "with the same accuracy"), (0.9184, "with 1.00 points more accuracy")])
def test_accuracy_is_compared_in_points(accuracy: float, told: str) -> None:
    assert told in "\n".join(summary(changed(sample(), "early-conv-max-logit", accuracy=accuracy)))


def test_it_does_without_baselines_and_early_exits() -> None:
    found = sample().replace(layouts=[row for row in sample().layouts if row.baseline is None])
    assert "That is" not in "\n".join(summary(found))
    assert "second baseline" not in render(found)
    found = sample().replace(layouts=sample().layouts[:1])
    assert summary(found) == ["No other row beats these in accuracy, throughput, lut together: no-exits, baseline-resources, both-big."]
    render(found)


def test_it_says_what_full_totals_are_of() -> None:
    assert "unit by unit and summed" in render(sample())
    assert "of the complete top as one" in render(sample().replace(full=True))


def test_a_clock_that_was_not_estimated_is_a_dash() -> None:
    assert " MHz</td>" not in render(sample().replace(layouts=[row.replace(fmax_estimate_mhz=None) for row in sample().layouts]))


def test_where_nothing_fits_it_says_so() -> None:
    rows = [row.replace(fits=False, short=["dsp"], matched=row.matched and row.matched.replace(fits=False)) for row in sample().layouts]
    found = sample().replace(layouts=rows)
    told = summary(found)
    assert told[0] == "No layout with early exits fits xc7z020clg400-1."
    assert any(line.startswith("Even the slowest design without exits takes more than early-conv-max-logit") for line in told)
    assert "Even its slowest design is predicted to take more." in render(found)
