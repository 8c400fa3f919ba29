"""The report tells what the artefacts hold, in one file that needs nothing else."""

import re
from dataclasses import replace
from typing import Any

import pytest

from build_flows.artefacts.compare import Change
from build_flows.artefacts.resources import StageSums
from build_flows.artefacts.simulation import AnytimeExit, AnytimeRecord
from build_flows.artefacts.verdict import capacity, decide, synthesised
from build_flows.base.parts import find_part
from build_flows.pages.html import share_told
from build_flows.pages.report import overloaded, render
from build_flows.pages.report_data import CountedStream, ReportData, SizedFifo, SizedGate
from build_flows.pages.report_speedup import BaseRow, SpeedupRow
from quant_models.exits.policies import POLICIES
from quant_models.training.records import TakenRecord
from tests.build_flows.compare_samples import resources
from tests.build_flows.html_balance import Balance
from tests.build_flows.report_samples import metrics, sample_data

pytestmark = pytest.mark.usefixtures("drawings")


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample_data())


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str) -> None:
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", re.sub(r"xlink:href=\"#", 'href="#', html))
    assert "<script" not in html
    assert "@import" not in html


def test_it_tells_what_the_artefacts_hold(html: str) -> None:
    told = (
        "97.22 %", "131.2", "762,195", "stage0_conv0", "All 360 results",
        "stage1_pool0", "parallel window, PE 4, SIMD 9", "PE 4, SIMD 12", "xc7z020clg400-1",
        "built for 35 % of samples", "6 frames", "offramp run examples/digits.toml", "gate0",
    )  # fmt: skip
    for part in told:
        assert part in html, part
    assert html.count("<svg") == 6


def _with_exit(policy: str, params: dict[str, Any], threshold: int, real: Any) -> ReportData:
    """Sample data with another first exit, and its threshold in real numbers as calibration tells it."""
    data = sample_data()
    first, *others = data.netlist.exits
    built = replace(first, policy=policy, params=params, threshold=threshold)
    calibration = data.exits.calibration.replace(real_thresholds={} if real is None else {"0": real})
    return replace(data, netlist=replace(data.netlist, exits=(built, *others)), exits=data.exits.replace(calibration=calibration))


@pytest.mark.parametrize(
    ("policy", "params", "threshold", "real", "told"),
    [
        ("max_logit", {}, 41, 2.132, "when its greatest logit is at least the threshold: 2.13 (a logit); as an integer, 41"),
        ("margin", {}, 7, 0.5, "when its greatest logit is ahead of the next one by at least the threshold: 0.5 (a difference of logits); "
         "as an integer, 7"),
        ("softmax", {}, 69905, 0.9374, "when its greatest softmax probability is at least the threshold: 0.937 (a probability); "
         "as an integer, 69905"),
        ("entropy", {}, -9000, 0.25, "when the entropy of its softmax probabilities is at most the threshold: 0.25 (nats); "
         "as an integer, -9000"),
        ("patience", {}, 2, 2.0,
         "when at least so many exits of this policy in a row, this one included, find the same class: 2 (a number of exits); "
         "as an integer, 2"),
        ("class_threshold", {"score": "entropy", "score_params": {}, "thresholds": [1, 2, 3]}, 0, [0.5, 0.125, 0.25],
         "when the entropy of its softmax probabilities is at most the threshold of the class that wins: 0.125 to 0.5 (nats)"),
        ("max_logit", {}, 41, None, "when its greatest logit is at least the threshold; as an integer, 41"),
        ("never", {}, 0, None, "in no case (a disabled exit)"),
    ],
)
def test_it_tells_when_a_sample_leaves(policy: str, params: dict[str, Any], threshold: int, real: Any, told: str) -> None:
    """In the words of the table of policies."""
    html = " ".join(render(_with_exit(policy, params, threshold, real)).split())
    assert told in html
    assert POLICIES["always"].summary in html


def test_a_fifo_that_was_made_smaller_is_no_overflow() -> None:
    fifos = [SizedFifo(name="a_swg_to_a_mvau", bits=64, depth=2, reached=34), SizedFifo(name="a_to_b", bits=8, depth=13, reached=11)]
    html = render(replace(sample_data(), fifos=fifos))
    assert html.count("made smaller, same cycles a frame") == 1
    assert '<td class="n">34</td><td class="n">2</td>' in html


def test_what_is_predicted_says_so() -> None:
    data = sample_data()
    assert "Predicted, from" not in render(data)
    gates = [SizedGate(exit=0, frames=6, held=None, kilobits=8.0, loss=0.2, utilisation=0.8)]
    html = " ".join(render(replace(data, intervals=[128, 300, 500], gates=gates)).split())
    # 1 * 128 is more than 0.35 * 300 and 0.12 * 500; bursts take a fifth of the throughput
    assert "for the reach it was built for: 160." in html
    assert "predicted</th>" in html


