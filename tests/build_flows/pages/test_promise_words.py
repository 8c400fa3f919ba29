"""The promise in words: what was asked for, how sure it is and what it does not cover."""

import pytest

from build_flows.pages.promise_words import promise_words
from quant_models.exits.records import Calibration, Wanted


def calibrated(wanted: Wanted, **told: object) -> Calibration:
    return Calibration.model_validate({
        "wanted": wanted, "samples": 287, "accuracy": 0.97, "last_exit_accuracy": 0.98, "exit_accuracy": [0.9, 0.98], "real_thresholds": {},
        "epsilon": {}, **told,
    })


@pytest.mark.parametrize(("promise", "wanted", "words"), [
    ("confidence", Wanted(accuracy_loss=0.01), [
        "promise: exits lose at most 1 points of accuracy, with 90 % confidence", "overlapping windows"]),
    ("average", Wanted(accuracy_loss=0.005), [
        "at most 0.5 points of accuracy on average", "this one loses at most 0.95 points", "one user"]),
    ("none", Wanted(shares=[0.5]), ["nothing is promised of the accuracy", "with 90 % confidence exits lose at most 0.95 points"]),
])
def test_each_promise_says_how_sure_it_is(promise: str, wanted: Wanted, words: list[str]) -> None:
    told = promise_words(calibrated(wanted, promise=promise, confidence=0.9, proof_samples=240, harms=3, bound=0.0095))
    for part in (*words, "3 of 240 images kept for the proof lost their right answer"):
        assert part in told


def test_nothing_is_said_where_nothing_was_kept_for_a_proof() -> None:
    assert promise_words(calibrated(Wanted(shares=[0.5]))) == ""
