"""Margin: the greatest logit's distance from the next one, from 0 to all there is."""

import pytest

from hw.exits.scores.margin import Margin


@pytest.mark.parametrize("pe", [1, 2, 4])
@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_margin(run, pe, gap):
    dut = Margin(classes=4, pe=pe, logit_bits=6, params={}, confidence_bits=5)
    assert dut.threshold_range == range(65)
    rows = [[-32, 31, -32, -32], [31, 31, -5, 0], [-3, -1, -2, -4], [4, 3, 2, 9], [31, -32, 30, -32]]
    margins = [63, 0, 1, 5, 1]
    for step in (-1, 0, 1):
        thresholds = [max(0, margin + step) for margin in margins]
        found = run(dut, rows, thresholds, gap)
        assert [item.leave for item in found] == [margin >= threshold for margin, threshold in zip(margins, thresholds, strict=True)]
        assert [item.label for item in found] == [1, 0, 1, 3, 0] == [item.winner for item in found]
        assert [item.confidence for item in found] == [min(margin, 15) for margin in margins]
        assert {(item.after, item.taken) for item in found} == {(dut.latency, 0)}
    assert [item.leave for item in run(dut, rows, [0] * 5)] == [1] * 5
    assert [item.leave for item in run(dut, rows, [64] * 5)] == [0] * 5