def test_costs_stand_beside_the_part(html: str) -> None:
    dsp = sum((12, 8, 16, 4, 11, 1))
    for part in (f">{dsp}<", ">220<", f"{100 * dsp / 220:.1f} %", "no LUT estimate for MaxPool,"):
        assert part in html, part


def test_counters_of_a_part_of_the_run_say_so() -> None:
    assert "went on after an interruption" in render(replace(sample_data(), resumed=True))
    assert "went on after an interruption" not in render(sample_data())


def test_colours_come_from_the_page(html: str) -> None:
    assert "var(--c0)" in html
    assert not re.search(r"#0[0-9a]0[0-9]0[0-9]\b", html)


def test_the_same_data_give_the_same_bytes(html: str, drawings: dict[Any, bytes]) -> None:
    drawings.clear()
    assert render(sample_data()) == html


def test_what_is_not_known_is_left_out() -> None:
    data = sample_data()
    bare = replace(data, samples=(), streams=(), metrics=None, curves=(), part=None, made={})
    html = render(bare)
    assert html.count("<svg") == 2
    assert 'id="streams"' not in html


def test_a_short_run_has_no_course_of_its_throughput() -> None:
    html = render(sample_data(count=2))
    assert "All 2 results" in html
    assert "Cycles per sample over the run" not in html
    assert "Cycles per sample over the run" in render(sample_data(count=3))


def test_answers_of_every_exit_are_told() -> None:
    data = sample_data()
    exits = [AnytimeExit(answered=1.0, accuracy=0.9, latency_median=240.0), AnytimeExit(answered=0.0, accuracy=None, latency_median=None)]
    html = " ".join(render(replace(data, results=data.results.replace(anytime=AnytimeRecord(words_per_sample=1.474, exits=exits)))).split())
    assert "<b>1.47</b> result words per sample" in html
    told = share_told(0.9, data.results.samples)
    assert f'<td class="n">100.0 %</td><td class="n">{told}</td><td class="n">240 cycles</td>' in html
    assert '<td class="n">0.0 %</td><td class="n">-</td><td class="n">-</td>' in html
    assert "result words per sample" not in render(data)


def test_an_overloaded_stage_is_named() -> None:
    assert overloaded(sample_data()) is None
    hard = sample_data(leave=(0.0, 0.0, 1.0))
    told = overloaded(hard)
    assert told is not None
    assert told.startswith(
        "Stage 2 sets the pace: 100.0 % of the samples reached it, it was planned for 12.0 %, and each takes it 576 cycles"
    )
    assert told in render(hard)


def test_weights_taken_from_another_training_are_told() -> None:
    data = sample_data()
    html = render(replace(data, metrics=metrics(0, TakenRecord(digest="x", exits=[1, 4, 6]))))
    told = "Not trained here: the weights are those of another training, of a network with 7 exits, of which these are 1, 4, 6."
    assert told in " ".join(html.split())
    assert "Accuracy of each exit alone, on the validation split." not in html
    assert "Not trained here" not in render(data)


def test_names_cannot_inject_markup() -> None:
    data = sample_data()
    html = render(replace(data, made={"Command": {"x": "<script>alert(1)</script>"}}, streams=[CountedStream(name="<b>")]))
    assert "<script" not in html
    assert "&lt;b&gt;" in html


TAKEN = {"lut": 9000, "lutram": 900, "ff": 9000, "bram36": 4, "dsp": 75, "carry": 900}
PART = find_part("pynq-z2")


def test_what_does_not_fit_is_red_and_no_success() -> None:
    verdict = decide("predicted", PART.name, {**TAKEN, "dsp": 303}, capacity(PART), 100.0, None)
    html = render(replace(sample_data(), verdict=verdict))
    head = " ".join(html[html.index("<header>"):html.index('<section id="exits">')].split())
    assert '<p class="box bad">✗ Does not fit xc7z020clg400-1: DSP: 303 of 220 (predicted, not synthesised yet); clock not' in head
    assert "To change that: raise target.cycles_per_sample (now 128), lower model.weight_bits (now 4)" in head
    assert "✓" not in html
    assert 'class="good"' not in html
    assert '<div class="tile wrong"><b>762,195</b><span>samples per second at 100 MHz, the clock set, not estimated yet, if it' in head
    assert '<div class="tile wrong"><b>137.7 %</b><span>of the DSPs of xc7z020clg400-1, the fullest resource; predicted' in head


