"""What the page of an exploration says follows from its figures, and calls a prediction one."""

import pytest

from build_flows.pages.explore_words import bits_told, signed, summary, tiles
from tests.build_flows.explore_samples import changed, sample, unverified


def told(**changes: object) -> str:
    return "\n".join(summary(sample().replace(**changes)))


def test_the_summary_follows_the_figures() -> None:
    text = told()
    for part in (
        "e0-conv-softmax-w4-c320-l0.5 is the fastest with exits and alone-w4-c864 the fastest without. 383,273 samples a second against "
        "143,148 are 2.68 times as many, at 90.30 % accuracy against 90.72 %; all measured.",
        "e0-conv-entropy-w4-c448-l0.25 takes 76.0 % of its DSPs, which limit it: 158 against 208, at 271,373 samples a second",
        "The space holds 4,320 designs; all of them were looked at, one by one, 1,512 a minute, in 19,440 variants of thresholds.",
        "750 variants are predicted to fit xc7z020clg400-1 and hold what must hold (accuracy 0.85 and samples per second 20,000); 30 ",
        "on the front of accuracy, throughput, lut, 20 of them verified.",
        "The fastest of the front, of those that were verified, is e0-conv-max_logit-w2-c192-l2: 86.61 % (85.9 to 87.3) accuracy at "
        "633,913 samples a second in 17,515 LUTs, measured.",
        "The smallest of the front, of those that were verified, is e0-pool-max_logit-w2-c2592-l0.25: 87.83 % (87.2 to 88.5)",
        "at most 2.10 points of the accuracy of its last exit alone (that is e0-conv-max_logit-w2-c192-l2), with 95 % confidence for all",
        "2 of 33 early exits on the front do not pay: more multiplications are spent on the head than saved behind it: exit 1 of e01-",
        "Over 24 verified designs predictions were off by at most 1.8 % in cycles a sample, 5.5 % in LUTs,",
        "by their 95 % intervals, in 24 of 24.",
        "no longer on the front: e0-conv-softmax-w2-c224-l0.5-moved (87.82 % and 550,506 samples a second measured, 88.09 % and",
        "Verification of e01-conv-w4a4-c96 failed: the FIFOs of stage 1 were not found.",
    ):
        assert part in text, part


def test_an_optimiser_that_saw_a_part_is_told_with_its_seed() -> None:
    run = sample().evaluated.replace(size=100_000, points=2_000, complete=False, optimiser="NSGA-II", seconds=60.0)
    text = told(evaluated=run, seed=7, must={})
    assert "100,000 designs; 2,000 of them (2.0 %) were looked at, as NSGA-II chose them with seed 7, 2,000 a minute" in text
    assert "fit xc7z020clg400-1; 30 designs" in text
    assert "a minute" not in told(evaluated=run.replace(seconds=0.0))


def test_what_was_not_verified_is_called_predicted() -> None:
    text = "\n".join(summary(unverified(sample())))
    assert "The fastest of the front is e0-conv-max_logit-w3-c192-l2: 88.53 % (87.7 to 89.3) accuracy at 643,322 samples" in text
    assert "No design was verified: every figure here is predicted." in text
    assert "all predicted." in text
    for word in ("measured", "On new images", "no longer on the front"):
        assert word not in text
    figures = tiles(unverified(sample()))
    assert not any("measured" in what for _, what in figures)
    assert ("0 of 30", "designs on the front verified in RTL and synthesis") in figures


def test_exits_that_are_worth_nothing_are_no_success() -> None:
    poor = [row.replace(predicted=row.predicted.replace(accuracy=0.5), measured=None, errors=None) for row in sample().front]
    text = told(front=poor)
    assert text.startswith("No design with early exits that fits is within half a point of the accuracy of the best one without them; all "
                           "predicted.")
    assert "What exits are worth" not in told(front=[], alone=[])
    assert "of the front is" not in told(front=[])
    slow = [row.replace(measured=row.measured and row.measured.replace(samples_per_second=1000.0)) for row in sample().front]
    assert "None of the designs with exits that are so accurate keeps the rate of alone-w4-c864." in told(front=slow)


@pytest.mark.parametrize(("count", "text"), [
    (0, "Each of the 33 early exits on the front saves more than it costs"), (1, "1 of 33 early exits on the front does not pay"),
    (6, ", and 2 more."),
])
def test_exits_that_do_not_pay_are_named(count: int, text: str) -> None:
    assert text in told(pays=[item.replace(pays=index >= count) for index, item in enumerate(sample().pays)])
    assert "pay" not in told(pays=[])


def test_a_design_that_turned_out_too_large_is_told() -> None:
    (gone,) = sample().moved
    assert gone.measured is not None
    large = gone.replace(measured=gone.measured.replace(fits=False, short=["DSP: 240 of 220"]))
    assert f"{gone.name} (does not fit: DSP: 240 of 220)." in told(moved=[large])


def test_a_design_that_came_too_late_is_told() -> None:
    (gone,) = sample().moved
    assert gone.measured is not None
    late = gone.replace(measured=gone.measured.replace(latency_us=31.26), predicted=gone.predicted.replace(latency_us=2.5))
    assert " µs" not in told(moved=[late]), "not asked for"
    text = told(moved=[late], must={"latency_us": 12.0, "latency_percentile": 99.0})
    assert "and 31.3 µs measured" in text
    assert "and 2.5 µs predicted" in text


def test_where_no_verified_design_without_exits_can_be_built_nothing_is_compared() -> None:
    """Predictions would be compared, as if the clock that was measured did not matter."""
    (one, *_) = sample().alone
    assert one.measured is not None
    slow = one.replace(measured=one.measured.replace(fits=False, short=["clock: 117.7 MHz"]))
    poor = [row.replace(predicted=row.predicted.replace(accuracy=0.5), measured=None, errors=None) for row in sample().front]
    text = told(front=poor, alone=[], moved=[slow])
    assert text.startswith("What exits are worth is not known: of designs without them 1 were verified, and cannot be built (clock: "
                           "117.7 MHz).")
    assert "within half a point" not in text


def test_tiles_say_what_they_are() -> None:
    assert tiles(sample()) == [
        ("2.68 x", "the samples a second of the fastest without exits, accuracy within half a point; measured"),
        ("76 %", "of its DSPs at its rate; measured"), ("4,320", "designs looked at, 1,512 a minute; predicted"),
        ("20 of 30", "designs on the front verified in RTL and synthesis"),
        ("1.8 %, 5.5 %", "the most that predicted cycles, and LUTs, were off"),
    ]


def test_accuracy_outside_its_interval_counts() -> None:
    name = next(row.name for row in sample().front if row.errors is not None)
    errors = next(row.errors for row in sample().front if row.name == name)
    assert errors is not None
    assert "in 23 of 24." in "\n".join(summary(changed(sample(), name, errors=errors.replace(inside=False))))


@pytest.mark.parametrize(("value", "digits", "text"), [(0.04, 1, "0.0"), (-0.04, 1, "0.0"), (1.25, 1, "+1.2"),
                                                     (-2.5, 2, "-2.50"), (3.0, 0, "+3")])
def test_signs(value: float, digits: int, text: str) -> None:
    assert signed(value, digits) == text


def test_bits() -> None:
    assert bits_told(sample().front[0].replace(weight_bits=3, act_bits=4)) == "3-bit weights, 4-bit activations"
