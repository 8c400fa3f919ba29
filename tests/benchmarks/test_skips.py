"""FIFOs of skips in the zoo: the least depth is found, and what is built beyond it is told."""

import pytest

from benchmarks.skips import Network, Skip, least_depth, text


@pytest.mark.parametrize("least", [2, 3, 17, 40])
def test_the_least_depth_that_keeps_the_rate(least: int) -> None:
    tried: list[int] = []

    def keeps(depth: int) -> bool:
        tried.append(depth)
        return depth >= least

    assert least_depth(keeps, 40) == least
    assert min(tried) >= 2
    assert len(tried) <= 6


def test_what_is_built_is_near_what_rate_and_rule_need() -> None:
    assert Skip(name="s", rule=5, built=33, least=30).near
    assert Skip(name="s", rule=40, built=40, least=30).near
    assert Skip(name="s", rule=1, built=3, least=2).near
    assert not Skip(name="s", rule=5, built=34, least=30).near


def test_what_goes_into_the_page() -> None:
    found = [Network(name="one", skips=(Skip(name="a", rule=5, built=30, least=30), Skip(name="b", rule=9, built=9, least=4)),
                     samples=8000, right=8000),
             Network(name="two", skips=(Skip(name="c", rule=3, built=40, least=30),), samples=8000, right=7999)]
    told = text(found)
    assert "3 FIFOs between forks and joins in 2 networks; 3 are as deep as the rule asks." in told
    assert "15,999 of 16,000 samples with stalls on both sides have the golden model's result (wanted: 100,000)" in told
    assert "Of 2 whose depth the rate sets, 1 are within 10 % (or a beat)" in told
    assert "of 1 the rule asks more than the rate, and 1 are within 10 % (or a beat) of that" in told
    assert "| two | c | 3 | 30 | 40 |" in told
