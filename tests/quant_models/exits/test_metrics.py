"""Figures worked out by hand."""

import numpy as np
import pytest

from quant_models.exits.metrics import (
    Overthinking,
    Overthought,
    Reliability,
    ReliabilityBin,
    calibration_error,
    confusion,
    overthinking,
    probabilities,
)


def test_probabilities_are_those_of_real_logits() -> None:
    found = probabilities(np.array([[0, 10], [7, 7], [100_000, 0]]), 0.1)
    assert found[0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])
    assert found[1] == pytest.approx([0.5, 0.5])
    assert found[2] == pytest.approx([1.0, 0.0])


def test_calibration_error_by_hand() -> None:
    found = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    told = calibration_error(found, np.array([0, 0, 1, 1]), bins=10)
    assert [row.samples for row in told.bins] == [1, 3]
    assert [row.confidence for row in told.bins] == pytest.approx([0.6, 0.9])
    assert [row.accuracy for row in told.bins] == pytest.approx([0, 2 / 3])
    assert told.ece == pytest.approx((3 * abs(2 / 3 - 0.9) + abs(0 - 0.6)) / 4)


def test_certainty_that_is_right_has_no_error() -> None:
    assert calibration_error(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])).ece == 0
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([1])).bins == [ReliabilityBin(confidence=1.0, accuracy=0.0, samples=1)]
    assert calibration_error(np.zeros((0, 2)), np.zeros(0, np.int64)) == Reliability(ece=None, bins=[])


def test_confusion_counts_rows_of_truth() -> None:
    assert confusion(np.array([0, 0, 2]), np.array([1, 1, 2]), 3) == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_overthinking_by_hand() -> None:
    labels = np.zeros(4, np.int64)
    told = overthinking([np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])], labels)
    assert told == Overthinking(
        exits=[Overthought(lost=0.25, gained=0.25), Overthought(lost=0.25, gained=0.25)], destructive=0.5, any=1.0,
        first=[0.5, 0.25, 0.25], pairs=[(0, 1, 0.25), (0, 2, 0.25), (1, 2, 0.25)],
    )
    assert told.to_json()["pairs"] == [[0, 1, 0.25], [0, 2, 0.25], [1, 2, 0.25]]


def test_a_single_exit_cannot_overthink() -> None:
    told = overthinking([np.array([0, 1])], np.array([0, 0]))
    assert (told.exits, told.destructive, told.any, told.pairs) == ([], 0.0, 0.5, [])
