"""Never: no sample leaves, and nothing is spent on it."""

import pytest

from hw.exits.scores.never import Never


@pytest.mark.parametrize("pe", [1, 4])
def test_never(run, pe):
    dut = Never(classes=4, pe=pe, logit_bits=6, params={}, confidence_bits=4)
    assert (dut.threshold_range, dut.latency) == (range(1), 0)
    found = run(dut, [[31, 1, 2, 3], [0, 0, 0, 31]] * 3, [0] * 6, 0.3)
    assert [(item.label, item.leave, item.confidence, item.after) for item in found] == [(0, 0, 0, 0)] * 6
