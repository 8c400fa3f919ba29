"""Words of exits that all answer: which sample each is of, and what is wrong with one."""

import dataclasses

import numpy as np
import pytest

from hw.netlist import ResultField
from sim.accelerator.answers import compare_answers, owners, provisional
from sim.errors import AgreementError, SimulationError
from sim.golden import Answers

CONFIDENCE = ResultField(name="confidence", offset=0, width=4, signed=True)


def words(*told):
    """(id, exit, final, last) of every word, as ``owners`` takes them."""
    return [list(column) for column in zip(*told, strict=True)]


def test_a_word_belongs_to_the_next_final_one_of_its_id():
    found = owners(*words((0, 0, 0, 0), (1, 0, 1, 0), (2, 0, 0, 0), (0, 1, 0, 0), (2, 1, 1, 0), (1, 0, 0, 0), (0, 2, 1, 0), (1, 1, 1, 1),
                          (0, 0, 1, 1)))
    assert found.tolist() == [2, 0, 1, 2, 1, 3, 2, 3, 4]


@pytest.mark.parametrize(("told", "message"), [
    (((0, 1, 1, 1), (0, 0, 0, 0)), "result word 0, of id 0: exit 1 answered where exit 0 was to be next"),
    (((0, 0, 0, 0), (0, 0, 0, 0)), "result word 1, of id 0: exit 0 answered where exit 1 was to be next"),
    (((3, 0, 0, 0), (3, 2, 1, 1)), "result word 1, of id 3: exit 2 answered where exit 1"),
    (((0, 0, 0, 0), (1, 0, 1, 1)), "result word 1 ends its batch, and id 0 has had no final result"),
    (((1, 0, 1, 1), (7, 0, 0, 0)), "id 7 has had no final result"),
])
def test_words_out_of_order_lost_or_doubled_are_told(told, message):
    with pytest.raises(SimulationError, match=message):
        owners(*words(*told))


def table():
    """Three samples, of which two pass exit 0 and one exit 1, with the golden answers."""
    fields = {"label": np.array([1, 2, 0]), "confidence": np.array([7, -8, 3]), "exit": np.array([0, 0, 1])}
    found = provisional(fields, np.array([2, 0, 2]), np.array([10, 11, 15]), count=3, exits=3)
    golden = Answers(label=np.array([[2, 0, 0], [1, 1, 1], [1, 0, 2]]), confidence=np.array([[-20, 0, 0], [1, 1, 1], [9, 3, 4]]))
    return found, golden, np.array([1, 0, 2])


def test_words_are_put_in_their_places():
    found, golden, taken = table()
    compare_answers(golden, taken, found, confidence=CONFIDENCE)
    assert found.label.tolist() == [[2, -1], [-1, -1], [1, 0]]
    assert found.latency.tolist() == [[0, -1], [-1, -1], [0, 0]]
    assert found.rows() == [[{"exit": 0, "label": 2, "confidence": -8, "cycle_out": 11}], [],
                            [{"exit": 0, "label": 1, "confidence": 7, "cycle_out": 10},
                             {"exit": 1, "label": 0, "confidence": 3, "cycle_out": 15}]]


@pytest.mark.parametrize(("change", "message"), [
    (lambda found: found.label.__setitem__((2, 1), 1), "1 of 3 samples differ .* sample 2, exit 1: class 1 instead of 0"),
    (lambda found: found.confidence.__setitem__((0, 0), -7), "sample 0, exit 0: confidence -7 instead of -8"),
    (lambda found: found.answered.__setitem__((0, 0), False), "sample 0, exit 0: gave no answer"),
    (lambda found: found.answered.__setitem__((1, 0), True), "sample 1, exit 0: answered, though the sample does not pass it"),
])
def test_a_wrong_answer_is_named(change, message):
    found, golden, taken = table()
    found = dataclasses.replace(found, **{name: getattr(found, name).copy() for name in ("label", "confidence", "answered")})
    change(found)
    with pytest.raises(AgreementError, match=message):
        compare_answers(golden, taken, found, confidence=CONFIDENCE)
