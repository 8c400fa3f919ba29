"""Which rows are on the front."""

import itertools

import pytest

from build_flows.artefacts.compare import Row
from build_flows.compare.pareto import OBJECTIVES, ParetoError, front
from tests.build_flows.compare_samples import sample

ROW = sample().layouts[0]


def row(accuracy: float, rate: float, lut: int, lutram: int = 0, **more: float) -> Row:
    return ROW.replace(**{"accuracy": accuracy, "samples_per_second": rate, "lut": lut, "lutram": lutram, "ff": 1, "bram36": 0.5, "dsp": 1}
                       | more)


def test_only_rows_that_none_beats_are_on_the_front():
    rows = [row(0.9, 100, 50), row(0.9, 90, 50), row(0.8, 200, 50), row(0.8, 100, 40), row(0.7, 50, 60)]
    assert front(rows, ["accuracy", "throughput", "lut"]) == [0, 2, 3]
    assert front(rows, ["accuracy"]) == [0, 1]
    assert front(rows, ["throughput"]) == [2]
    assert front(rows, ["lut"]) == [3]
    assert front([], ["lut"]) == []


def test_ties_are_kept_and_the_order_of_rows_does_not_matter():
    rows = [row(0.9, 100, 50), row(0.9, 100, 50), row(0.9, 99, 50), row(0.95, 10, 90)]
    for order in itertools.permutations(range(4)):
        found = front([rows[k] for k in order], ["accuracy", "throughput", "lut"])
        assert found == sorted(found)
        assert {order[k] for k in found} == {0, 1, 3}


def test_what_cannot_be_built_is_on_no_front_unless_asked_for():
    rows = [row(0.9, 100, 50), row(0.95, 200, 40).replace(fits=False, short=["DSP48E1: 303 of 220"]),
            row(0.95, 200, 40).replace(fmax_estimate_mhz=99.9), row(0.8, 90, 45)]
    objectives = ["accuracy", "throughput", "lut"]
    assert front(rows, objectives) == [0, 3]
    assert front(rows, objectives, include_unbuildable=True) == [1, 2]
    assert front(rows[1:3], objectives) == []
    # A clock that is not estimated is no reason.
    assert front([row(0.9, 100, 50).replace(fmax_estimate_mhz=None)], objectives) == [0]


def noisy(*rows: tuple[str, float, int, list[str]]) -> list[Row]:
    """Rows by name, accuracy, LUTs and the names of those whose accuracy is not told apart."""
    return [row(accuracy, 100, lut).replace(name=name, within_noise=alike) for name, accuracy, lut, alike in rows]


def test_accuracy_within_noise_is_no_better():
    rows = noisy(("a", 0.9002, 60, ["b"]), ("b", 0.9, 50, ["a"]), ("c", 0.8, 50, []))
    assert front(rows, ["accuracy", "lut"]) == [1]
    # As good as each other in all that is weighed.
    assert front(rows, ["accuracy"]) == [0, 1]
    assert front(rows, ["lut"]) == [1, 2]


def test_noise_does_not_pass_along_a_chain():
    """c is as accurate as b, b as a, but a is better than c: b falls to the smaller c, so that a stays."""
    rows = noisy(("a", 0.92, 70, ["b"]), ("b", 0.91, 60, ["a", "c"]), ("c", 0.90, 50, ["b"]))
    for order in itertools.permutations(range(3)):
        assert {order[k] for k in front([rows[k] for k in order], ["accuracy", "lut"])} == {0, 2}


def test_luts_are_those_used_as_memory_too():
    assert front([row(0.9, 1, 50, 30), row(0.9, 1, 60, 10)], ["lut"]) == [1]
    assert front([row(0.9, 1, 50, 30), row(0.9, 1, 60, 30)], ["lutram"]) == [0, 1]


@pytest.mark.parametrize("name", ["ff", "bram36", "dsp"])
def test_less_is_better_of_every_resource(name):
    assert front([row(1, 1, 1, **{name: 3}), row(1, 1, 1, **{name: 2})], [name]) == [1]


@pytest.mark.parametrize(("objectives", "message"), [
    (["accuracy", "speed"], "no objective is called 'speed'; known are accuracy, throughput, lut, lutram, ff, bram36, dsp"),
    ([], "no objective was given; known are accuracy, throughput"),
])
def test_unknown_objectives_are_told(objectives, message):
    with pytest.raises(ParetoError) as caught:
        front([row(1, 1, 1)], objectives)
    assert message in caught.value.message
    assert set(OBJECTIVES) == {"accuracy", "throughput", "lut", "lutram", "ff", "bram36", "dsp"}
