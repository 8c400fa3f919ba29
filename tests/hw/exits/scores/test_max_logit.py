"""MaxLogit: the greatest logit against the threshold, at both ends of its range."""

import pytest

from hw.exits.scores.max_logit import MaxLogit


@pytest.mark.parametrize("pe", [1, 2, 4])
@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_max_logit(run, pe, gap):
    dut = MaxLogit(classes=4, pe=pe, logit_bits=6, params={}, confidence_bits=4)
    assert dut.threshold_range == range(-32, 33)
    rows = [[-32] * 4, [31, 31, -5, 0], [-3, -2, -1, -4], [5, 9, 9, 9], [-32, -32, 31, 31]] * 3
    thresholds = [-32, 32, -1, 10, 31, -31, 31, -2, 9, 32, 32, -32, 0, 8, -32]
    found = run(dut, rows, thresholds, gap)
    assert [item.leave for item in found] == [max(row) >= threshold for row, threshold in zip(rows, thresholds, strict=True)]
    assert [item.label for item in found] == [row.index(max(row)) for row in rows] == [item.winner for item in found]
    assert [item.confidence for item in found] == [max(-8, min(max(row), 7)) % 16 for row in rows]
    assert {(item.after, item.taken) for item in found} == {(dut.latency, 0)}


def test_refuses():
    with pytest.raises(ValueError, match="params of MaxLogit must have no key, not tau"):
        MaxLogit(classes=4, pe=2, logit_bits=6, params={"tau": 1}, confidence_bits=4)
