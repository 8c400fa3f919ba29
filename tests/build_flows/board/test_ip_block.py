"""Values that a parameter may have."""

import pytest

from build_flows.board.ip_block import Values


@pytest.mark.parametrize(("values", "value", "allowed"), [
    (Values(("8", "16")), "16", True), (Values(("8", "16")), "12", False),
    (Values(low=8, high=26), "26", True), (Values(low=8, high=26), "27", False), (Values(low=8, high=26), "8.5", False),
    (Values(low=8, high=26), "ten", False), (Values(low=-1, high=1, real=True), "-0.051", True),
    (Values(low=-1, high=1, real=True), "-1.5", False), (Values(low=0.1, high=250, real=True), "100", True),
])
def test_values(values, value, allowed):
    assert values.allow(value) is allowed


def test_they_say_what_they_are():
    assert str(Values(("8", "16"))) == "8, 16"
    assert str(Values(low=8, high=26)) == "8 to 26"
