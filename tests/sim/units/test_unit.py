"""What must come out of a unit, in cases small enough to see."""

import numpy as np
import pytest

from sim.units.unit import MODES, Samples, Unit, expect


def unit_of(policy="max_logit", *, params=None, **more) -> Unit:
    return Unit(**{"name": "unit", "policy": policy, "classes": 3, "pe": 1, "bits": 8, "params": params or {}, "threshold": 5,
                   "limits": (-128, 128), **more})


def samples_of(logits, threshold=5, **more) -> Samples:
    rows = np.array(logits, np.int32)
    rules = np.tile(np.array([threshold, 1, MODES["policy"]]), (len(rows), 1))
    return Samples(head=rows[:1], body=rows[1:], rules=rules, exact=np.zeros(len(rows), np.bool_), **more)


def told(unit, samples):
    return [tuple(unit.fields(word).values()) for word in expect(unit, samples).words.tolist()]


def test_words_hold_label_exit_and_confidence() -> None:
    assert told(unit_of(), samples_of([[1, 5, 5], [4, -9, 4], [-3, -2, -1]])) == [(1, 1, 5), (0, 0, 4), (2, 0, -1)]


def test_enable_and_mode_come_before_the_policy() -> None:
    samples = samples_of([[9, 0, 0]] * 4 + [[0, 0, 0]] * 4)
    samples.rules[:, 1] = [1, 0, 1, 0] * 2
    samples.rules[:, 2] = [MODES["policy"], MODES["policy"], MODES["never"], MODES["always"]] + [MODES["always"]] * 2 + [MODES["never"], 0]
    assert expect(unit_of(), samples).left.tolist() == [True, False, False, False, True, False, False, False]


def test_biases_are_added_and_confidence_is_saturated() -> None:
    unit = unit_of(bias=(0, 40_000, -40_000))
    assert told(unit, samples_of([[1, 5, 5], [100, -120, 0]])) == [(1, 1, 32767), (1, 1, 32767)]


def test_never_has_neither_label_nor_confidence() -> None:
    assert told(unit_of("never"), samples_of([[0, 0, 7]])) == [(0, 0, 0)]


def test_samples_that_stay_give_tokens_in_order() -> None:
    unit = unit_of("patience", params={"id_bits": 4, "run_bits": 3}, threshold=2, limits=(0, 8))
    samples = samples_of([[0, 9, 0]] * 3 + [[9, 0, 0]], threshold=2, label=np.array([1, 0, 1, 0]), run=np.array([1, 6, 0, 7]))
    expected = expect(unit, samples)
    assert expected.left.tolist() == [True, False, False, True]
    assert [(token & 15, token >> 4 & 3, token >> 6) for token in expected.tokens.tolist()] == [(1, 1, 1), (2, 1, 1)]
    # a run that is full stays so
    assert unit.fields(int(expected.words[3]))["confidence"] == 7


def test_thresholds_of_classes_are_those_written() -> None:
    unit = unit_of("class_threshold", params={"score": "max_logit", "score_params": {}, "thresholds": [5, 5, 5]}, threshold=0)
    samples = samples_of([[4, 0, 0], [0, 4, 0], [0, 0, 6]], class_thresholds=np.array([[1, 4], [2, 7]]))
    assert expect(unit, samples).left.tolist() == [False, True, False]


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_head_and_body_are_one_list(cut) -> None:
    rows = np.array([[1, 5, 5], [4, -9, 4], [-3, -2, -1]], np.int32)
    samples = samples_of(rows)
    samples.head, samples.body = rows[:cut], rows[cut:]
    assert samples.take([2, 0]).tolist() == rows[[2, 0]].tolist()
    assert expect(unit_of(), samples).words.tolist() == expect(unit_of(), samples_of(rows)).words.tolist()
    assert expect(unit_of(), samples).seen == {
        "ties": 2, "all_equal": 0, "extreme": 0, "first_class_wins": 1, "last_class_wins": 1}
