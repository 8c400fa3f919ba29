"""What is said of a run: made-up runs, each with one fault."""

from dataclasses import replace

import numpy as np
import pytest

from sim.units.cases import draw
from sim.units.report import judge
from sim.units.sweep import Measured
from sim.units.unit import Unit, expect

UNIT = Unit(name="unit", policy="patience", classes=6, pe=2, bits=8, params={"id_bits": 8, "run_bits": 4}, threshold=2, limits=(0, 16))
COUNT = 40


@pytest.fixture
def right():
    """Samples, what is expected, and a run in which everything is right: latency 5 from the last beat."""
    samples = draw(UNIT, COUNT, 1)
    expected = expect(UNIT, samples)
    first = 3 * np.arange(COUNT) + 10
    measured = Measured(first=first, last=first + 2, valid=first + 7, taken=first + 7, words=expected.words.copy(),
                        tokens=expected.tokens.copy(), token_cycles=(first + 6)[~expected.left], cycles=200, seconds=0.1, surplus=0,
                        broken=0, stuck=False, restarts=())
    return samples, expected, measured


def changed(values, at, by):
    made = values.copy()
    made[at:] += by
    return made


def verdict(right, *, stalled=False, **changes):
    samples, expected, measured = right
    return judge(UNIT, samples, expected, replace(measured, **changes), stalled=stalled, latency=5)


def test_a_run_without_fault(right) -> None:
    found = verdict(right)
    assert (found.agree, found.ii, found.bubbles, found.latency, found.faults) == (COUNT, 3, 0, (7, 7.0, 7), ())
    assert found.coverage["back_to_back"] == COUNT - 1
    assert found.coverage["gap_at_input"] == found.coverage["stalled_output"] == 0
    assert found.coverage["left"] + found.coverage["stayed"] == COUNT


def test_a_wrong_word_is_told_with_both_values(right) -> None:
    words = right[2].words.copy()
    words[17] ^= 1 << 3
    fields = [UNIT.fields(int(values[17])) for values in (words, right[1].words)]
    got, wanted = (", ".join(f"{name} {value}" for name, value in each.items()) for each in fields)
    found = verdict(right, words=words)
    assert found.agree == COUNT - 1
    assert found.faults == (f"1 of {COUNT} samples differ: sample 17 gave {got}, expected {wanted}",)


def test_a_result_that_never_came(right) -> None:
    measured = right[2]
    gone = {name: np.where(np.arange(COUNT) < 30, getattr(measured, name), -1) for name in ("valid", "taken", "words")}
    found = verdict(right, stuck=True, **gone)
    assert found.agree == 30
    assert "sample 30 gave no result, expected label" in found.faults[0]
    assert "nothing moved any more after 30 of 40 results" in found.faults


@pytest.mark.parametrize("spoil", ["missing", "wrong", "surplus"])
def test_tokens_are_compared_too(right, spoil) -> None:
    tokens = right[1].tokens
    wrong = np.where(np.arange(len(tokens)) == 3, tokens ^ 1, tokens)
    made = {"missing": tokens[:-1], "wrong": wrong, "surplus": np.append(tokens, 7)}[spoil]
    at = {"missing": len(tokens) - 1, "wrong": 3, "surplus": len(tokens)}[spoil]
    found = verdict(right, tokens=made)
    got, wanted = (f"{values[at]:#x}" if at < len(values) else "none" for values in (made, tokens))
    assert found.faults == (f"token {at} is {got}, expected {wanted}",)
    assert (found.agree < COUNT) is (spoil != "surplus")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda m: {name: changed(getattr(m, name), 8, 1) for name in ("first", "last", "valid", "taken")},
         "first beats are taken 4 cycles apart at sample 8, expected 3"),
        (lambda m: {"valid": changed(m.valid, 8, 1), "taken": changed(m.taken, 8, 1)},
         "results come 4 cycles apart at sample 8, expected 3"),
        (lambda m: {"first": m.first - (np.arange(COUNT) == 0)}, "bubble: sample 0 took 4 cycles to enter, expected 3"),
        (lambda m: {"valid": m.valid + 1, "taken": m.taken + 1},
         "latency: sample 0 gave its result 6 cycles after its last beat, expected 5"),
    ],
)
def test_without_stalls_timing_is_exact(right, changes, message) -> None:
    found = verdict(right, **changes(right[2]))
    assert any(message in fault for fault in found.faults)
    assert verdict(right, stalled=True, **changes(right[2])).faults == ()


def test_bubbles_are_counted_and_ii_is_a_mean(right) -> None:
    late = {name: changed(getattr(right[2], name), 8, 4) for name in ("first", "last", "valid", "taken")}
    found = verdict(right, **late)
    assert found.bubbles == 4
    inside = verdict(right, first=right[2].first - (np.arange(COUNT) == 0))
    assert (inside.bubbles, inside.coverage["gap_at_input"], inside.coverage["back_to_back"]) == (1, 1, COUNT - 1)
    assert found.ii == pytest.approx(3 + 4 / 39)
    assert found.coverage["gap_at_input"] == 1


def test_surplus_and_broken_beats(right) -> None:
    assert verdict(right, surplus=2).faults == ("2 results came that belong to no sample",)
    assert verdict(right, broken=3).faults == ("3 times a beat changed or went away before it was taken",)
