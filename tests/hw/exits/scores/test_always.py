"""Always: every sample leaves, with class and confidence of max_logit."""

from hw.exits.scores.always import Always
from hw.exits.scores.max_logit import MaxLogit


def test_always(run):
    made = {"classes": 4, "pe": 2, "logit_bits": 6, "params": {}, "confidence_bits": 4}
    dut, like = Always(**made), MaxLogit(**made)
    assert dut.threshold_range == range(1)
    assert dut.latency == like.latency
    rows = [[-32] * 4, [31, 31, -5, 0], [-3, -2, -1, -4], [5, 9, 9, 9]]
    found, expected = run(dut, rows, [0] * 4), run(like, rows, [-32] * 4)
    assert [item.leave for item in found] == [1] * 4
    assert found == expected
