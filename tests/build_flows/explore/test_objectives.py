"""Objectives, fronts and hypervolumes, against what counting gives."""

import numpy as np
import pytest

from build_flows.base.errors import OfframpError
from build_flows.explore.objectives import OBJECTIVES, Scale, chosen, front, values
from tests.build_flows.explore.material import outcome


def beaten(row, others):
    return any((other <= row).all() and (other < row).any() for other in others)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_the_front_is_what_no_other_one_beats(objectives):
    found = np.random.default_rng(objectives).integers(0, 6, (80, objectives)).astype(float)
    wanted = []
    for index, row in enumerate(found):
        first = next(at for at, other in enumerate(found) if (other == row).all())
        if first == index and not beaten(row, found):
            wanted.append(index)
    assert front(found) == wanted
    assert front(found[:0]) == []


def test_the_hypervolume_is_the_share_of_the_box_that_is_beaten():
    found = np.random.default_rng(5).random((12, 2))
    scale = Scale.of(found)
    # Cells of a grid whose best corner some design beats.
    steps = (np.arange(1010) + 0.5) / 1000
    scaled = scale.scaled(found)
    covered = np.zeros((1010, 1010), bool)
    for one, other in scaled:
        covered |= (steps[:, None] >= one) & (steps[None, :] >= other)
    assert scale.hypervolume(found) == pytest.approx(covered.mean(), abs=2e-3)


def test_the_hypervolume_knows_its_ends():
    scale = Scale(np.array([0.0, 10.0]), np.array([1.0, 20.0]))
    assert scale.hypervolume(np.array([[0.0, 10.0]])) == pytest.approx(1)
    assert scale.hypervolume(np.array([[1.0, 20.0]])) == pytest.approx((0.01 / 1.01) ** 2), "the worst in all still counts"
    assert scale.hypervolume(np.array([[2.0, 10.0]])) == 0, "beyond the worst"
    more = scale.hypervolume(np.array([[0.2, 15.0], [0.6, 11.0]]))
    assert more > max(scale.hypervolume(np.array([[0.2, 15.0]])), scale.hypervolume(np.array([[0.6, 11.0]])))


def test_what_is_alike_everywhere_weighs_nothing():
    scale = Scale.of(np.array([[1.0, 5.0], [2.0, 5.0]]))
    assert scale.scaled(np.array([[2.0, 5.0]])).tolist() == [[1.0, 0.0]]


def test_most_is_turned_round_and_least_is_not():
    found = values([outcome(0.9, 2e5, 800), outcome(0.8, 3e5, 700)], chosen(["accuracy", "throughput", "lut", "dsp"]))
    assert found.tolist() == [[-0.9, -2e5, 800, 10], [-0.8, -3e5, 700, 10]]
    assert values([], chosen(["accuracy", "lut"])).shape == (0, 2)


def test_unknown_ones_are_told():
    with pytest.raises(OfframpError, match="no objective is called 'speed'; known are accuracy, throughput, energy, lut, ff, bram36, dsp"):
        chosen(["accuracy", "speed"])
    with pytest.raises(OfframpError, match="no objective was given"):
        chosen([])
    assert [item.most for item in chosen(list(OBJECTIVES))] == [True, True, *[False] * 5]