def test_a_rate_is_given_at_the_clock_to_expect() -> None:
    """In the headline, the DMA's traffic and latencies; a clock that is missed is red."""
    data = sample_data()
    results = data.results.replace(exits=[item.replace(latency_median=231.0) for item in data.results.exits])
    slow = decide("synthesised", PART.name, TAKEN, capacity(PART), 100.0, 92.4)
    html = " ".join(render(replace(data, verdict=slow, results=results)).split())
    assert "✗ Fits xc7z020clg400-1 (synthesised by Yosys); misses its clock of 100 MHz: 92.4 MHz estimated before placement." in html
    assert "set target.clock_mhz (now 100) to 92 or less" in html
    rate = 92.4e6 / 131.2
    assert f'<div class="tile wrong"><b>{rate:,.0f}</b><span>samples per second at 92.4 MHz, the clock estimated</span>' in html
    assert '231 cycles, 2.5 µs' in html
    assert f"{64 * rate / 1e6:,.1f}" in html[html.index("images in"):]
    assert "762,195" not in html


def test_a_clock_that_is_not_estimated_is_said() -> None:
    verdict = decide("predicted", PART.name, TAKEN, capacity(PART), 100.0, None)
    html = render(replace(sample_data(), verdict=verdict))
    assert "Fits xc7z020clg400-1 (predicted, not synthesised yet); clock not estimated yet, 100 MHz is set." in html
    assert "offramp synth counts the resources and estimates the clock" in html
    assert "✓ All 360 results" in html
    assert 'class="tile wrong"' not in html


def test_what_was_synthesised_is_told() -> None:
    found = resources(1)
    sums = StageSums(stage=None, head=False, units=3, **vars(found.total))
    found = found.replace(stages=[sums, sums.replace(stage=0), sums.replace(stage=0, head=True)])
    html = " ".join(render(replace(sample_data(), resources=found, verdict=synthesised(found, PART))).split())
    section = html[html.index('<section id="resources">'):html.index('<section id="dma">')]
    total = found.total
    for told in (f"{total.lut + total.lutram:,}", f"{total.ff:,}", ">53,200<", f"{100 * total.dsp / 220:.1f} %", "about 118 MHz", "head 0",
                 "between and around", f"{100 * found.exits_add.lut:.1f} %", "unit by unit and summed",
                 ">13,300<", f">{total.carry:,}<"):
        assert told in section, told
    assert "routed by Vivado" not in section
    assert "✓ All 360" in html
    assert "nothing synthesised" not in html
    assert 'id="resources"' not in render(sample_data())
    large = resources(2, 41000)
    assert '<td class="n bad">397.7 %' in render(replace(sample_data(), resources=large, verdict=synthesised(large, PART)))


def test_the_speed_up_is_in_the_headline_where_it_is_known() -> None:
    gain = Change(difference=-0.0028, low=-0.012, high=0.006, paired=True)
    bases = [BaseRow(told="in the same resources", times=2.4, rate=317580.0, cycles=314.9, gain=gain, trouble=None),
             BaseRow(told="designed for the same target rate", times=0.98, rate=777000.0, cycles=128.7, gain=None, trouble="does not fit")]
    html = " ".join(render(replace(sample_data(), speedup=SpeedupRow(name="layouts", bases=bases))).split())
    assert '<b>2.40 \u00d7</b><span>the throughput of the same network without exits in the same resources</span>' in html
    assert "in accuracy not told apart from it (-0.28 points, 95 % interval -1.20 to +0.60 points)" in html
    assert 'designed for the same target rate <span class="bad">does not fit</span></td><td class="n"><b>0.98</b>' in html
    alone = render(replace(sample_data(), speedup=SpeedupRow(name="layouts", bases=bases[1:])))
    assert "network without exits designed for the same target rate, which does not fit</span>" in alone
    assert "without exits" not in render(sample_data())


def test_accuracies_stand_with_their_interval(html: str) -> None:
    assert "95 % interval 95.0 % to 98.5 %" in html
    assert "92.00 % (86.0 to 95.2)" in html


def test_disagreement_is_not_dressed_up() -> None:
    data = sample_data()
    html = render(replace(data, results=data.results.replace(agree=359)))
    assert "Only 359 of 360" in html
    assert "✓" not in html


def test_words_of_the_dma_are_told() -> None:
    html = render(sample_data())
    section = html[html.index('<section id="dma">'):]
    row = section[section.index("images in"):section.index("results out")]
    assert '<td class="n">16</td><td class="n">16</td><td class="n">100.0 %</td>' in row
